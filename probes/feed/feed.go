// Package feed probes a podcast's feed and listens to its newest episodes: the
// whole listen is one trace.
//
//	probe feed
//	├─ feed      the document: hop … and parse
//	└─ episode   one an episode, newest first: hop … and decode
//
// What the document says is told on parse. A document whose bytes are those of
// the run before is not parsed again, and where the server has given it
// validators it isn't sent again either; the parse step then has the same facts,
// and sonde.feed.unchanged. A document of more than 4 MiB is parsed while it
// comes, within body, the first time; after that it waits in a file without a
// name, where the system's temporary directory takes one, until its hash is known.
//
// A document is read as tolerantly as players do, and what is no well-formed XML
// is told by feed_syntax, a warning: the first fault with its line, and how many
// there are. An item that begins within another ends it; warnings before the feed
// and texts after it are read over. Nothing is a feed that begins as a page.
//
// Its encoding is told by a mark or by what it declares; where there is neither
// by the charset of HTTP, but for documents that are parsed while they come; else
// it is UTF-8, and windows-1252 where bytes aren't.
//
// From run to run the probe remembers which show the URL has, and where its
// enclosures led. Another show is told by feed_identity until it has been served
// for a day; a move of nearly all enclosures by enclosure_moved for an hour. An
// agent that is started anew takes what it is served first for the right show.
//
// Options:
//
//	episodes: 1        newest episodes to listen to; 0: the feed only
//	max_bytes: 16 MiB  of the feed's document, inflated
//	stale_after: 14d   warn where the newest item is older
//	full, bytes, seek, head: of the episodes, see package enclosure
//	addresses, ip, x25519_only: see [wire.Choices]
package feed

import (
	"context"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"time"
	"unique"

	"github.com/sonde-media/sonde/internal/wire"
	"github.com/sonde-media/sonde/probes"
	"github.com/sonde-media/sonde/probes/enclosure"
)

// New returns the probe for t, which remembers the feed from run to run. Its
// error joins one [*probes.OptionError] each.
func New(n *wire.Net, t probes.Target) (probes.Func, error) {
	o := Defaults
	err := t.Options.Decode(&o)
	if err := errors.Join(err, o.check()); err != nil {
		return nil, err
	}
	p := &prober{net: n.For(o.Choices), options: unique.Make(o)}
	return func(ctx context.Context, s *probes.Step, t probes.Target) error {
		r := run{prober: p, net: p.net.Visit(), options: p.options.Value(), target: t, now: p.net.Now()}
		return r.probe(ctx, s)
	}, nil
}

type prober struct {
	net     *wire.Net
	options unique.Handle[Options] // shared by very many targets
	memory  memory
}

// A run is one run of a prober.
type run struct {
	*prober
	net     *wire.Net
	options Options
	target  probes.Target
	now     time.Time
}

func (r *run) probe(ctx context.Context, s *probes.Step) error {
	doc, err := r.document(ctx, s)
	if err != nil {
		return err
	}
	return r.listen(ctx, s, doc)
}

// document fetches and reads the feed in a feed step of s.
func (r *run) document(ctx context.Context, s *probes.Step) (_ *document, err error) {
	f := s.Begin("feed")
	defer f.Done(&err)
	in := newIntake(r.now, r.memory.wasLarge())
	defer in.Close()
	since, before := r.memory.recall(r.now)
	res, err := r.net.Fetch(ctx, f, wire.Request{
		URL:   r.target.URL,
		Sink:  in,
		Limit: int64(r.options.MaxBytes),
		Since: since,
		Header: map[string][]string{
			"Accept": {"application/rss+xml, application/atom+xml, application/xml;q=0.9, text/xml;q=0.9, */*;q=0.1"},
		},
		RecordQuery: r.target.RecordQuery,
	})
	if err != nil {
		return nil, err
	}
	in.End()
	if res.Status != http.StatusNotModified {
		before = nil
	}
	return r.parse(f, res, in, before)
}

// parse reads what came with res, or takes what the run before has read where
// nothing has changed since.
func (r *run) parse(f *probes.Step, res *wire.Response, in *intake, before *document) (_ *document, err error) {
	s := f.Begin("parse")
	defer s.Done(&err)
	s.Set(probes.AttrServerAddress, res.URL.Hostname())
	doc, unchanged := before, true
	if before == nil {
		doc, unchanged, err = r.read(res, in)
	} else {
		r.memory.spare()
	}
	if err != nil {
		return nil, unread(err)
	}
	doc.note(s, r.now)
	if unchanged {
		s.Set(probes.AttrFeedUnchanged, true)
	}
	return doc, r.judge(s, doc)
}

// unread is why a document couldn't be read: by its syntax, where err says
// nothing else.
func unread(err error) error {
	if f, ok := errors.AsType[*probes.Failure](err); ok {
		return f
	}
	return probes.Fail(probes.FeedSyntax, err)
}

// read is the document that came with res, and whether it is that of the run
// before.
func (r *run) read(res *wire.Response, in *intake) (doc *document, unchanged bool, err error) {
	_, params, _ := mime.ParseMediaType(res.Header.Get("Content-Type")) // of no type, no charset
	sum := in.sum(params["charset"])
	if doc = r.memory.same(sum, res.URL.String()); doc == nil {
		doc, err = in.document(res.URL, params["charset"], r.options.Episodes)
	} else {
		unchanged = true
	}
	r.memory.learn(doc, sum, res, r.now)
	return doc, unchanged, err
}

// judge notes what is wrong with the document, and fails where nobody can listen.
func (r *run) judge(s *probes.Step, doc *document) error {
	if doc.mended != "" {
		s.Find(probes.Note(probes.FeedSyntax, doc.host, doc.mended))
	}
	if doc.items == 0 && r.options.Episodes > 0 {
		return probes.Fail(probes.FeedEmpty, errors.New("the feed has no items"))
	}
	if doc.items == 0 {
		s.Find(probes.Note(probes.FeedEmpty, doc.host, "the feed has no items"))
		return nil
	}
	if detail := r.stale(doc); detail != "" {
		s.Find(probes.Note(probes.FeedStale, doc.host, detail))
	}
	for _, found := range r.memory.judge(doc, r.now) {
		s.Find(found)
	}
	return nil
}

// stale says how old the newest item is where it is too old, "" where it isn't.
func (r *run) stale(doc *document) string {
	most, _ := probes.ParseAge(r.options.StaleAfter) // checked
	newest := doc.newestAt(r.now)
	old := r.now.Sub(newest)
	switch {
	case most == 0:
	case newest.IsZero():
		return "no item has a date of the past that can be read, so nobody can tell how old the newest is"
	case old > most:
		return fmt.Sprintf("the newest item is of %s, %s ago; stale_after is %s", newest.UTC().Format(time.DateOnly), probes.Roughly(old), r.options.StaleAfter)
	}
	return ""
}

// listen follows the newest episodes to their audio. All of them are tried;
// the error is the first one's.
func (r *run) listen(ctx context.Context, s *probes.Step, doc *document) error {
	if r.options.Episodes == 0 {
		return nil
	}
	if len(doc.episodes) == 0 {
		return r.episode(ctx, s, episode{host: doc.host})
	}
	var errs []error
	for _, e := range doc.episodes {
		errs = append(errs, r.episode(ctx, s, e))
	}
	return errors.Join(errs...)
}

func (r *run) episode(ctx context.Context, s *probes.Step, e episode) (err error) {
	es := s.Begin("episode")
	defer es.Done(&err)
	es.Set(probes.AttrEpisodeGUID, e.guid)
	es.Set(probes.AttrEpisodeTitle, e.title)
	if e.stated.URL == "" {
		es.Set(probes.AttrServerAddress, e.host)
		return probes.Fail(probes.FeedEnclosure, errors.New("no item of the feed has an enclosure"))
	}
	if e.unfit != nil {
		es.Set(probes.AttrServerAddress, e.host)
		at := probes.RecordURLText(e.stated.URL, r.target.RecordQuery)
		return probes.Fail(probes.FeedEnclosure, fmt.Errorf("no way to ask for %q: %w", clip(at), e.unfit))
	}
	l := enclosure.Listener{Net: r.net, Options: r.options.enclosure(), RecordQuery: r.target.RecordQuery}
	if err := l.Listen(ctx, es, e.stated); err != nil {
		if f := probes.AsFailure(err); !f.Code.Ours() {
			es.Find(probes.Note(probes.FeedEnclosure, last(es), fmt.Sprintf("%q can't be played: %s", clip(e.title), f.Code)))
		}
		return err
	}
	return nil
}

// last is the host that an episode's chain got to.
func last(s *probes.Step) (host string) {
	for _, c := range s.Steps {
		if h := c.Text(probes.AttrServerAddress); h != "" {
			host = h
		}
	}
	return host
}

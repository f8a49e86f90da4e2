// Package feed probes a podcast's feed and listens to its newest episodes: the
// whole listen is one trace.
//
//	probe feed
//	├─ feed      the document: hop … and parse
//	└─ episode   one an episode, newest first: hop … and decode
//
// Options:
//
//	episodes: 1        newest episodes to listen to; 0: the feed only
//	max_bytes: 32 MiB  of the feed's document, inflated
//	full: true         fetch whole episodes, without a range
package feed

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/sonde-media/sonde/internal/wire"
	"github.com/sonde-media/sonde/probes"
	"github.com/sonde-media/sonde/probes/enclosure"
)

// Options of the kind.
type Options struct {
	Episodes int   `json:"episodes"`  // newest episodes to listen to
	MaxBytes int64 `json:"max_bytes"` // of the document, inflated
	Full     bool  `json:"full"`      // fetch whole episodes
}

// Defaults are the options of a target that names none. The largest feeds in
// the wild have some ten megabytes.
var Defaults = Options{Episodes: 1, MaxBytes: 32 << 20}

// maxEpisodes bounds what one run may fetch.
const maxEpisodes = 100

func (o Options) check() error {
	var errs []error
	if o.Episodes < 0 || o.Episodes > maxEpisodes {
		errs = append(errs, &probes.OptionError{Key: "episodes", Err: fmt.Errorf("want 0 to %d, got %d", maxEpisodes, o.Episodes)})
	}
	if o.MaxBytes < 1 {
		errs = append(errs, &probes.OptionError{Key: "max_bytes", Err: fmt.Errorf("want 1 (byte) or more, got %d", o.MaxBytes)})
	}
	return errors.Join(errs...)
}

// New returns the probe for t. Its error joins one [*probes.OptionError] each.
func New(n *wire.Net, t probes.Target) (probes.Func, error) {
	o := Defaults
	err := t.Options.Decode(&o)
	if err := errors.Join(err, o.check()); err != nil {
		return nil, err
	}
	p := prober{net: n, options: o}
	return p.probe, nil
}

type prober struct {
	net     *wire.Net
	options Options
}

func (p prober) probe(ctx context.Context, s *probes.Step, t probes.Target) error {
	doc, err := p.document(ctx, s, t)
	if err != nil {
		return err
	}
	return p.listen(ctx, s, t, doc)
}

// document fetches and reads the feed in a feed step of s.
func (p prober) document(ctx context.Context, s *probes.Step, t probes.Target) (_ *document, err error) {
	f := s.Begin("feed")
	defer f.Done(&err)
	res, err := p.net.Fetch(ctx, f, wire.Request{
		URL:  t.URL,
		Keep: p.options.MaxBytes,
		Header: map[string][]string{
			"Accept": {"application/rss+xml, application/atom+xml, application/xml;q=0.9, text/xml;q=0.9, */*;q=0.1"},
		},
		RecordQuery: t.RecordQuery,
	})
	if err != nil {
		return nil, err
	}
	return p.parse(f, res)
}

func (p prober) parse(f *probes.Step, res *wire.Response) (_ *document, err error) {
	s := f.Begin("parse")
	defer s.Done(&err)
	host := res.URL.Hostname()
	s.Set(probes.AttrServerAddress, host)
	doc, err := read(res.Body, res.URL)
	if err != nil {
		return nil, probes.Fail(probes.FeedSyntax, err)
	}
	doc.note(s)
	if doc.mended != "" {
		s.Find(probes.Note(probes.FeedSyntax, host, clip(doc.mended)))
	}
	if doc.items > 0 {
		return doc, nil
	}
	if p.options.Episodes > 0 {
		return nil, probes.Fail(probes.FeedEmpty, errors.New("the feed has no items"))
	}
	s.Find(probes.Note(probes.FeedEmpty, host, "the feed has no items"))
	return doc, nil
}

// listen follows the newest episodes to their audio. All of them are tried;
// the error is the first one's.
func (p prober) listen(ctx context.Context, s *probes.Step, t probes.Target, doc *document) error {
	if p.options.Episodes == 0 {
		return nil
	}
	newest := doc.newest(p.options.Episodes)
	if len(newest) == 0 {
		return p.episode(ctx, s, t, episode{host: doc.host})
	}
	var errs []error
	for _, e := range newest {
		errs = append(errs, p.episode(ctx, s, t, e))
	}
	return errors.Join(errs...)
}

func (p prober) episode(ctx context.Context, s *probes.Step, t probes.Target, e episode) (err error) {
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
		at := probes.RecordURLText(e.stated.URL, t.RecordQuery)
		return probes.Fail(probes.FeedEnclosure, fmt.Errorf("no way to ask for %q: %w", clip(at), e.unfit))
	}
	l := enclosure.Listener{
		Net:         p.net,
		Options:     enclosure.Options{Full: p.options.Full, Bytes: enclosure.Defaults.Bytes, MaxBytes: enclosure.Defaults.MaxBytes},
		RecordQuery: t.RecordQuery,
	}
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

// clip bounds what a stranger may write into a record.
func clip(text string) string {
	return strings.ToValidUTF8(text[:min(len(text), 300)], "")
}

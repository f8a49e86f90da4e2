// Package enclosure probes one audio file as a player would fetch it: through
// every redirect, a range of it first, then by jumping about in it, and looks
// whether it plays.
//
//	probe enclosure
//	├─ hop …    dns, connect, tls, request, body each
//	├─ seek …   what a player asks for besides, on the final URL: what it needs
//	│           to begin, a range in the middle, one near the end
//	├─ head     HEAD on the final URL
//	└─ decode   what the bytes are
//
// Seeks and HEAD share one further connection. Their failures don't fail the
// run: the file plays from its start.
//
// Options:
//
//	full: true         fetch the whole file, without a range
//	bytes: 64 KiB      of the range; at least 1024
//	max_bytes: 1 GiB   with full, where reading stops
//	seek: true         ask for ranges further on
//	head: true         ask by HEAD too
//	integrity: sha…    with full, what the file must hash to
//	addresses, ip, x25519_only: see [wire.Choices]
package enclosure

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"
	"unique"

	"github.com/sonde-media/sonde/internal/wire"
	"github.com/sonde-media/sonde/probes"
)

// New returns the probe for t. Its error joins one [*probes.OptionError] each.
func New(n *wire.Net, t probes.Target) (probes.Func, error) {
	o := Defaults
	err := t.Options.Decode(&o)
	if err := errors.Join(err, o.Check()); err != nil {
		return nil, err
	}
	n = n.For(o.Choices)
	shared := unique.Make(o) // by very many targets
	return func(ctx context.Context, s *probes.Step, t probes.Target) error {
		o := shared.Value()
		l := Listener{Net: n.Visit(), Options: o, RecordQuery: t.RecordQuery}
		return l.Listen(ctx, s, Stated{URL: t.URL, Integrity: o.Integrity})
	}, nil
}

// A Listener fetches enclosures. Of its options it leaves Choices and
// Integrity to its caller: they are in Net and in what is [Stated].
type Listener struct {
	Net         *wire.Net
	Options     Options
	RecordQuery bool
}

// Stated is what a feed says of an enclosure (RSS 2.0, element enclosure; the
// podcast namespace's integrity).
type Stated struct {
	URL       string
	Type      string // "" where nothing is stated
	Length    int64  // bytes; 0 or less where nothing is stated
	Integrity string // as W3C's Subresource Integrity writes it; looked at with Options.Full, and "" where nothing is stated
}

// Listen fetches what e states, with its hop, seek, head and decode steps
// below s.
func (l Listener) Listen(ctx context.Context, s *probes.Step, e Stated) error {
	heard := newEar(l.Options.Full, e.Integrity)
	res, err := l.Net.Fetch(ctx, s, l.request(e.URL, heard))
	if err != nil {
		return err
	}
	f := fileOf(res, s)
	listening := &listening{Listener: l, step: s, file: f, ear: heard, seekable: l.checkFirst(res)}
	heard.replay(res, f.total)
	if r := heard.report(); r.Playable() && r.Err == nil {
		listening.further(ctx)
	}
	return listening.decode(res, e)
}

func (l Listener) request(url string, heard *ear) wire.Request {
	req := wire.Request{URL: url, Sink: heard, RecordQuery: l.RecordQuery}
	if l.Options.Full {
		req.Limit = int64(l.Options.MaxBytes)
		req.Header = http.Header{"Accept-Encoding": {"identity"}}
		return req
	}
	req.Range = fmt.Sprintf("bytes=0-%d", l.Options.Bytes-1)
	req.Keep, req.StopAtKeep = int64(l.Options.Bytes), true
	return req
}

// A listening is one listen under way, past its first answer.
type listening struct {
	Listener
	step     *probes.Step
	file     file
	ear      *ear
	seekable bool // nothing was seen yet of ranges that miss
	told     bool // that answers are of different files
}

// further asks for what a player asks for besides.
func (l *listening) further(ctx context.Context) {
	pool := l.Net.Pool()
	defer pool.Close()
	if l.Options.Seek && l.seekable {
		l.seeks(ctx, pool)
	}
	if l.Options.Head {
		l.head(ctx, pool)
	}
}

// longest is the time of a further request: Media3's DefaultHttpDataSource
// waits as long for an answer.
const longest = 8 * time.Second

// share gives a further request half of the time that is left at most, so that
// one which hangs leaves the other half to what comes after it.
func share(ctx context.Context) (context.Context, context.CancelFunc) {
	wait := longest
	if end, ok := ctx.Deadline(); ok {
		wait = min(wait, time.Until(end)/2)
	}
	return context.WithTimeout(ctx, wait)
}

// settle makes the steps below s those of a further request: their failures
// don't fail the run, which each of their rows says by itself, and what the run
// has found already isn't told again, as a further connection to a host would.
func (l *listening) settle(s *probes.Step) {
	type sign struct {
		code probes.Code
		host string
	}
	known := map[sign]bool{}
	for c := range l.step.All() {
		if c == s {
			break // the newest of the tree
		}
		for _, f := range c.Findings {
			known[sign{f.Code, f.Host}] = true
		}
	}
	for c := range s.All() {
		c.Findings = slices.DeleteFunc(c.Findings, func(f probes.Finding) bool { return known[sign{f.Code, f.Host}] })
		if c.Fail != nil {
			c.Optional()
		}
	}
}

// Package enclosure probes one audio file as a player would fetch it: through
// every redirect, a range of it first, and then looks whether it is audio.
//
//	probe enclosure
//	├─ hop …   dns, connect, tls, request, body each
//	└─ decode  what the bytes are
//
// Options:
//
//	full: true         fetch the whole file, without a range
//	bytes: 65536       of the range; at least 1024
//	max_bytes: 2^30    with full, where reading stops
package enclosure

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/sonde-media/sonde/internal/media"
	"github.com/sonde-media/sonde/internal/wire"
	"github.com/sonde-media/sonde/probes"
)

// Options of the kind.
type Options struct {
	Full     bool  `json:"full"`      // fetch the whole file
	Bytes    int64 `json:"bytes"`     // of the range asked for
	MaxBytes int64 `json:"max_bytes"` // read at most, with Full
}

// Defaults are the options of a target that names none. A range of 64 KB is
// some four seconds of audio: enough to look at, too little to count as a
// download.
var Defaults = Options{Bytes: 64 << 10, MaxBytes: 1 << 30}

// minBytes keeps ranges away from bytes=0-1, which counters count, and from
// what is too little to tell audio by.
const minBytes = 1 << 10

// maxBytes bounds a range, which is kept in memory.
const maxBytes = 16 << 20

// Check returns an [*probes.OptionError] for each option out of bounds.
func (o Options) Check() error {
	var errs []error
	if o.Bytes < minBytes || o.Bytes > maxBytes {
		errs = append(errs, &probes.OptionError{Key: "bytes", Err: fmt.Errorf("want %d to %d, got %d", minBytes, maxBytes, o.Bytes)})
	}
	if o.MaxBytes < o.Bytes {
		errs = append(errs, &probes.OptionError{Key: "max_bytes", Err: fmt.Errorf("want %d (bytes) or more, got %d", o.Bytes, o.MaxBytes)})
	}
	return errors.Join(errs...)
}

// New returns the probe for t. Its error joins one [*probes.OptionError] each.
func New(n *wire.Net, t probes.Target) (probes.Func, error) {
	o := Defaults
	err := t.Options.Decode(&o)
	if err := errors.Join(err, o.Check()); err != nil {
		return nil, err
	}
	return func(ctx context.Context, s *probes.Step, t probes.Target) error {
		l := Listener{Net: n, Options: o, RecordQuery: t.RecordQuery}
		return l.Listen(ctx, s, Stated{URL: t.URL})
	}, nil
}

// A Listener fetches enclosures.
type Listener struct {
	Net         *wire.Net
	Options     Options
	RecordQuery bool
}

// Stated is what a feed says of an enclosure (RSS 2.0, element enclosure).
type Stated struct {
	URL    string
	Type   string // "" where nothing is stated
	Length int64  // bytes; 0 or less where nothing is stated
}

// Listen fetches what e states, with its hop and decode steps below s.
func (l Listener) Listen(ctx context.Context, s *probes.Step, e Stated) error {
	res, err := l.Net.Fetch(ctx, s, l.request(e.URL))
	if err != nil {
		return err
	}
	if l.Options.Full {
		checkWhole(res)
	} else {
		checkRange(res, l.Options.Bytes)
	}
	return decode(s, res, e)
}

func (l Listener) request(url string) wire.Request {
	req := wire.Request{
		URL:         url,
		Range:       fmt.Sprintf("bytes=0-%d", l.Options.Bytes-1),
		Keep:        l.Options.Bytes,
		StopAtKeep:  true,
		RecordQuery: l.RecordQuery,
	}
	if l.Options.Full {
		req.Range, req.StopAtKeep, req.Limit = "", false, l.Options.MaxBytes
		req.Header = http.Header{"Accept-Encoding": {"identity"}}
	}
	return req
}

// checkRange notes on the last hop how the answer to a range from 0 misses
// RFC 9110 §14.
func checkRange(res *wire.Response, asked int64) {
	host := res.URL.Hostname()
	if res.Status != http.StatusPartialContent {
		res.Hop.Find(probes.Note(probes.RangeIgnored, host, fmt.Sprintf("asked for bytes 0 to %d, answered %d with the whole file", asked-1, res.Status)))
		return
	}
	r, err := parseRange(res.Header.Get("Content-Range"))
	if err == nil {
		err = r.wrong(asked, res.Size)
	}
	if err != nil {
		res.Hop.Find(probes.Note(probes.RangeWrong, host, fmt.Sprintf("asked for bytes 0 to %d: %v", asked-1, err)))
	}
}

// checkWhole notes on the last hop where a part came though nobody asked for
// one: a player would take it for the whole.
func checkWhole(res *wire.Response) {
	if res.Status == http.StatusPartialContent {
		detail := fmt.Sprintf("asked for the whole file, answered 206 with %d bytes", res.Size)
		res.Hop.Find(probes.Note(probes.RangeWrong, res.URL.Hostname(), detail))
	}
}

// decode looks at what came.
func decode(s *probes.Step, res *wire.Response, e Stated) (err error) {
	d := s.Begin("decode")
	defer d.Done(&err)
	host := res.URL.Hostname()
	f := media.Identify(res.Body)
	d.Set(probes.AttrServerAddress, host)
	d.Set(probes.AttrMediaType, f.Type)
	d.Set(probes.AttrMediaCodec, f.Codec)
	stated := res.Header.Get("Content-Type")
	if !f.Playable() {
		return probes.Fail(probes.MediaType, notAudio(f, stated))
	}
	d.Set(probes.AttrMediaStartup, float64(res.Kept)/float64(time.Millisecond))
	if err := f.Agrees(stated); err != nil {
		d.Find(probes.Note(probes.TypeMismatch, host, "the answer: "+err.Error()))
	}
	if err := f.Agrees(e.Type); err != nil {
		d.Find(probes.Note(probes.TypeMismatch, host, "the feed: "+err.Error()))
	}
	if size := wholeSize(res); e.Length > 0 && size > 0 && e.Length != size {
		d.Find(probes.Note(probes.LengthMismatch, host, fmt.Sprintf("the feed says %d bytes, the server %d", e.Length, size)))
	}
	return nil
}

func notAudio(f media.Format, stated string) error {
	if err := f.Agrees(stated); err != nil {
		return fmt.Errorf("no audio: %w", err)
	}
	return fmt.Errorf("no audio: the bytes are %s", f.Type)
}

// wholeSize is the bytes of the whole file, -1 where the answer doesn't tell.
func wholeSize(res *wire.Response) int64 {
	if r, err := parseRange(res.Header.Get("Content-Range")); err == nil {
		return r.total
	}
	if res.Complete {
		return res.Size
	}
	if n, err := strconv.ParseInt(res.Header.Get("Content-Length"), 10, 64); err == nil {
		return n
	}
	return -1
}

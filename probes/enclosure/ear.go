package enclosure

import (
	"hash"
	"net/http"
	"time"

	"github.com/sonde-media/sonde/internal/media"
	"github.com/sonde-media/sonde/internal/wire"
)

// An ear takes the bytes of a file as they come. A whole file it scans at once
// and keeps nothing of it. Of a range it notes when what came, and scans what
// the answer kept: only then is it known how large the file is.
type ear struct {
	begin    time.Time
	started  time.Duration // from begin to the first whole frame; 0 before
	size     int64         // bytes that came with the first answer
	next     int64         // of the file, what the scanner hasn't read yet in order
	scan     *media.Scanner
	arrivals []arrival // of a range

	streams  bool      // a whole file is asked for
	whole    bool      // a whole file has come
	sum      hash.Hash // nil where nothing is promised
	promised media.Integrity
	pace     pace
}

// An arrival is when the bytes before end were there.
type arrival struct {
	end int64
	at  time.Duration
}

// grain is the least that is an arrival of its own: a byte a time would be too
// many to note.
const grain = 512

func newEar(full bool, promise string) *ear {
	e := &ear{begin: time.Now(), streams: full}
	if !full {
		return e
	}
	e.scan = media.NewScanner(-1)
	if i, ok := media.ParseIntegrity(promise); ok {
		e.promised, e.sum = i, i.New()
	}
	return e
}

// Write never fails.
func (e *ear) Write(p []byte) (int, error) {
	now := time.Since(e.begin)
	e.size += int64(len(p))
	if !e.streams {
		e.arrive(now)
		return len(p), nil
	}
	if e.sum != nil {
		e.sum.Write(p)
	}
	e.hear(p, now)
	if e.started > 0 {
		e.pace.came(now, e.scan.Report().Seconds)
	}
	return len(p), nil
}

// arrive notes an arrival; one that is too small to note is counted in with the
// next.
func (e *ear) arrive(now time.Duration) {
	if n := len(e.arrivals); n == 0 || e.size-e.arrivals[n-1].end >= grain {
		e.arrivals = append(e.arrivals, arrival{e.size, now})
	}
}

func (e *ear) hear(p []byte, now time.Duration) {
	e.scan.Write(p)
	e.next += int64(len(p))
	e.start(now)
}

func (e *ear) start(now time.Duration) {
	if e.started == 0 && e.scan.Started() {
		e.started = max(now, 1)
	}
}

// replay scans what a range brought, total being the bytes of the whole file,
// -1 where unknown, and tells the scanner where that was all.
func (e *ear) replay(res *wire.Response, total int64) {
	if !e.streams {
		e.scan = media.NewScanner(total)
		body, at := res.Body, int64(0)
		for _, a := range append(e.arrivals, arrival{int64(len(body)), res.Kept}) {
			if end := min(a.end, int64(len(body))); end > at {
				e.hear(body[at:end], a.at)
				at = end
			}
		}
		e.arrivals = nil
	}
	if e.next == total || total < 0 && res.Complete && res.Status == http.StatusOK {
		e.end()
	}
}

func (e *ear) end() {
	e.scan.End()
	e.whole = true
}

// at takes bytes from further on in a file of total bytes, -1 where unknown:
// those that come next are read on.
func (e *ear) at(offset int64, p []byte, total int64) {
	now := time.Since(e.begin)
	if end := offset + int64(len(p)); offset > e.next || end <= e.next {
		e.scan.At(offset, p)
		e.start(now)
		return
	}
	e.hear(p[e.next-offset:], now)
	if e.next == total {
		e.end()
	}
}

// wants is what of the file would tell more, empty where enough is known. Where
// no sound came yet and the scanner names nothing, a player reads on.
func (e *ear) wants(readOn int64) media.Span {
	r := e.report()
	switch {
	case e.whole || r.Err != nil:
		return nothing
	case r.Want != (media.Span{}):
		return r.Want
	case e.started == 0 && (r.Container == "" || r.SampleRate > 0): // and its format is one that is scanned
		return media.Span{First: e.next, Last: e.next + readOn - 1}
	}
	return nothing
}

// nothing is an empty span.
var nothing = media.Span{First: 0, Last: -1}

func (e *ear) report() media.Report { return e.scan.Report() }

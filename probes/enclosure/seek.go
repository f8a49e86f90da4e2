package enclosure

import (
	"context"
	"errors"
	"fmt"

	"github.com/sonde-media/sonde/internal/media"
	"github.com/sonde-media/sonde/internal/wire"
	"github.com/sonde-media/sonde/probes"
)

const (
	seekBytes = 16 << 10 // of a seek: a second of sound at most bit rates
	wantBytes = 2 << 20  // of what a player needs to begin, such as an index at the end
	wantTimes = 3        // requests for it
	minWant   = 64 << 10 // of what is read on where no sound came yet, four times as much each time
)

// seeks asks for ranges further on: first for what a player needs to begin, then
// for a part in the middle and one near the end. After a range that missed no
// other is asked for: one finding says it.
//
// There is no If-Range (RFC 9110 §13.1.5): a file that is another by now shows
// in the answer, which costs less than the whole of it.
func (l *listening) seeks(ctx context.Context, pool *wire.Pool) {
	end := l.wanted(ctx, pool)
	for _, span := range l.places(end) {
		if !l.seekable {
			return
		}
		if res := l.seek(ctx, pool, span); res != nil {
			l.resume(span, res)
		}
	}
}

// wanted fetches what the scanner wants of the file, in few requests and
// bytes. It returns the first byte of what it fetched furthest on.
func (l *listening) wanted(ctx context.Context, pool *wire.Pool) (end int64) {
	budget, readOn := int64(wantBytes), int64(minWant)
	for range wantTimes {
		span, ok := l.within(l.ear.wants(readOn))
		if !ok || !l.seekable || span.Last-span.First >= budget {
			break
		}
		budget -= span.Last - span.First + 1
		readOn *= 4
		res := l.seek(ctx, pool, span)
		if res == nil {
			break
		}
		end = max(end, span.First)
		l.ear.at(span.First, res.Body, l.file.total)
	}
	return end
}

// within is what of span lies in the file, in a range that no counter of
// listeners takes for a player's test (two bytes or fewer).
func (l *listening) within(span media.Span) (media.Span, bool) {
	if total := l.file.total; total >= 0 {
		span.Last = min(span.Last, total-1)
	}
	if span.First < 0 || span.Last < span.First {
		return span, false
	}
	if short := minBytes - 1 - (span.Last - span.First); short > 0 {
		span.First = max(span.First-short, 0)
	}
	return span, span.Last-span.First >= 2
}

// places are where a player is likely to jump, past what came already: the
// middle, and near the end, but not the end itself, where tags stand. A file
// of unknown size has none. wanted is the furthest byte that was fetched.
func (l *listening) places(wanted int64) (all []media.Span) {
	total, here := l.file.total, l.ear.next
	if l.ear.streams { // as if only a range had come
		here = int64(Defaults.Bytes)
	}
	if total <= here {
		return nil
	}
	middle, near := total/2, total-max(total/16, seekBytes)
	if middle >= here {
		all = append(all, media.Span{First: middle, Last: min(middle+seekBytes, total) - 1})
	}
	if near >= max(here, middle+seekBytes) && wanted < total/4*3 {
		all = append(all, media.Span{First: near, Last: near + seekBytes - 1})
	}
	return all
}

// seek asks for span of the file. What is wrong with the answer is a finding of
// its step; nil is an answer of no use.
func (l *listening) seek(ctx context.Context, pool *wire.Pool, span media.Span) *wire.Response {
	var err error
	s := l.begin("seek")
	defer s.Done(&err)
	ctx, cancel := share(ctx)
	defer cancel()
	res, err := pool.Fetch(ctx, s, wire.Request{
		URL: l.file.url, Range: fmt.Sprintf("bytes=%d-%d", span.First, span.Last),
		Keep: span.Last - span.First + 1, StopAtKeep: true, RecordQuery: l.RecordQuery,
	})
	l.settle(s)
	code, why := unanswered(err), err
	if err == nil {
		code, why = misses(res, span)
	}
	if why != nil {
		l.broken(s, span, code, why)
		return nil
	}
	return l.compare(s, res)
}

// unanswered is the code of a range that could not be had: one that the server
// refused is wrong; what befell a connection befalls others by chance too.
func unanswered(err error) probes.Code {
	f, failed := errors.AsType[*probes.Failure](err)
	if !failed {
		return probes.RangeWrong
	}
	switch f.Code {
	case probes.HTTPDenied, probes.HTTPMissing, probes.HTTPThrottled, probes.HTTPStatus:
		return probes.RangeWrong
	}
	return f.Code
}

// begin opens a step whose failure leaves the listener served.
func (l *listening) begin(name string) *probes.Step {
	s := l.step.Begin(name)
	s.Set(probes.AttrServerAddress, l.file.host)
	s.Optional()
	return s
}

// broken notes on s that span can't be had. A fault of ours says nothing of the
// server.
func (l *listening) broken(s *probes.Step, span media.Span, code probes.Code, why error) {
	l.seekable = false
	f, failed := errors.AsType[*probes.Failure](why)
	if failed && f.Code.Ours() {
		return
	}
	text := fmt.Sprintf("%s: asked for %s: %v", l.meaning(), spanText(span), why)
	if compressed := last(s).Text(probes.AttrEncoding); failed && compressed != "" && compressed != "identity" {
		text += "; the answer is compressed (" + compressed + ")"
	}
	s.Find(probes.Note(code, l.file.host, text))
}

// meaning is what ranges that fail mean to a listener.
func (l *listening) meaning() string {
	if l.ear.started == 0 {
		return "it can't begin before all of it has come: what a player needs first stands further on"
	}
	return "it plays from its start, but nobody can seek"
}

// last is the last hop below s, s itself where there is none.
func last(s *probes.Step) *probes.Step {
	if n := len(s.Steps); n > 0 {
		return s.Steps[n-1]
	}
	return s
}

// compare notes, once, where the answer is of another file than the first. It
// returns nil where its bytes don't go with those.
func (l *listening) compare(s *probes.Step, res *wire.Response) *wire.Response {
	now := fileOf(res, s)
	err := l.file.same(now)
	if err == nil || l.told {
		return res
	}
	l.told = true
	note := probes.Note(probes.RangeWrong, l.file.host, err.Error())
	if !errors.Is(err, errSwapped) {
		note.Severity = probes.Notice
	}
	s.Find(note)
	if now.total != l.file.total {
		l.seekable = false // further ranges would say it again
		return nil
	}
	return res
}

// resume looks whether sound goes on in what a seek brought.
func (l *listening) resume(span media.Span, res *wire.Response) {
	r := l.ear.report()
	if r.Frames == 0 { // nothing to go on from
		return
	}
	if err := r.Resumes(span.First, res.Body); err != nil {
		s := last(l.step)
		l.seekable = false
		s.Find(probes.Note(probes.RangeWrong, l.file.host, fmt.Sprintf("%s are no part of this sound: %v", spanText(span), err)))
	}
}

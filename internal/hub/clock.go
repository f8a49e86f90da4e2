package hub

import (
	"math"
	"net/http"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/sonde-media/sonde/probes"
)

// timeHeader carries a clock, as RFC 3339 to the nanosecond: an agent's as it
// sends, the hub's in answers.
const timeHeader = "Sonde-Time"

// Bounds of offsets, an agent's clock minus ours.
const (
	// Less is neither measured well nor seen by anybody.
	leastOffset = 100 * time.Millisecond
	// The header of a request alone tells of the way of the request too, and
	// something else each time: in whole seconds it says the same when the
	// request is sent again.
	looseOffset = time.Second
	// A machine without a battery begins in 1970. What is further off is no
	// clock, and could overflow.
	mostOffset = 100 * 365 * 24 * time.Hour
)

// timed answers with our clock, read in the middle between request and answer:
// what we took for it then doesn't count for either way.
func timed(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(&timedWriter{ResponseWriter: w, arrived: time.Now()}, r)
	})
}

type timedWriter struct {
	http.ResponseWriter
	arrived time.Time
	told    bool
}

func (w *timedWriter) WriteHeader(status int) {
	if !w.told {
		w.told = true
		middle := w.arrived.Add(time.Since(w.arrived) / 2)
		w.Header().Set(timeHeader, middle.UTC().Format(time.RFC3339Nano))
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *timedWriter) Write(b []byte) (int, error) {
	if !w.told {
		w.WriteHeader(http.StatusOK)
	}
	return w.ResponseWriter.Write(b)
}

func (w *timedWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// Clocks say how far the clocks were off that the spans of a request were
// timed by.
type clocks struct {
	sender time.Duration // by the request's header, 0 where there is none
	roots  map[pcommon.TraceID]time.Duration
}

// senderOffset is what the header of a request that arrived just now tells.
func senderOffset(head http.Header, arrived time.Time) time.Duration {
	text := head.Get(timeHeader)
	if len(text) > len(time.RFC3339Nano) {
		return 0
	}
	sent, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return 0
	}
	offset := sent.Sub(arrived).Round(looseOffset)
	if offset.Abs() > mostOffset {
		return 0
	}
	return offset
}

// newClocks reads what the roots of td tell.
func newClocks(td ptrace.Traces, sender time.Duration) clocks {
	c := clocks{sender: sender}
	for _, rs := range td.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			for _, sp := range ss.Spans().All() {
				if sp.ParentSpanID().IsEmpty() {
					c.note(sp)
				}
			}
		}
	}
	return c
}

func (c *clocks) note(root ptrace.Span) {
	offset, ok := facts{root.Attributes()}.offset()
	if !ok {
		return
	}
	if c.roots == nil {
		c.roots = map[pcommon.TraceID]time.Duration{}
	}
	c.roots[root.TraceID()] = offset
}

// correct gives sp the times that our clock would have shown.
func (c *clocks) correct(from *observer, sp ptrace.Span) {
	offset := c.offset(from, sp)
	if offset.Abs() < leastOffset {
		return
	}
	sp.SetStartTimestamp(sp.StartTimestamp() - pcommon.Timestamp(offset))
	sp.SetEndTimestamp(sp.EndTimestamp() - pcommon.Timestamp(offset))
	for _, key := range []string{probes.AttrScheduled, probes.AttrAgentStarted} {
		if v, ok := sp.Attributes().Get(key); ok && v.Type() == pcommon.ValueTypeStr {
			correctText(v, offset)
		}
	}
}

func correctText(v pcommon.Value, offset time.Duration) {
	if t, err := time.Parse(time.RFC3339Nano, probes.Bounded(v.Str())); err == nil {
		v.SetStr(t.Add(-offset).Format(time.RFC3339Nano))
	}
}

// offset is the nearest that is known: the span's own, its resource's, its
// root's, the sender's.
func (c *clocks) offset(from *observer, sp ptrace.Span) time.Duration {
	if offset, ok := (facts{sp.Attributes()}).offset(); ok {
		return offset
	}
	if from.clocked {
		return from.offset
	}
	if offset, ok := c.roots[sp.TraceID()]; ok {
		return offset
	}
	return c.sender
}

// offset reads how far a clock was off. What can't be a clock's says nothing.
func (s facts) offset() (offset time.Duration, ok bool) {
	v, ok := s.Get(probes.AttrClockOff)
	if !ok || v.Type() != pcommon.ValueTypeInt && v.Type() != pcommon.ValueTypeDouble {
		return 0, false
	}
	ms := s.float(probes.AttrClockOff)
	if math.Abs(ms) > float64(mostOffset/time.Millisecond) {
		return 0, false
	}
	return time.Duration(ms * float64(time.Millisecond)), true
}

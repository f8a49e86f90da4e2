package telemetry

import (
	"net/http"
	"testing"
	"time"

	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"

	"github.com/sonde-media/sonde/probes"
)

// hourBehind is a hub whose clock is an hour behind ours: ours is ahead.
func hourBehind(h http.Header) {
	h.Set(timeHeader, time.Now().Add(-time.Hour).UTC().Format(time.RFC3339Nano))
}

// about reports whether an attribute tells an hour, by a second.
func about(ms int64, found bool) bool {
	return found && ms > 3_599_000 && ms < 3_601_000
}

// offsetOf is what a span tells of the clock, itself or by its resource.
func offsetOf(rs *tracepb.ResourceSpans) (span, resource int64, ofSpan, ofResource bool) {
	for _, a := range rs.ScopeSpans[0].Spans[0].Attributes {
		if a.Key == probes.AttrClockOff {
			span, ofSpan = a.Value.GetIntValue(), true
		}
	}
	for _, a := range rs.Resource.Attributes {
		if a.Key == probes.AttrClockOff {
			resource, ofResource = a.Value.GetIntValue(), true
		}
	}
	return span, resource, ofSpan, ofResource
}

// An agent an hour ahead tells so with its first heartbeat, with each run and,
// as spans are read alone, with each resource; and has the hub's time to judge by.
func TestAnAgentAnHourOff(t *testing.T) {
	hub := newSink(t, nil)
	hub.clock = hourBehind
	e := open(t, Options{Hub: hub.URL})
	start(t, e, func() Agent { return Agent{} })
	hub.await(t, "a heartbeat", func() bool { return hub.names["agent"] > 0 })
	run := namedRun(1)
	run.Root.Start = time.Now()
	e.Send(run)
	hub.awaitRuns(t, 1)

	hub.mu.Lock()
	defer hub.mu.Unlock()
	for _, rs := range hub.all {
		span, resource, ofSpan, ofResource := offsetOf(rs)
		if !about(span, ofSpan) || !about(resource, ofResource) {
			t.Errorf("%s tells %d ms, its resource %d", rs.ScopeSpans[0].Spans[0].Name, span, resource)
		}
	}
	sent, err := time.Parse(time.RFC3339Nano, hub.header.Get(timeHeader))
	if err != nil || time.Since(sent).Abs() > time.Minute {
		t.Errorf("the upload says %q", hub.header.Get(timeHeader))
	}
	if got := time.Since(e.Now()); !about(got.Milliseconds(), true) {
		t.Errorf("the corrected time is %v behind ours", got)
	}
}

// A clock that is right needs no word on each span.
func TestAnAgentThatIsRight(t *testing.T) {
	hub := newSink(t, nil)
	hub.clock = func(h http.Header) { h.Set(timeHeader, time.Now().UTC().Format(time.RFC3339Nano)) }
	e := open(t, Options{Hub: hub.URL})
	// A reading of a round trip that took no time, so that nothing depends on what the machine does.
	now := time.Now()
	e.clock.note(now, now, http.Header{timeHeader: {now.Format(time.RFC3339Nano)}})
	start(t, e, func() Agent { return Agent{} })
	hub.await(t, "a heartbeat", func() bool { return hub.names["agent"] > 0 })

	hub.mu.Lock()
	defer hub.mu.Unlock()
	span, _, ofSpan, ofResource := offsetOf(hub.all[0])
	if !ofSpan || max(span, -span) > 50 || ofResource {
		t.Errorf("the heartbeat tells %d ms, %v; its resource tells it: %v", span, ofSpan, ofResource)
	}
}

// A collector's clock says nothing of the hub's, and isn't told ours.
func TestACollectorsClockIsNotAsked(t *testing.T) {
	collector := newSink(t, nil)
	collector.clock = hourBehind
	e := open(t, Options{OTLP: collector.URL})
	start(t, e, func() Agent { return Agent{} })
	e.Send(namedRun(1))
	collector.awaitRuns(t, 1)
	collector.await(t, "a heartbeat", func() bool { return collector.names["agent"] > 0 })

	collector.mu.Lock()
	defer collector.mu.Unlock()
	for _, rs := range collector.all {
		if _, _, ofSpan, ofResource := offsetOf(rs); ofSpan || ofResource {
			t.Error("an offset is told")
		}
	}
	if got := collector.header.Get(timeHeader); got != "" {
		t.Errorf("the upload says %q", got)
	}
}

// at is a moment without a monotonic clock, as far after begin.
func at(after time.Duration) time.Time { return begin.Add(after) }

// told is the header of a hub that is ahead of us at a moment.
func told(at time.Time, ahead time.Duration) http.Header {
	return http.Header{timeHeader: {at.Add(ahead).Format(time.RFC3339Nano)}}
}

func TestTheBestReadingIsBelieved(t *testing.T) {
	var c clock
	expect := func(what string, t0 time.Time, want time.Duration, known bool) {
		t.Helper()
		if got, ok := c.ahead(t0); got != want || ok != known {
			t.Errorf("%s: %v, %v; want %v, %v", what, got, ok, want, known)
		}
	}
	expect("nothing yet", begin, 0, false)
	c.note(begin, at(200*time.Millisecond), told(begin, 2*time.Second))
	expect("a slow round trip", begin, -1900*time.Millisecond, true)
	c.note(at(time.Second), at(1010*time.Millisecond), told(at(1005*time.Millisecond), 1950*time.Millisecond))
	expect("a quick one", begin, -1950*time.Millisecond, true)
	c.note(at(2*time.Second), at(2200*time.Millisecond), told(at(2*time.Second), 2*time.Second))
	expect("a slow one again", begin, -1950*time.Millisecond, true)
	c.note(at(time.Hour), at(time.Hour+200*time.Millisecond), told(at(time.Hour), 2*time.Second))
	expect("a slow one an hour later", at(time.Hour), -1900*time.Millisecond, true)
	c.note(at(time.Hour), at(time.Hour+time.Second), told(at(time.Hour), -time.Minute))
	expect("one that contradicts: a clock was set", at(time.Hour), time.Minute+500*time.Millisecond, true)
	c.note(at(time.Hour), at(2*time.Hour), told(at(time.Hour), 0))
	expect("one that took an hour", at(time.Hour), time.Minute+500*time.Millisecond, true)
	c.note(at(time.Hour), at(time.Hour), told(begin, -100*366*24*time.Hour))
	expect("one from another century", at(time.Hour), time.Minute+500*time.Millisecond, true)
}

// A hub that tells whole seconds is good for an hour, not for a tenth of a second.
func TestDateIsCoarse(t *testing.T) {
	date := func(t time.Time) http.Header { return http.Header{"Date": {t.Format(http.TimeFormat)}} }
	var c clock
	c.note(at(900*time.Millisecond), at(900*time.Millisecond), date(begin))
	if got, ok := c.ahead(begin); ok {
		t.Errorf("within its error: %v", got)
	}
	c.note(begin, begin, date(begin.Add(time.Hour)))
	if got, ok := c.ahead(begin); !ok || got != -time.Hour-500*time.Millisecond {
		t.Errorf("an hour off: %v, %v", got, ok)
	}
	c.note(begin, begin, date(begin))
	if got, ok := c.ahead(begin); ok {
		t.Errorf("set right since: %v", got)
	}
	c.note(begin, begin, http.Header{})
	c.note(begin, begin, http.Header{timeHeader: {"noon"}, "Date": {"noon"}})
	if got, ok := c.ahead(begin); ok {
		t.Errorf("by nothing: %v", got)
	}
}

// A machine that only lives on has had no step, told with a monotonic clock or
// without; else no reading would be believed for long.
func TestTimeAloneIsNoStep(t *testing.T) {
	now := time.Now()
	if stepped(now, now.Add(time.Hour)) || stepped(now.Round(0), now.Round(0).Add(time.Hour)) {
		t.Error("an hour is a step")
	}
}

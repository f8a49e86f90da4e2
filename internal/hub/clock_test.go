package hub

import (
	"context"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"

	"github.com/sonde-media/sonde/internal/api"
	"github.com/sonde-media/sonde/internal/store"
	"github.com/sonde-media/sonde/probes"
)

// clocked is export(n) and a heartbeat, as an agent sends them whose clock is
// ahead by offset.
func clocked(n int, offset time.Duration, tell func(td ptrace.Traces, ms float64)) ptraceotlp.ExportRequest {
	req := export(n)
	spans := req.Traces().ResourceSpans().At(0).ScopeSpans().At(0).Spans()
	spans.At(0).Attributes().PutStr(probes.AttrScheduled, began.Add(offset-time.Second).Format(time.RFC3339Nano))
	beat := addSpan(spans, 1000+n, 1, 0, "agent")
	beat.Attributes().PutStr(probes.AttrAgentStarted, began.Add(offset-time.Hour).Format(time.RFC3339Nano))
	for _, sp := range spans.All() {
		sp.SetStartTimestamp(sp.StartTimestamp() + pcommon.Timestamp(offset))
		sp.SetEndTimestamp(sp.EndTimestamp() + pcommon.Timestamp(offset))
	}
	if tell != nil {
		tell(req.Traces(), float64(offset.Milliseconds()))
	}
	return req
}

func tellByResource(td ptrace.Traces, ms float64) {
	td.ResourceSpans().At(0).Resource().Attributes().PutInt(probes.AttrClockOff, int64(ms))
}

func tellByRoots(td ptrace.Traces, ms float64) {
	for _, sp := range td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().All() {
		if sp.ParentSpanID().IsEmpty() {
			sp.Attributes().PutDouble(probes.AttrClockOff, ms)
		}
	}
}

// tellBySpans has the right word on each span, and a wrong one elsewhere.
func tellBySpans(td ptrace.Traces, ms float64) {
	tellByResource(td, -ms)
	for _, sp := range td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().All() {
		sp.Attributes().PutInt(probes.AttrClockOff, int64(ms))
	}
}

// everything is all that the API answers.
func everything(t *testing.T, h *testHub) map[string]any {
	t.Helper()
	q := api.Query{From: began.Add(-3 * time.Hour), To: began.Add(time.Minute)}
	c := h.client(t, "")
	all := map[string]any{}
	note := func(name string, answer any, err error) {
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		all[name] = answer
	}
	ask(t.Context(), c, q, note)
	return all
}

func ask(ctx context.Context, c *api.Client, q api.Query, note func(string, any, error)) {
	m, err := c.Matrix(ctx, q)
	note("matrix", m, err)
	s, err := c.Series(ctx, q)
	note("series", s, err)
	r, err := c.Runs(ctx, q)
	note("runs", r, err)
	l, err := c.Labels(ctx, q)
	note("labels", l, err)
	a, err := c.Agents(ctx, q)
	note("agents", a, err)
	for n := range 3 {
		tr, err := c.Trace(ctx, traceID(n).String())
		note("trace "+traceID(n).String(), tr, err)
	}
}

// An hour off changes no answer, whoever tells of it.
func TestClocksThatAreOff(t *testing.T) {
	right := startHub(t, Options{}, store.Options{})
	for n := range 3 {
		right.mustPost(t, protoBody(t, clocked(n, 0, nil)))
	}
	want := everything(t, right)
	ways := map[string]func(ptrace.Traces, float64){
		"resource": tellByResource, "roots": tellByRoots, "spans": tellBySpans, "header": nil,
	}
	for name, tell := range ways {
		for _, offset := range []time.Duration{time.Hour, -time.Hour, -50 * 365 * 24 * time.Hour, 30 * 24 * time.Hour} {
			t.Run(name+" "+offset.String(), func(t *testing.T) {
				h := startHub(t, Options{}, store.Options{})
				for n := range 3 {
					var header []string
					if tell == nil {
						header = []string{timeHeader, time.Now().Add(offset).Format(time.RFC3339Nano)}
					}
					h.mustPost(t, protoBody(t, clocked(n, offset, tell)), header...)
				}
				d := cmp.Diff(want, everything(t, h),
					cmpopts.IgnoreFields(api.Run{}, "Received"), cmpopts.IgnoreFields(api.Beat{}, "ClockOffset", "Received"),
					cmpopts.IgnoreMapEntries(func(key string, _ any) bool { return key == probes.AttrClockOff }))
				if d != "" {
					t.Error(d)
				}
			})
		}
	}
}

// A run that is sent again, later and slower, is the same run.
func TestSentAgainByAClockThatIsOff(t *testing.T) {
	h := startHub(t, Options{}, store.Options{})
	for _, late := range []time.Duration{0, 30 * time.Millisecond, 300 * time.Millisecond} {
		h.mustPost(t, protoBody(t, clocked(1, time.Hour, nil)), timeHeader, time.Now().Add(time.Hour-late).Format(time.RFC3339Nano))
	}
	runs, err := h.client(t, "").Runs(t.Context(), api.Query{})
	if err != nil || runs.Total != 1 || !runs.Runs[0].Started.Equal(began.Add(time.Millisecond+1)) {
		t.Errorf("got %+v and %v", runs, err)
	}
}

// What is no clock's offset changes nothing.
func TestStrangeOffsets(t *testing.T) {
	values := map[string]func(pcommon.Map){
		"none":      func(pcommon.Map) {},
		"text":      func(m pcommon.Map) { m.PutStr(probes.AttrClockOff, "3600000") },
		"small":     func(m pcommon.Map) { m.PutInt(probes.AttrClockOff, 99) },
		"huge":      func(m pcommon.Map) { m.PutInt(probes.AttrClockOff, math.MaxInt64) },
		"very huge": func(m pcommon.Map) { m.PutDouble(probes.AttrClockOff, -math.MaxFloat64) },
		"infinite":  func(m pcommon.Map) { m.PutDouble(probes.AttrClockOff, math.Inf(1)) },
		"NaN":       func(m pcommon.Map) { m.PutDouble(probes.AttrClockOff, math.NaN()) },
		"list":      func(m pcommon.Map) { m.PutEmptySlice(probes.AttrClockOff).AppendEmpty().SetInt(3600000) },
	}
	headers := []string{"", "now", "2026-13-01T00:00:00Z", "9999-12-31T23:59:59.999999999Z", "0001-01-01T00:00:00Z", strings.Repeat("9", 60_000)}
	for name, put := range values {
		h := startHub(t, Options{}, store.Options{})
		req := export(1)
		put(req.Traces().ResourceSpans().At(0).Resource().Attributes())
		for _, sp := range req.Traces().ResourceSpans().At(0).ScopeSpans().At(0).Spans().All() {
			put(sp.Attributes())
		}
		for _, header := range headers {
			h.mustPost(t, protoBody(t, req), timeHeader, header)
		}
		runs, err := h.client(t, "").Runs(t.Context(), api.Query{})
		if err != nil || runs.Total != 1 || !runs.Runs[0].Started.Equal(began.Add(time.Millisecond+1)) {
			t.Errorf("%s: got %+v and %v", name, runs, err)
		}
	}
}

func TestAnswersTellTheHubsClock(t *testing.T) {
	h := startHub(t, Options{Token: "secret"}, store.Options{})
	for _, c := range []struct{ method, path, token string }{
		{"POST", "/v1/traces", "secret"},
		{"POST", "/v1/metrics", "secret"},
		{"POST", "/v1/traces", "wrong"},
		{"GET", "/v1/traces", "secret"},
		{"GET", "/api/v1/runs", "secret"},
		{"GET", "/api/v1/nothing", "secret"},
		{"GET", "/api/v1/runs", ""},
		{"GET", "/healthz", ""},
	} {
		before := time.Now()
		_, head, _ := h.do(t, c.method, c.path, c.token)
		at, err := time.Parse(time.RFC3339Nano, head.Get(timeHeader))
		if err != nil || at.Before(before.Truncate(0)) || at.After(time.Now()) {
			t.Errorf("%s %s: got %q and %v", c.method, c.path, head.Get(timeHeader), err)
		}
	}
}

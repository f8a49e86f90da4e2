package hub

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"

	"github.com/sonde-media/sonde/internal/api"
	"github.com/sonde-media/sonde/internal/store"
	"github.com/sonde-media/sonde/probes"
)

// beat returns a request with one heartbeat, the n-th.
func beat(n int, tell func(attrs pcommon.Map)) ptraceotlp.ExportRequest {
	req := export(n)
	spans := req.Traces().ResourceSpans().At(0).ScopeSpans().At(0).Spans()
	spans.RemoveIf(func(ptrace.Span) bool { return true })
	tell(addSpan(spans, n, 1, 0, "agent").Attributes())
	return req
}

func TestHeartbeat(t *testing.T) {
	h := startHub(t, Options{Version: "v2"}, store.Options{})
	started := began.Add(-time.Hour).Truncate(time.Second)
	h.mustPost(t, protoBody(t, beat(3, func(a pcommon.Map) {
		a.PutStr(probes.AttrAgentConfig, "1a2b3c4d")
		a.PutInt(probes.AttrAgentTargets, 12)
		a.PutInt(probes.AttrAgentMissed, 7)
		a.PutInt(probes.AttrAgentLateness, 31)
		a.PutInt(probes.AttrAgentInFlight, 2)
		a.PutInt(probes.AttrAgentSpoolBytes, 4096)
		a.PutDouble(probes.AttrAgentSpoolAge, 61.5)
		a.PutInt(probes.AttrAgentDropped, 3)
		a.PutInt(probes.AttrAgentTimers, 300)
		a.PutDouble(probes.AttrAgentLoad, 0.5)
		a.PutDouble(probes.AttrAgentCPU, 0.25)
		a.PutInt(probes.AttrAgentMemory, 30<<20)
		a.PutStr(probes.AttrAgentStarted, started.Add(2*time.Second).Format(time.RFC3339))
		a.PutDouble(probes.AttrInterval, 60)
		a.PutInt(probes.AttrClockOff, 2000)
		a.PutStr(probes.AttrErrorType, "local_resources")
		a.PutStr(probes.AttrDetail, "the agent's timers came up to 300 ms late")
		paused := a.PutEmptySlice(probes.AttrAgentPaused)
		paused.AppendEmpty().SetStr("show")
		paused.AppendEmpty().SetStr("shop")
	})))
	a, err := h.client(t, "").Agents(t.Context(), api.Query{})
	at := began.Add(3*time.Millisecond + 1 - 2*time.Second)
	want := api.Agents{Version: "v2", Agents: []api.Agent{{
		Agent: "agent-1", Region: "eu", Version: "v1", LastSeen: at,
		Beat: api.Beat{
			Heartbeat: &at, Interval: time.Minute, Started: &started, Config: "1a2b3c4d", Targets: 12, Paused: []string{"show", "shop"},
			Missed: 7, InFlight: 2, Lateness: 31, Timers: 300, SpoolBytes: 4096, SpoolAge: 61.5, Dropped: 3, ClockOffset: 2000,
			Load: 0.5, CPU: 0.25, Memory: 30 << 20, Lacks: "the agent's timers came up to 300 ms late",
		},
	}}}
	if got := a.Agents[0].Received; got == nil || got.Before(began) {
		t.Errorf("received %v", got)
	}
	a.Agents[0].Received = nil
	if d := cmp.Diff(want, a); d != "" || err != nil {
		t.Error(d, err)
	}
}

// A heartbeat of a stranger's types and numbers is a heartbeat.
func TestStrangeHeartbeat(t *testing.T) {
	keys := []string{
		probes.AttrAgentConfig, probes.AttrAgentTargets, probes.AttrAgentMissed, probes.AttrAgentLateness, probes.AttrAgentInFlight,
		probes.AttrAgentSpoolBytes, probes.AttrAgentSpoolAge, probes.AttrAgentDropped, probes.AttrAgentTimers, probes.AttrAgentLoad,
		probes.AttrAgentCPU, probes.AttrAgentMemory, probes.AttrAgentStarted, probes.AttrInterval, probes.AttrAgentPaused, probes.AttrErrorType,
	}
	for name, put := range map[string]func(pcommon.Value){
		"infinite": func(v pcommon.Value) { v.SetDouble(math.Inf(-1)) },
		"NaN":      func(v pcommon.Value) { v.SetDouble(math.NaN()) },
		"huge":     func(v pcommon.Value) { v.SetDouble(math.MaxFloat64) },
		"negative": func(v pcommon.Value) { v.SetInt(math.MinInt64) },
		"text":     func(v pcommon.Value) { v.SetStr(strings.Repeat("9", 64<<10)) },
		"far off":  func(v pcommon.Value) { v.SetStr("9999-12-31T23:59:59-23:00") },
		"map":      func(v pcommon.Value) { v.SetEmptyMap().PutEmptyMap("a") },
		"list": func(v pcommon.Value) {
			list := v.SetEmptySlice()
			for range 10_000 {
				list.AppendEmpty().SetDouble(math.Inf(1))
			}
		},
	} {
		h := startHub(t, Options{}, store.Options{})
		h.mustPost(t, protoBody(t, beat(1, func(a pcommon.Map) {
			for _, key := range keys {
				put(a.PutEmpty(key))
			}
		})))
		a, err := h.client(t, "").Agents(t.Context(), api.Query{})
		if err != nil || len(a.Agents) != 1 || a.Agents[0].Heartbeat == nil || len(a.Agents[0].Paused) > maxList {
			t.Errorf("%s: got %+v and %v", name, a, err)
		}
		for _, path := range []string{"/", "/agents", "/metrics", "/api/v1/matrix"} {
			if status, _, body := h.get(t, path); status != 200 {
				t.Errorf("%s: %s: got %d %s", name, path, status, body)
			}
		}
	}
}

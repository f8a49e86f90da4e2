package telemetry

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sonde-media/sonde/probes"
)

func TestAHeartbeatTellsOfTheMachine(t *testing.T) {
	e := open(t, Options{Hub: "http://127.0.0.1:1", Config: "old"})
	e.heartbeat(Agent{})
	s := e.heartbeat(Agent{Config: "c0ffee", Paused: []string{"a", "b"}}).Root
	if got := s.Text(probes.AttrAgentConfig); got != "c0ffee" {
		t.Errorf("configuration %q: what runs comes before what was started with", got)
	}
	if diff := cmp.Diff([]string{"a", "b"}, s.Attrs[probes.AttrAgentPaused]); diff != "" {
		t.Error(diff)
	}
	if _, err := time.Parse(time.RFC3339, s.Text(probes.AttrAgentStarted)); err != nil {
		t.Error(err)
	}
	if n, _ := s.Attrs[probes.AttrAgentMemory].(int64); n < 1<<20 {
		t.Errorf("memory: %d bytes", n)
	}
	_, counted := cpuUsed()
	if _, told := s.Attrs[probes.AttrAgentCPU].(float64); told != counted {
		t.Errorf("CPU is told: %v, want %v", told, counted)
	}
	_, loaded := machineLoad()
	if _, told := s.Attrs[probes.AttrAgentLoad].(float64); told != loaded {
		t.Errorf("load is told: %v, want %v", told, loaded)
	}
}

// What an agent lacks is told once, by the heartbeat that follows.
func TestAHeartbeatFailsForWantOfResources(t *testing.T) {
	e := open(t, Options{Hub: "http://127.0.0.1:1"})
	for _, c := range []struct {
		what   string
		agent  Agent
		detail string
	}{
		{"all well", Agent{InFlight: 3, Timers: 249 * time.Millisecond}, ""},
		{"missed one", Agent{Missed: 1, InFlight: 3}, "1 run due wasn't started: 3 were in flight"},
		{"no more", Agent{Missed: 1, InFlight: 3}, ""},
		{"missed many", Agent{Missed: 24, InFlight: 128}, "23 runs due weren't started: 128 were in flight"},
		{"late", Agent{Missed: 24, Timers: 250 * time.Millisecond}, "the agent's timers came up to 250 ms late: it lacked CPU"},
		{
			"both",
			Agent{Missed: 26, InFlight: 2, Timers: time.Second},
			"2 runs due weren't started: 2 were in flight; the agent's timers came up to 1000 ms late: it lacked CPU",
		},
		{"well again", Agent{Missed: 26}, ""},
	} {
		run := e.heartbeat(c.agent)
		code, detail := run.Why(run.Root)
		var want probes.Code
		if c.detail != "" {
			want = probes.LocalResources
		}
		if detail != c.detail || code != want || run.Outcome != "" {
			t.Errorf("%s: %q %q %q", c.what, code, detail, run.Outcome)
		}
	}
}

// Metrics ask the agent too; what it tells once is the heartbeat's still.
func TestMetricsTakeNothingFromAHeartbeat(t *testing.T) {
	e := open(t, Options{Hub: "http://127.0.0.1:1"})
	late := 3 * time.Second
	agent := e.pulse.heard(func() Agent {
		a := Agent{Timers: late}
		late = 0
		return a
	})
	agent() // as metrics do
	if got := e.heartbeat(agent()).Root.Attrs[probes.AttrAgentTimers]; got != int64(3000) {
		t.Errorf("timers came %v ms late, want 3000", got)
	}
	if got := e.heartbeat(agent()).Root.Attrs[probes.AttrAgentTimers]; got != int64(0) {
		t.Errorf("then %v ms late, want 0", got)
	}
}

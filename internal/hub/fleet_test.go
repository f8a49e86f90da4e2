package hub

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/sonde-media/sonde/internal/api"
	"github.com/sonde-media/sonde/internal/store"
	"github.com/sonde-media/sonde/probes"
)

func TestFleetNumbers(t *testing.T) {
	h := startHub(t, Options{}, store.Options{})
	h.mustPost(t, protoBody(t, beat(1, func(a pcommon.Map) {
		a.PutInt(probes.AttrAgentSpoolBytes, 4096)
		a.PutDouble(probes.AttrAgentSpoolAge, 2.5)
		a.PutInt(probes.AttrAgentMissed, 7)
		a.PutInt(probes.AttrClockOff, -1500)
	})))
	second := beat(2, func(a pcommon.Map) { a.PutDouble(probes.AttrInterval, 1) })
	second.Traces().ResourceSpans().At(0).Resource().Attributes().PutStr(probes.AttrServiceInstance, "agent-2")
	h.mustPost(t, protoBody(t, second))
	_, _, numbers := h.get(t, "/metrics")
	for _, want := range []string{
		`sonde_hub_agents{region="eu",state="reporting"} 1`, `sonde_hub_agents{region="eu",state="silent"} 1`,
		`sonde_hub_agent_last_seen_seconds{region="eu"} `, `sonde_hub_agent_spool_bytes{region="eu"} 4096`,
		`sonde_hub_agent_spool_age_seconds{region="eu"} 2.5`, `sonde_hub_agent_missed_runs{region="eu"} 7`,
		`sonde_hub_agent_clock_offset_seconds{region="eu"} -1.5`,
	} {
		if !strings.Contains(numbers, want) {
			t.Errorf("%q is not in\n%s", want, numbers)
		}
	}
}

// However many regions strangers name, series stay few and gathering works.
func TestFleetOfManyRegions(t *testing.T) {
	var agents []api.Agent
	for n := range 10_000 {
		agents = append(agents, api.Agent{Agent: "a", Region: fmt.Sprint("r", n), LastSeen: time.Now()})
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(newFleet(agents, time.Now()))
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if n := len(f.GetMetric()); n > 2*(maxFleetRegions+1) {
			t.Errorf("%s has %d series", f.GetName(), n)
		}
	}
}

// Numbers of the hub itself don't need the store.
func TestNumbersWithoutStore(t *testing.T) {
	h := startHub(t, Options{}, store.Options{})
	h.st.Close()
	if status, _, numbers := h.get(t, "/metrics"); status != 200 || !strings.Contains(numbers, "sonde_hub_spans_received_total 0") {
		t.Errorf("got %d %s", status, numbers)
	}
}

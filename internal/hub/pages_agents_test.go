package hub

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sonde-media/sonde/internal/api"
	"github.com/sonde-media/sonde/probes"
)

// fleetOf is an agent a region, all of them well.
func fleetOf(regions ...string) api.Agents {
	all := api.Agents{Config: "1a2b3c4d", Version: "v2"}
	for _, r := range regions {
		seen, started := pagesNow.Add(-20*time.Second), pagesNow.Add(-3*time.Hour)
		all.Agents = append(all.Agents, api.Agent{
			Agent: "agent-" + r, Region: r, Version: "v2", LastSeen: seen,
			Beat: api.Beat{Heartbeat: &seen, Interval: time.Minute, Started: &started, Config: "1a2b3c4d", Targets: 6, SpoolBytes: 900, Memory: 30 << 20},
		})
	}
	return all
}

// quiet lets an agent be silent since so long.
func quiet(a *api.Agent, since time.Duration) {
	a.LastSeen = pagesNow.Add(-since)
	a.Heartbeat = &a.LastSeen
	a.Judge(pagesNow)
}

func TestAgentsPage(t *testing.T) {
	all := fleetOf("ap-south", "eu-west", "us-east")
	text := read(t, &answers{agents: all}, "/agents", 200)
	wantAll(t, text, "✓ 3 agents report", "serves configuration 1a2b3c4d", "It is version v2", "30.0 MiB")

	two := all.Agents[1]
	two.Agent = "agent-second"
	quiet(&two, 5*time.Minute)
	bad := &all.Agents[2]
	bad.Config, bad.Version, bad.ClockOffset, bad.SpoolBytes, bad.SpoolAge = "00000000", "v1", -3_600_000, 5<<20, 600
	bad.Missed, bad.Dropped, bad.Lacks, bad.Paused = 12, 3, "the agent's timers came up to 400 ms late: it lacked CPU", []string{"show"}
	all.Agents = append(all.Agents[:2:2], two, *bad)
	text = read(t, &answers{agents: all}, "/agents", 200)
	wantAll(t, text,
		"◌ 1 of 4 agents is silent", "in eu-west", "silent for 5 min: check that it runs",
		"runs configuration 00000000, this hub serves 1a2b3c4d", "is version v1, this hub v2",
		"its clock is 60 min behind: times are corrected here", "5.0 MiB wait in its spool, the oldest for 10 min",
		"lost 3 runs", "it lacked CPU", "missed 12 runs since it started 3 h ago", "1 paused",
	)
	_, body := visit(t, &answers{agents: all}, "/agents")
	if n := strings.Count(body, `<th scope="row">`); n != 3 {
		t.Errorf("got %d regions, want 3, two agents in one", n)
	}
}

func TestAgentsPageWithoutAgents(t *testing.T) {
	text := read(t, &answers{}, "/agents", 200)
	wantAll(t, text, "No agent has reported within a day", "sonde agent --hub http://127.0.0.1:")
	text = read(t, &answers{agents: api.Agents{Config: "1a2b3c4d"}}, "/agents", 200)
	wantAll(t, text, "sonde hub token create --region NAME --url http://127.0.0.1:")
}

// Of ten thousand agents those are shown that need a look.
func TestAgentsPageOfALargeFleet(t *testing.T) {
	var regions []string
	for n := range 10_000 {
		regions = append(regions, fmt.Sprintf("region-%05d", n))
	}
	all := fleetOf(regions...)
	quiet(&all.Agents[9_999], time.Hour)
	status, body := visit(t, &answers{agents: all}, "/agents")
	if status != 200 || !strings.Contains(body, "region-09999") || strings.Contains(body, "region-09998") || len(body) > 4<<20 {
		t.Errorf("got %d and %d bytes", status, len(body))
	}
	wantAll(t, body, "8,000 agents not shown")
}

// A silent agent shows on the front before runs are missed.
func TestSilentAgentOnTheFront(t *testing.T) {
	m := world(sixTargets, "eu-west", "us-east")
	all := fleetOf("eu-west", "us-east")
	quiet(&all.Agents[0], 4*time.Minute)
	text := read(t, &answers{matrix: m, agents: all}, "/", 200)
	wantAll(t, text, "Nothing is heard from eu-west", "eu-west is silent", "Nothing has come from this region since 02:58 UTC, 4 min ago",
		"Check that the agent in eu-west runs", "2 agents, and how they do")

	second := all.Agents[0]
	second.Agent, second.LastSeen = "agent-second", pagesNow.Add(-time.Second)
	second.Judge(pagesNow)
	all.Agents = append(all.Agents, second)
	text = read(t, &answers{matrix: m, agents: all}, "/", 200)
	wantAll(t, text, "All good")
	wantNone(t, text, "eu-west is silent")

	once := api.Agents{Agents: []api.Agent{{Agent: "check", Region: "eu-west", LastSeen: pagesNow.Add(-time.Hour)}}}
	once.Agents[0].Judge(pagesNow)
	wantAll(t, read(t, &answers{matrix: m, agents: once}, "/", 200), "All good")
}

func TestPausedTargets(t *testing.T) {
	m := world(sixTargets, "eu-west", "us-east")
	for _, region := range []string{"eu-west", "us-east"} {
		c := cellOf(&m, region, "www.tonal.example")
		fail(c, probes.TLSExpired, "www.tonal.example", certDetail, 18*time.Minute)
		c.Paused = true
	}
	text := read(t, &answers{matrix: m}, "/", 200)
	wantAll(t, text, "All good: all 5 targets are served", "1 target paused", "‖ paused", "paused: not probed now, on purpose")
	wantNone(t, text, "tls_expired", "silent in")
	for i := range m.Cells {
		m.Cells[i].Paused = true
	}
	wantAll(t, read(t, &answers{matrix: m}, "/", 200), "All targets are paused")
}

// Either of a run and the one that was sent to confirm it leads to the other.
func TestConfirmingRunsLead(t *testing.T) {
	const second = "4bf92f3577b34da6a3ce929d0e0e4736"
	first, confirming := failedRun(), failedRun()
	first.ConfirmedBy = second
	confirming.Run.TraceID, confirming.Run.Confirms = second, failedTrace
	src := &answers{traces: map[string]api.Trace{failedTrace: first, second: confirming}, runs: api.Runs{Runs: []api.Run{confirming.Run}, Total: 1}}
	for path, link := range map[string]string{"/runs/" + failedTrace: second, "/runs/" + second: failedTrace, "/runs": failedTrace} {
		if _, body := visit(t, src, path); !strings.Contains(body, `href="/runs/`+link+`"`) {
			t.Errorf("%s doesn't lead to %s:\n%s", path, link, body)
		}
	}
}

package store

import (
	"fmt"
	"testing"
	"time"

	"github.com/sonde-media/sonde/internal/api"
	"github.com/sonde-media/sonde/probes"
)

func beatAt(after time.Duration, interval time.Duration, paused ...string) Sighting {
	return Sighting{Agent: "a1", Region: "eu", Seen: midnight.Add(after), Beat: &api.Beat{Interval: interval, Paused: paused}}
}

// until selects what was known so long after midnight.
func until(after time.Duration) api.Query { return api.Query{To: midnight.Add(after)} }

// An agent is silent after three of its own intervals without a sign of life,
// and known for a day.
func TestSilentAgents(t *testing.T) {
	s := openTest(t, Options{})
	run := Sighting{Agent: "old", Region: "eu", Seen: midnight} // of a version without heartbeats
	write(t, s, Batch{Sightings: []Sighting{
		beatAt(-time.Minute, 10*time.Second), beatAt(0, 10*time.Second), run,
		{Agent: "a1", Region: "us", Seen: midnight.Add(31 * time.Second), Beat: &api.Beat{Interval: time.Minute}},
	}})
	for _, c := range []struct {
		after  time.Duration
		silent string
	}{
		{30 * time.Second, "a1 eu false old eu false "},
		{31 * time.Second, "a1 eu true old eu false "},
		{180 * time.Second, "a1 eu true old eu false a1 us false "},
		{181 * time.Second, "a1 eu true old eu true a1 us false "},
		{3*time.Minute + 32*time.Second, "a1 eu true old eu true a1 us true "},
		{24 * time.Hour, "a1 eu true old eu true a1 us true "},
		{24*time.Hour + 10*time.Second, "a1 us true "},
	} {
		a, err := s.Agents(t.Context(), until(c.after))
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, one := range a.Agents {
			got += fmt.Sprintf("%s %s %v ", one.Agent, one.Region, one.Silent)
			if (one.SilentSince != nil) != one.Silent || one.Silent && !one.SilentSince.Equal(one.LastSeen) {
				t.Errorf("%v: silent since %v, last seen %v", c.after, one.SilentSince, one.LastSeen)
			}
		}
		if got != c.silent {
			t.Errorf("%v: got %q, want %q", c.after, got, c.silent)
		}
	}
}

// What an agent doesn't probe on purpose is neither silent nor failing, until
// the agent itself is, or a newer run comes.
func TestPausedCells(t *testing.T) {
	const interval = 10 * time.Second
	s := openTest(t, Options{})
	r := run(1, 0, probes.Failed) // each minute
	write(t, s, Batch{Runs: []Run{r}, Sightings: []Sighting{beatAt(time.Second, time.Minute, "show")}})
	state := func(after time.Duration) string { return matrixCell(t, s, until(after)).State() }
	if got := state(2 * time.Minute); got != api.Paused {
		t.Errorf("paused: got %s", got)
	}
	if got := state(5 * time.Minute); got != api.Silent {
		t.Errorf("paused by an agent that is silent since: got %s", got)
	}
	write(t, s, Batch{Sightings: []Sighting{beatAt(5*time.Minute, interval, "show"), beatAt(10*time.Minute, interval, "other")}})
	if got := state(5*time.Minute + interval); got != api.Paused {
		t.Errorf("paused for long: got %s", got)
	}
	if got := state(10*time.Minute + interval); got != api.Silent {
		t.Errorf("paused no more, and no run: got %s", got)
	}
	again := run(2, 11*time.Minute, probes.OK)
	write(t, s, Batch{Runs: []Run{again}, Sightings: []Sighting{beatAt(10*time.Minute+50*time.Second, time.Minute, "show")}})
	if got := state(11*time.Minute + interval); got != "ok" {
		t.Errorf("run after the heartbeat: got %s", got)
	}
}

// The list of a heartbeat is cut; what it may have lost is not taken for dead.
func TestMorePausedThanAHeartbeatTells(t *testing.T) {
	s := openTest(t, Options{})
	var names []string
	for n := range probes.MaxList {
		names = append(names, fmt.Sprint("t", n))
	}
	write(t, s, Batch{Runs: []Run{run(1, -time.Hour, probes.OK)}, Sightings: []Sighting{beatAt(0, time.Minute, names...)}})
	q := until(time.Minute)
	q.From = midnight.Add(-2 * time.Hour)
	if c := matrixCell(t, s, q); !c.Paused || c.Silent {
		t.Errorf("got %+v", c)
	}
}

// A fleet of ten thousand, each with a row a minute, is answered by one step
// into the key an agent.
func TestManyAgents(t *testing.T) {
	const agents, minutes = 10_000, 2
	s := openTest(t, Options{})
	for m := range minutes {
		b := Batch{}
		for n := range agents {
			b.Sightings = append(b.Sightings, Sighting{
				Agent: fmt.Sprint("agent-", n), Region: fmt.Sprint("r", n%50), Seen: midnight.Add(time.Duration(m) * time.Minute),
				Beat: &api.Beat{Interval: time.Minute, Targets: m},
			})
		}
		write(t, s, b)
	}
	start := time.Now()
	a, err := s.Agents(t.Context(), until(minutes*time.Minute))
	t.Logf("answered in %v", time.Since(start))
	if err != nil || len(a.Agents) != agents || a.Agents[0].Targets != minutes-1 {
		t.Errorf("got %d agents and %v", len(a.Agents), err)
	}
	if a, err = s.Agents(t.Context(), until(time.Minute)); err != nil || len(a.Agents) != agents || a.Agents[0].Targets != 0 {
		t.Errorf("a minute after the first: got %d agents and %v", len(a.Agents), err)
	}
}

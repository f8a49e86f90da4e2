package hub

import (
	"fmt"
	"math"
	"net/http"
	"slices"
	"time"

	"github.com/sonde-media/sonde/internal/api"
)

// spoolWaits is how long a spool may hold runs before that is worth a word.
const spoolWaits = time.Minute

type agentsView struct {
	Headline
	Now     time.Time
	Regions []agentRegion
	Total   int
	Left    int // agents that aren't shown
	Config  string
	Version string
	Hub     string // this hub's address, for an agent
}

// An agentRegion is the agents of one region.
type agentRegion struct {
	Name   string
	Agents []agentRow
}

type agentRow struct {
	api.Agent
	State string // an outcome, or silent
	Notes []string
}

func (s *site) agents(r *http.Request) (*page, error) {
	params := r.URL.Query()
	q, err := s.query(params)
	if err != nil {
		return nil, err
	}
	all, err := s.src.Agents(r.Context(), q)
	if err != nil {
		return nil, err
	}
	v := newAgents(&all, q.To)
	v.Hub = address(r)
	return &page{
		template: "agents", Section: "agents", Refresh: refreshSeconds,
		Title: symbol(v.State) + " " + v.Text, Icon: v.State, Body: v,
	}, nil
}

func newAgents(all *api.Agents, now time.Time) *agentsView {
	v := &agentsView{Now: now, Total: len(all.Agents), Config: all.Config, Version: all.Version}
	rows := make([]agentRow, 0, len(all.Agents))
	for _, a := range all.Agents {
		rows = append(rows, newAgentRow(a, all, now))
	}
	v.Headline = agentsHeadline(rows)
	if v.Left = max(0, len(rows)-maxRows); v.Left > 0 { // those well are left out first
		slices.SortStableFunc(rows, func(a, b agentRow) int { return trouble(b) - trouble(a) })
		rows = rows[:maxRows]
		slices.SortStableFunc(rows, func(a, b agentRow) int { return byRegion(a.Agent, b.Agent) })
	}
	for _, row := range rows {
		if n := len(v.Regions); n == 0 || v.Regions[n-1].Name != row.Region {
			v.Regions = append(v.Regions, agentRegion{Name: row.Region})
		}
		last := &v.Regions[len(v.Regions)-1]
		last.Agents = append(last.Agents, row)
	}
	return v
}

func trouble(r agentRow) int { return min(len(r.Notes), 1) }

func newAgentRow(a api.Agent, all *api.Agents, now time.Time) agentRow {
	row := agentRow{Agent: a, State: "ok", Notes: agentNotes(a, all, now)}
	switch {
	case a.Silent:
		row.State = silent
	case len(row.Notes) > 0:
		row.State = "degraded"
	}
	return row
}

// agentNotes says what an operator should know of an agent, in plain words.
func agentNotes(a api.Agent, all *api.Agents, now time.Time) (says []string) {
	note := func(format string, args ...any) { says = append(says, fmt.Sprintf(format, args...)) }
	if a.Silent {
		note("silent for %s: check that it runs and reaches this hub", span(now.Sub(a.LastSeen)))
	}
	if all.Config != "" && a.Config != "" && a.Config != all.Config {
		note("runs configuration %s, this hub serves %s", a.Config, all.Config)
	}
	if all.Version != "" && a.Version != "" && a.Version != all.Version {
		note("is version %s, this hub %s", a.Version, all.Version)
	}
	if off := milliseconds(a.ClockOffset); off.Abs() >= leastOffset {
		note("its clock is %s %s: times are corrected here; have NTP set it", roughly(off.Abs()), direction(off))
	}
	if milliseconds(a.SpoolAge*1000) >= spoolWaits {
		note("%s wait in its spool, the oldest for %s", size(float64(a.SpoolBytes)), span(milliseconds(a.SpoolAge*1000)))
	}
	if a.Dropped > 0 {
		note("lost %s that couldn't be sent in time", count(int(a.Dropped), "run"))
	}
	if a.Lacks != "" {
		note("%s", a.Lacks)
	}
	if a.Missed > 0 {
		note("missed %s%s", count(int(a.Missed), "run"), sinceStart(a, now))
	}
	return says
}

func sinceStart(a api.Agent, now time.Time) string {
	if a.Started == nil {
		return ""
	}
	return " since it started " + span(now.Sub(*a.Started)) + " ago"
}

// milliseconds is a duration that a stranger may have told.
func milliseconds(ms float64) time.Duration {
	most := float64(mostOffset / time.Millisecond)
	return time.Duration(math.Max(-most, math.Min(ms, most)) * float64(time.Millisecond))
}

// roughly says less than some seconds in full.
func roughly(d time.Duration) string {
	if d < 10*time.Second {
		return took(d)
	}
	return span(d)
}

func direction(off time.Duration) string {
	if off > 0 {
		return "ahead"
	}
	return "behind"
}

func agentsHeadline(rows []agentRow) Headline {
	var quiet, noted []string
	for _, r := range rows {
		switch r.State {
		case silent:
			quiet = include(quiet, r.Region)
		case "degraded":
			noted = include(noted, r.Region)
		}
	}
	n := 0
	for _, r := range rows {
		if r.State == silent {
			n++
		}
	}
	switch {
	case len(rows) == 0:
		return Headline{State: "unknown", Text: "No agent has reported within a day"}
	case n > 0:
		verb := " are silent"
		if n == 1 {
			verb = " is silent"
		}
		return Headline{State: silent, Text: capital(share(n, len(rows), "agent")) + verb, Lead: []string{"in " + some(quiet)}}
	case len(noted) > 0:
		return Headline{State: "degraded", Text: count(len(rows), "agent") + report(len(rows)) + ", not all of them well", Lead: []string{"see " + some(noted)}}
	}
	return Headline{State: "ok", Text: count(len(rows), "agent") + report(len(rows))}
}

func report(n int) string {
	if n == 1 {
		return " reports"
	}
	return " report"
}

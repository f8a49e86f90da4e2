package hub

import (
	"cmp"
	"slices"
	"time"

	"github.com/sonde-media/sonde/internal/api"
	"github.com/sonde-media/sonde/probes"
)

// A group is what failures or warnings have in common: a code at a host.
type group struct {
	Code     probes.Code
	Host     string
	Detail   string    // of the newest
	Since    time.Time // first seen; zero where it isn't known
	Last     time.Time // newest run that shows it
	Targets  []string
	Regions  []string
	Services []string
	Spared   []string  // regions that reach all of Targets
	Examples []api.Run // the newest of each region
}

// groups collects what cells of a matrix have in common.
type groups struct {
	byKey map[groupKey]*group
	list  []*group // in the order in which they were met
}

type groupKey struct {
	code probes.Code
	host string
}

// add notes that run shows code at host.
func (g *groups) add(run api.Run, code probes.Code, host, detail string, since time.Time) {
	key := groupKey{code, host}
	one := g.byKey[key]
	if one == nil {
		one = &group{Code: code, Host: host, Since: since}
		if g.byKey == nil {
			g.byKey = map[groupKey]*group{}
		}
		g.byKey[key] = one
		g.list = append(g.list, one)
	}
	if since.Before(one.Since) {
		one.Since = since
	}
	if !run.Started.Before(one.Last) {
		one.Last, one.Detail = run.Started, detail
	}
	one.Targets = include(one.Targets, run.Target)
	one.Services = include(one.Services, run.Service)
	one.example(run)
}

// example keeps the newest run of each region.
func (g *group) example(run api.Run) {
	i := slices.Index(g.Regions, run.Region)
	switch {
	case i < 0:
		g.Regions = append(g.Regions, run.Region)
		g.Examples = append(g.Examples, run)
	case g.Examples[i].Started.Before(run.Started):
		g.Examples[i] = run
	}
}

// worst sorts what hits most first; the order among equals stays.
func (g *groups) worst() []*group {
	slices.SortStableFunc(g.list, func(a, b *group) int {
		return cmp.Or(
			cmp.Compare(len(b.Targets), len(a.Targets)),
			cmp.Compare(len(b.Regions), len(a.Regions)),
		)
	})
	return g.list
}

func include(list []string, s string) []string {
	if s == "" || slices.Contains(list, s) {
		return list
	}
	return append(list, s)
}

// fullGroups is how many groups of failures are told at length; past that a
// reader needs the matrix.
const fullGroups = 8

// failing groups the cells whose newest run failed. A silent cell's last word
// is out of date: it counts as silent only.
func failing(m *api.Matrix) []*group {
	var g groups
	for _, c := range m.Cells {
		if r := c.Newest; isFailing(c) {
			g.add(r, r.Code, r.Culprit, r.Detail, failedSince(c))
		}
	}
	list := g.worst()
	for _, one := range list[:min(len(list), fullGroups)] {
		one.Spared = spared(m, one)
	}
	return list
}

func isFailing(c api.Cell) bool { return c.Current() && c.Newest.Outcome == probes.Failed }

func failedSince(c api.Cell) time.Time {
	if c.FailedSince != nil {
		return *c.FailedSince
	}
	return c.Newest.Started
}

// spared lists the regions from which all targets of the group are served.
func spared(m *api.Matrix, g *group) (regions []string) {
	served := map[string]int{}
	for _, c := range m.Cells {
		good := c.Newest.Outcome == probes.OK || c.Newest.Outcome == probes.Degraded
		if good && c.Current() && slices.Contains(g.Targets, c.Target) {
			served[c.Region]++
		}
	}
	for _, r := range m.Regions {
		if served[r.Name] == len(g.Targets) {
			regions = append(regions, r.Name)
		}
	}
	return regions
}

// warnings groups the warnings of the newest runs.
func warnings(m *api.Matrix) []*group {
	var g groups
	for _, c := range m.Cells {
		if !c.Current() {
			continue
		}
		for _, f := range c.Newest.Findings {
			if f.Warns() && f.Code != c.Newest.Code {
				g.add(c.Newest, f.Code, f.Host, f.Detail, time.Time{})
			}
		}
	}
	return g.worst()
}

// recovered groups the failures within the range that are over.
func recovered(m *api.Matrix) []*group {
	var g groups
	for _, c := range m.Cells {
		if r := c.Failing; r != nil && c.Current() && c.Newest.Outcome != probes.Failed {
			g.add(*r, r.Code, r.Culprit, r.Detail, r.Started)
		}
	}
	return g.worst()
}

// A silence is a region from which some targets aren't heard of any more.
type silence struct {
	Region  string
	All     bool // of the targets it probed: the agent itself is silent
	Targets []string
	Last    time.Time // its newest run, or its agents' last sign of life
}

// told reports whether an incident says the same.
func (s silence) told(i api.Incident) bool {
	return i.Code.Ours() && slices.Contains(i.Regions, s.Region)
}

// silences are those of regions, by what is due: runs of targets, and
// heartbeats of agents, which are due sooner than the runs of most.
func silences(m *api.Matrix, agents []api.Agent) (list []silence) {
	for _, r := range m.Regions {
		s, heard := silence{Region: r.Name}, 0
		for _, c := range m.Cells {
			if c.Region != r.Name {
				continue
			}
			if !c.Silent {
				heard++
				continue
			}
			s.Targets = append(s.Targets, c.Target)
			if c.Newest.Started.After(s.Last) {
				s.Last = c.Newest.Started
			}
		}
		s.All = heard == 0
		if last, quiet := allSilent(agents, r.Name); quiet {
			s.All = true
			s.Last = last
		}
		if s.All || len(s.Targets) > 0 {
			list = append(list, s)
		}
	}
	return list
}

// allSilent reports whether a region has agents with heartbeats and none of
// them gives a sign of life any more, and when the last one did. When others
// ought to be heard of isn't known.
func allSilent(agents []api.Agent, region string) (last time.Time, quiet bool) {
	for _, a := range agents {
		switch {
		case a.Region != region || a.Heartbeat == nil:
		case !a.Silent:
			return last, false
		case a.LastSeen.After(last):
			last, quiet = a.LastSeen, true
		}
	}
	return last, quiet
}

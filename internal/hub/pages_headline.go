package hub

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sonde-media/sonde/internal/api"
	"github.com/sonde-media/sonde/probes"
)

// A Headline answers what fails, where, since when and for whom in one glance.
type Headline struct {
	State string // what the whole is coloured by: an outcome or silent
	Text  string
	Lead  []string // what follows from it, a few words each
}

// headline says the worst of what a matrix holds: failures before silence,
// silence before warnings.
func headline(m *api.Matrix, v *statusView) Headline {
	switch {
	case v.Empty && len(v.Filters) > 0:
		return Headline{State: string(probes.Unknown), Text: "No runs match this selection"}
	case v.Empty:
		return Headline{State: string(probes.Unknown), Text: "No runs yet"}
	case len(v.Failing) > 0:
		return failureHeadline(m, v)
	case len(v.Silences) > 0:
		return silenceHeadline(m, v)
	}
	targets := targetsBy(m, func(c api.Cell) bool { return c.Current() && c.Newest.Outcome == probes.Unknown })
	if len(targets) > 0 {
		return Headline{
			State: string(probes.Unknown),
			Text:  "Nothing fails, but " + share(len(targets), len(m.Targets), "target") + " couldn't be judged",
			Lead:  []string{"by a fault of the agent's, not the target's"},
		}
	}
	return goodHeadline(m, v)
}

func goodHeadline(m *api.Matrix, v *statusView) Headline {
	probed := len(targetsBy(m, func(c api.Cell) bool { return !c.Paused }))
	if probed == 0 {
		return Headline{State: string(probes.Unknown), Text: "All targets are paused"}
	}
	served := share(probed, probed, "target") + " is served"
	if probed > 1 {
		served = share(probed, probed, "target") + " are served"
	}
	h := Headline{State: string(probes.OK), Text: "All good: " + served}
	if n := len(m.Targets) - probed; n > 0 {
		h.Lead = append(h.Lead, count(n, "target")+" paused")
	}
	if len(v.Warnings) > 0 {
		h.State = string(probes.Degraded)
		h.Text = capital(served) + ", with " + count(len(v.Warnings), "warning")
	}
	var regions []string
	for _, r := range m.Regions {
		regions = append(regions, r.Name)
	}
	h.Lead = append(h.Lead, "in "+where(regions, len(regions)), "newest run "+span(m.To.Sub(newest(m)))+" ago")
	return h
}

func failureHeadline(m *api.Matrix, v *statusView) Headline {
	targets := targetsBy(m, isFailing)
	var regions []string
	since := m.To
	for _, g := range v.Failing {
		for _, r := range g.Regions {
			regions = include(regions, r)
		}
		if g.Since.Before(since) {
			since = g.Since
		}
	}
	verb := " fail in "
	if len(targets) == 1 {
		verb = " fails in "
	}
	text := share(len(targets), len(m.Targets), "target") + verb + where(regions, len(m.Regions))
	h := Headline{State: string(probes.Failed), Text: capital(text)}
	h.Lead = append(h.Lead, "since "+clock(m.To, since)+", for "+span(m.To.Sub(since)))
	hit, not := affected(m, targets)
	if len(hit) > 0 {
		h.Lead = append(h.Lead, "hit: "+some(hit))
	}
	if len(not) > 0 {
		h.Lead = append(h.Lead, "not hit: "+some(not))
	}
	return h
}

// where names the one region concerned, or counts them.
func where(regions []string, of int) string {
	switch {
	case len(regions) == 1 && of == 1:
		return regions[0]
	case len(regions) == 1:
		return fmt.Sprintf("%s, 1 of %d regions", regions[0], of)
	}
	return share(len(regions), of, "region")
}

// affected splits the services by whether one of targets is theirs.
func affected(m *api.Matrix, targets []string) (hit, not []string) {
	for _, t := range m.Targets {
		if slices.Contains(targets, t.Name) {
			hit = include(hit, t.Service)
		}
	}
	for _, t := range m.Targets {
		if !slices.Contains(hit, t.Service) {
			not = include(not, t.Service)
		}
	}
	return hit, not
}

func silenceHeadline(m *api.Matrix, v *statusView) Headline {
	var regions []string
	for _, s := range v.Silences {
		if s.All {
			regions = append(regions, s.Region)
		}
	}
	h := Headline{State: silent, Lead: []string{"newest run " + span(m.To.Sub(newest(m))) + " ago"}}
	switch {
	case len(regions) == len(m.Regions):
		h.Text = "Nothing is heard from any region"
	case len(regions) > 0:
		h.Text = "Nothing is heard from " + strings.Join(regions, ", ")
		h.Lead = append(h.Lead, "nothing fails elsewhere")
	default:
		targets := targetsBy(m, func(c api.Cell) bool { return c.Silent })
		h.Text = "Nothing fails, but nothing is heard of " + share(len(targets), len(m.Targets), "target")
	}
	return h
}

// targetsBy lists the targets that have a cell of which is holds.
func targetsBy(m *api.Matrix, is func(api.Cell) bool) (targets []string) {
	seen := map[string]bool{}
	for _, c := range m.Cells {
		if is(c) && !seen[c.Target] {
			seen[c.Target] = true
			targets = append(targets, c.Target)
		}
	}
	return targets
}

func newest(m *api.Matrix) (t time.Time) {
	for _, c := range m.Cells {
		if c.Newest.Started.After(t) {
			t = c.Newest.Started
		}
	}
	return t
}

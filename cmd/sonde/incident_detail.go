package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sonde-media/sonde/internal/api"
	"github.com/sonde-media/sonde/internal/incident"
)

// Lengths of lists where they are shortened.
const (
	fewNames   = 8
	fewRows    = 10
	fewDiffers = 3
	maxLabel   = 22 // columns of the name of a fact
)

// incidentDetail draws all that is known of an incident; pages is the URL of
// the hub's pages.
func incidentDetail(v treeView, i api.IncidentDetail, pages string, now time.Time) string {
	d := drawing(v, now)
	d.header(i.Incident)
	d.WriteByte('\n')
	d.facts(i.Incident)
	d.toDo(i)
	d.factors(i.Factors)
	for _, one := range i.Divergences {
		d.divergence(one)
	}
	d.shows(i.Shows)
	d.evidence(i.Evidence)
	d.timeline(incident.Timeline(i.Incident, nil)) // notes stand above
	d.traces(i.Traces, pages)
	return d.String()
}

// few is n, or no bound where nothing is to be shortened.
func (d *incidentDrawing) few(n int) int {
	if d.verbose {
		return 1 << 30
	}
	return n
}

func (d *incidentDrawing) facts(i api.Incident) {
	d.fact("since", fmt.Sprintf("%s, detected %s later", clockTime(i.FirstFailure, d.now), shortSeconds(i.Detected.Sub(i.FirstFailure))))
	d.fact("code", printable(strings.TrimSuffix(string(i.Code)+": "+i.Code.Explanation(), ": ")))
	d.fact("cause", strings.ToLower(incident.CauseKind(i)[:1])+incident.CauseKind(i)[1:]+" "+printable(i.Cause))
	d.fact("at", fewOf(i.Hosts, d.few(fewNames)))
	d.fact("said", printable(i.Detail))
	if len(i.Codes) > 1 {
		var codes []string
		for _, c := range i.Codes {
			codes = append(codes, fmt.Sprintf("%s in %s", printable(string(c.Code)), counted(c.Runs, "run")))
		}
		d.fact("codes", fewOf(codes, d.few(fewNames)))
	}
	d.fact("scope", strings.ReplaceAll(printable(string(i.Scope)), "_", " "))
	for n, r := range i.PerRegion {
		state := "failing since " + clockTime(r.Started, d.now)
		switch {
		case r.Recovered != nil:
			state = fmt.Sprintf("%s to %s", clockTime(r.Started, d.now), clockTime(*r.Recovered, d.now))
		case i.Resolved != nil:
			state = "from " + clockTime(r.Started, d.now) + ", never seen to recover"
		}
		d.fact([]string{"regions", ""}[min(n, 1)], printable(r.Region)+", "+state)
	}
	d.fact("services", hitLine(i))
	d.fact("targets", fmt.Sprintf("%d of %d that use it: %s", len(i.Targets), max(i.Using, len(i.Targets)), fewOf(i.Targets, d.few(fewNames))))
	if len(i.Absorbed) > 0 {
		var codes []string
		for _, c := range i.Absorbed {
			codes = append(codes, string(c))
		}
		d.fact("explains", fewOf(codes, d.few(fewNames)))
	}
}

// shortSeconds is a time to detect.
func shortSeconds(t time.Duration) string { return max(0, t).Round(time.Second).String() }

// toDo is advice, and what operators noted: who is called at night needs them
// first.
func (d *incidentDrawing) toDo(i api.IncidentDetail) {
	if i.Advice != "" {
		lines := wrap("→ "+printable(i.Advice), d.width-2)
		fmt.Fprintf(d, "\n%s\n", d.in(bold, strings.Join(lines, "\n  ")))
	}
	if len(i.Notes) == 0 {
		return
	}
	d.heading("Notes")
	for _, n := range i.Notes {
		text := printable(n.Text)
		if n.Workaround != "" {
			text += "; workaround: " + printable(n.Workaround)
		}
		if n.Estimate != nil {
			text += "; expected to be over at " + clockTime(*n.Estimate, d.now)
		}
		if n.Public {
			text += " (public)"
		}
		d.moment(n.At, strings.TrimPrefix(text, "; "))
	}
}

// moment writes what was at a time.
func (d *incidentDrawing) moment(at time.Time, text string) {
	when := clockTime(at, d.now)
	for n, line := range wrap(text, d.width-textWidth(when)-4) {
		if n > 0 {
			when = strings.Repeat(" ", textWidth(when))
		}
		fmt.Fprintf(d, "  %s  %s\n", d.in(dim, when), line)
	}
}

func (d *incidentDrawing) factors(all []api.Factor) {
	var rows [][]string
	for _, f := range all[:min(len(all), d.few(fewRows))] {
		rows = append(rows, []string{
			strings.ReplaceAll(printable(f.Dimension), "_", " "), printable(f.Value),
			fmt.Sprintf("%d of %d", f.FailingWith, f.Failing), fmt.Sprintf("%d of %d", f.HealthyWith, f.Healthy),
		})
	}
	if len(rows) > 0 {
		d.heading("What failing runs share and healthy ones lack")
		d.table([]string{"WHAT", "VALUE", "FAILING", "HEALTHY"}, rows)
	}
}

// divergence draws the first steps in which two runs differ, side by side.
func (d *incidentDrawing) divergence(v api.Divergence) {
	if v.First < 0 || v.First >= len(v.Steps) {
		return
	}
	d.heading(fmt.Sprintf("%s: %s fails beside %s", printable(v.Failing.Target), printable(v.Failing.Region), printable(v.Healthy.Region)))
	differ := slices.DeleteFunc(slices.Clone(v.Steps[v.First:]), func(s api.DivergedStep) bool {
		same := s.Failing && s.Healthy && !slices.ContainsFunc(s.Facts, func(f api.DivergedFact) bool { return f.Differs })
		return same && !d.verbose
	})
	if v.First > 0 {
		fmt.Fprintf(d, "  %s\n", d.in(dim, counted(v.First, "step")+" before are alike"))
	}
	d.columns("", "FAILING, "+v.Failing.Region, "HEALTHY, "+v.Healthy.Region, dim)
	shown := differ[:min(len(differ), d.few(fewDiffers))]
	for _, s := range shown {
		d.diverged(s)
	}
	if n := len(differ) - len(shown); n > 0 {
		fmt.Fprintf(d, "  %s\n", d.in(dim, counted(n, "later step")+" differ too; --verbose shows them"))
	}
}

func (d *incidentDrawing) diverged(s api.DivergedStep) {
	where := printable(s.Path)
	switch {
	case !s.Failing:
		where += " (only in the healthy run)"
	case !s.Healthy:
		where += " (only in the failing run)"
	}
	fmt.Fprintf(d, "  %s\n", fit(where, d.width-2))
	for _, f := range s.Facts {
		style := plain
		if f.Differs {
			style = yellow
		}
		d.columns("  "+f.Name, f.Failing, f.Healthy, style)
	}
}

// columns writes two values beside each other.
func (d *incidentDrawing) columns(name, left, right string, s style) {
	const names = 18
	half := (d.width - names - 4) / 2
	left, right = cmp.Or(printable(left), "-"), cmp.Or(printable(right), "-")
	mark := " "
	if s == yellow {
		mark = "≠" // without colours too
	}
	name, left = fit(printable(name), names-2), fit(left, half)
	fmt.Fprintf(d, "  %s%s%s %s%s  %s\n", name, strings.Repeat(" ", names-2-textWidth(name)), mark,
		d.in(s, left), strings.Repeat(" ", half-textWidth(left)), d.in(s, fit(right, half)))
}

func (d *incidentDrawing) shows(all []api.AffectedShow) {
	told := slices.DeleteFunc(slices.Clone(all), func(s api.AffectedShow) bool { return s.Title == "" && s.Publisher == "" })
	if len(told) == 0 {
		return
	}
	var rows [][]string
	for _, s := range told[:min(len(told), d.few(fewRows))] {
		rows = append(rows, []string{printable(s.Target), printable(s.Title), printable(s.Publisher)})
	}
	d.heading("Shows")
	d.table([]string{"TARGET", "TITLE", "PUBLISHER"}, rows)
	d.rest(len(told) - len(rows))
}

// rest says how much was left out.
func (d *incidentDrawing) rest(n int) {
	if n > 0 {
		fmt.Fprintf(d, "  %s\n", d.in(dim, fmt.Sprintf("and %d more; --verbose shows them", n)))
	}
}

func (d *incidentDrawing) evidence(all []api.Evidence) {
	for _, e := range all[:min(len(all), d.few(1))] {
		d.heading(fmt.Sprintf("Evidence, %s from %s", cmp.Or(printable(e.Path), "the run"), printable(e.Region)))
		for _, f := range e.Facts {
			d.label = max(d.label, min(textWidth(printable(f[0])), maxLabel)+2)
		}
		for _, f := range e.Facts {
			d.fact(fit(printable(f[0]), maxLabel), printable(f[1]))
		}
		d.label = labelColumn
	}
	d.rest(len(all) - d.few(1))
}

func (d *incidentDrawing) timeline(all []api.Moment) {
	if len(all) == 0 {
		return
	}
	d.heading("Timeline")
	shown := all[:min(len(all), d.few(2*fewRows))]
	for _, m := range shown {
		d.moment(m.At, printable(m.Text))
	}
	d.rest(len(all) - len(shown))
}

func (d *incidentDrawing) traces(all []api.IncidentTrace, pages string) {
	if len(all) == 0 {
		return
	}
	d.heading("Runs to look at")
	for _, t := range all[:min(len(all), d.few(fewRows))] {
		d.fact(fit(printable(t.Region), labelColumn-2), pages+"/runs/"+printable(t.TraceID))
	}
	d.rest(len(all) - d.few(fewRows))
}

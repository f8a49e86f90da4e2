package hub

import (
	"context"
	"errors"
	"io/fs"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/sonde-media/sonde/internal/api"
	"github.com/sonde-media/sonde/internal/incident"
	"github.com/sonde-media/sonde/probes"
)

// Limits of what a detail reads.
const (
	maxListed   = 2000           // runs that they are chosen from
	maxCompared = 200            // failing runs, and healthy ones
	fewHealthy  = 20             // with fewer, runs from before the incident are compared too
	lookBack    = 24 * time.Hour // how far before it they are looked for
	maxNamed    = 500            // targets by which runs are asked for
)

func (h *Hub) incident(r *http.Request) (any, error) {
	if len(r.URL.Query()) > 0 {
		return nil, badQuery{errors.New("an incident is asked for by its ID alone")}
	}
	return h.Incident(r.Context(), r.PathValue("id"))
}

// Incident returns all that is known of the incident whose ID is id, or alone
// begins with it. The error wraps fs.ErrNotExist where there is none.
func (h *Hub) Incident(ctx context.Context, id string) (d api.IncidentDetail, err error) {
	if d.Incident, err = h.find(id); err != nil {
		return d, err
	}
	if d.Notes, err = h.notesOf(d.ID); err != nil {
		return d, err
	}
	var all []incident.Watched
	var using []string
	err = h.folded(func(f *incident.Fold) {
		all, using = f.Watched(d.LastFailure), f.Users(d.Hosts, d.FirstFailure, d.LastFailure)
	})
	if err != nil {
		return d, err
	}
	hit := slices.DeleteFunc(all, func(w incident.Watched) bool { return !slices.Contains(d.Targets, w.Target) })
	known, err := h.showsOf(ctx, hit)
	if err != nil {
		return d, err
	}
	d.Shows = affectedShows(hit, known, d.Hosts)
	d.Timeline = incident.Timeline(d.Incident, d.Notes)
	c := comparison{h: h, of: &d.Incident, using: using}
	if err := c.read(ctx); err != nil {
		return d, err
	}
	d.Factors = incident.Factors(c.failing, c.healthy, d.Hosts)
	d.Divergences, err = c.divergences(ctx)
	d.Evidence = c.evidence()
	return d, err
}

// A comparison is the runs of an incident, and healthy ones beside them; both
// the newest first.
type comparison struct {
	h                *Hub
	of               *api.Incident
	using            []string // targets that use the incident's hosts
	failing, healthy []api.Trace
}

func (c *comparison) read(ctx context.Context) (err error) {
	i := c.of
	if len(i.Codes) == 0 {
		return nil // an agent is silent: there are no runs
	}
	outcomes := []string{string(probes.Failed)}
	if i.Code.Severity() != "" && i.Severity == api.SeverityWarning {
		outcomes = []string{string(probes.Degraded), string(probes.Failed)}
	}
	q := api.Query{From: i.FirstFailure, To: i.LastFailure.Add(time.Nanosecond), Limit: maxListed, Targets: named(i.Targets), Regions: i.Regions, Outcomes: outcomes}
	if c.failing, err = c.traces(ctx, q, c.hit); err != nil {
		return err
	}
	q.Targets, q.Regions, q.Outcomes = named(append(slices.Clone(i.Targets), c.using...)), nil, []string{string(probes.OK), string(probes.Degraded)}
	if c.healthy, err = c.traces(ctx, q, c.well); err != nil || len(c.healthy) >= fewHealthy {
		return err
	}
	q.From, q.To = i.FirstFailure.Add(-lookBack), i.FirstFailure
	before, err := c.traces(ctx, q, c.well)
	c.healthy = append(c.healthy, before...)
	return err
}

// named are names by which runs can be asked for, as many as may be.
func named(all []string) []string { return sorted(all)[:min(len(sorted(all)), maxNamed)] }

// hit reports whether a run is one of the incident's.
func (c *comparison) hit(r *api.Run) bool {
	return slices.Contains(c.of.Hosts, r.Culprit) || c.warned(r)
}

// warned reports whether a run was warned as the incident's runs were.
func (c *comparison) warned(r *api.Run) bool {
	return slices.ContainsFunc(r.Findings, func(w probes.Finding) bool {
		return w.Code == c.of.Code && w.Warns() && slices.Contains(c.of.Hosts, w.Host)
	})
}

func (c *comparison) well(r *api.Run) bool { return !c.warned(r) }

// traces reads the newest runs of a query that take wants, spread over regions
// so that one that has many hides no other.
func (c *comparison) traces(ctx context.Context, q api.Query, take func(*api.Run) bool) (all []api.Trace, err error) {
	runs, err := c.h.st.Runs(ctx, q)
	if err != nil {
		return nil, err
	}
	for _, r := range spread(slices.DeleteFunc(runs.Runs, func(r api.Run) bool { return !take(&r) }), maxCompared) {
		t, err := c.h.st.Trace(ctx, r.TraceID)
		switch {
		case errors.Is(err, fs.ErrNotExist): // deleted for its age meanwhile
			continue
		case err != nil:
			return nil, err
		}
		all = append(all, t)
	}
	return all, nil
}

// spread returns n of runs, the newest of each region by turns, newest first.
func spread(runs []api.Run, n int) []api.Run {
	turn := map[string]int{}
	order := make([]int, len(runs))
	at := make([]int, len(runs))
	for i, r := range runs {
		turn[r.Region]++
		order[i], at[i] = turn[r.Region], i
	}
	slices.SortStableFunc(at, func(a, b int) int { return order[a] - order[b] })
	kept := []api.Run{}
	for _, i := range at[:min(len(at), n)] {
		kept = append(kept, runs[i])
	}
	slices.SortFunc(kept, newestFirst)
	return kept
}

// divergences puts the newest failing run of each region beside a healthy one
// of the same target: of a region that is well at about the time, else of the
// same region before it began.
func (c *comparison) divergences(ctx context.Context) ([]api.Divergence, error) {
	all := []api.Divergence{}
	for _, bad := range c.newest() {
		good, ok, err := c.beside(ctx, bad.Run)
		if err != nil {
			return nil, err
		}
		if ok {
			all = append(all, incident.Diverge(bad, good))
		}
	}
	return all, nil
}

// newest are the newest failing runs of each region.
func (c *comparison) newest() (all []api.Trace) {
	seen := map[string]bool{}
	for _, t := range c.failing {
		if !seen[t.Run.Region] {
			seen[t.Run.Region] = true
			all = append(all, t)
		}
	}
	slices.SortFunc(all, func(a, b api.Trace) int { return strings.Compare(a.Run.Region, b.Run.Region) })
	return all
}

func (c *comparison) beside(ctx context.Context, bad api.Run) (good api.Trace, ok bool, err error) {
	var others []string
	err = c.h.folded(func(f *incident.Fold) {
		for _, w := range f.Watched(bad.Started) {
			if w.Target == bad.Target {
				others = slices.DeleteFunc(w.Regions, func(r string) bool { return slices.Contains(c.of.Regions, r) })
			}
		}
	})
	if err != nil {
		return good, false, err
	}
	r, ok, err := c.h.st.NewestHealthy(ctx, bad.Target, others, bad.Started.Add(bad.Interval))
	if err == nil && (!ok || bad.Started.Sub(r.Started) > max(lookBack/24, 3*bad.Interval)) {
		r, ok, err = c.h.st.NewestHealthy(ctx, bad.Target, []string{bad.Region}, c.of.FirstFailure)
	}
	if err != nil || !ok {
		return good, false, err
	}
	good, err = c.h.st.Trace(ctx, r.TraceID)
	if errors.Is(err, fs.ErrNotExist) {
		return good, false, nil
	}
	return good, err == nil, err
}

// evidence is of the newest failing run of each region.
func (c *comparison) evidence() []api.Evidence {
	all := []api.Evidence{}
	for _, t := range c.newest() {
		if e, ok := incident.EvidenceOf(t, c.of.Hosts); ok {
			all = append(all, e)
		}
	}
	return all
}

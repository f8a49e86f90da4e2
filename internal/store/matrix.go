package store

import (
	"cmp"
	"context"
	"database/sql"
	"maps"
	"slices"
	"time"

	"github.com/sonde-media/sonde/internal/api"
	"github.com/sonde-media/sonde/probes"
)

// A place is one target seen from one region.
type place struct{ region, target string }

// A matrix is collected day by day, newest first.
type matrix struct {
	sel   *selection
	cells map[place]*api.Cell
	urls  map[place]string
}

// Matrix returns region × target at a glance.
func (s *Store) Matrix(ctx context.Context, q api.Query) (api.Matrix, error) {
	sel, err := selecting(q)
	if err != nil {
		return api.Matrix{}, err
	}
	m := &matrix{sel, map[place]*api.Cell{}, map[place]string{}}
	if err := s.each(ctx, sel.From, sel.To, func(d *snapshot) error { return m.add(ctx, d) }); err != nil {
		return api.Matrix{}, err
	}
	if err := s.sinceWhen(ctx, m); err != nil {
		return api.Matrix{}, err
	}
	sightings, err := s.sightings(ctx, sel)
	if err != nil {
		return api.Matrix{}, err
	}
	return m.answer(sightings), nil
}

// A tally is the runs of one cell, day and outcome.
type tally struct {
	place
	outcome  string
	confirms bool
	n        int
	newest   int64 // when the newest began
	row      int64 // which it is
	url      string
}

// tallies counts the runs of a day. The join makes one short walk of the index
// for each cell, however long the day is; of columns beside max() SQLite gives
// those of the row that has it.
func (m *matrix) tallies(ctx context.Context, d *snapshot) ([]tally, error) {
	query := `SELECT r.region, r.target, r.outcome, r.confirms <> '' AS confirming, count(*), max(r.started), r.rowid, c.url
		FROM cells c CROSS JOIN runs r ON r.region = c.region AND r.target = c.target
		WHERE ` + m.sel.where + ` GROUP BY r.region, r.target, r.outcome, confirming`
	var all []tally
	err := d.rows(ctx, query, m.sel.args, func(rows *sql.Rows) error {
		var t tally
		err := rows.Scan(&t.region, &t.target, &t.outcome, &t.confirms, &t.n, &t.newest, &t.row, &t.url)
		all = append(all, t)
		return err
	})
	return all, err
}

// add adds a day. What a newer day has told of the newest runs stands.
func (m *matrix) add(ctx context.Context, d *snapshot) error {
	all, err := m.tallies(ctx, d)
	if err != nil {
		return err
	}
	newest, failing := map[place]tally{}, map[place]tally{}
	for _, t := range all {
		c := m.cells[t.place]
		if c == nil {
			c = &api.Cell{Region: t.region, Target: t.target}
			m.cells[t.place] = c
			m.urls[t.place] = t.url
		}
		if !t.confirms {
			count(&c.Counts, t.outcome, t.n)
		}
		if c.Newest.TraceID == "" && t.after(newest[t.place]) {
			newest[t.place] = t
		}
		if c.Failing == nil && t.outcome == string(probes.Failed) && t.after(failing[t.place]) {
			failing[t.place] = t
		}
	}
	return m.fetch(ctx, d, newest, failing)
}

// after orders by begin; of runs that began together the one stored last wins.
func (t tally) after(u tally) bool {
	return cmp.Or(cmp.Compare(t.newest, u.newest), cmp.Compare(t.row, u.row)) > 0
}

func (m *matrix) fetch(ctx context.Context, d *snapshot, newest, failing map[place]tally) error {
	for p, t := range newest {
		if err := d.run(ctx, t.row, &m.cells[p].Newest); err != nil {
			return err
		}
	}
	for p, t := range failing {
		m.cells[p].Failing = &api.Run{}
		if err := d.run(ctx, t.row, m.cells[p].Failing); err != nil {
			return err
		}
	}
	return nil
}

func (s *snapshot) run(ctx context.Context, row int64, r *api.Run) error {
	return s.rows(ctx, "SELECT "+runColumns+" FROM runs r WHERE r.rowid = ?", []any{row}, func(rows *sql.Rows) error {
		return scanRun(rows, r)
	})
}

// sinceWhen finds out how long the failing cells have been failing, also
// before the range: who looks at the last quarter of an hour wants to know
// that it began yesterday.
func (s *Store) sinceWhen(ctx context.Context, m *matrix) error {
	open := map[*api.Cell]bool{}
	for _, c := range m.cells {
		if c.Newest.Outcome == probes.Failed {
			since := c.Newest.Started
			c.FailedSince, open[c] = &since, true
		}
	}
	return s.each(ctx, time.Time{}, m.sel.To, func(d *snapshot) error {
		if len(open) == 0 {
			return errStop
		}
		for c := range open {
			served, err := d.failing(ctx, c)
			if err != nil {
				return err
			}
			if served {
				delete(open, c)
			}
		}
		return nil
	})
}

const (
	lastServed = `SELECT coalesce(max(started), 0) FROM (SELECT started FROM runs
		WHERE region = ? AND target = ? AND started < ? AND outcome IN ('ok', 'degraded') ORDER BY started DESC LIMIT 1)`
	firstFailed = `SELECT coalesce(min(started), 0) FROM (SELECT started FROM runs
		WHERE region = ? AND target = ? AND started > ? AND started < ? AND outcome = 'failed' ORDER BY started LIMIT 1)`
)

// failing moves c.FailedSince back to the first of the failed runs that end at
// it, as far as the day goes, and reports whether a run before was served.
// Runs of unknown outcome neither end nor begin anything.
func (s *snapshot) failing(ctx context.Context, c *api.Cell) (served bool, err error) {
	var good, first int64
	until := c.FailedSince.UnixNano()
	if err := s.QueryRowContext(ctx, lastServed, c.Region, c.Target, until).Scan(&good); err != nil {
		return false, err
	}
	if err := s.QueryRowContext(ctx, firstFailed, c.Region, c.Target, good, until).Scan(&first); err != nil {
		return false, err
	}
	if first != 0 {
		*c.FailedSince = at(first)
	}
	return good != 0, nil
}

func (m *matrix) answer(sightings []sighting) api.Matrix {
	a := api.Matrix{From: m.sel.From, To: m.sel.To, Regions: []api.Region{}, Targets: []api.TargetInfo{}, Cells: []api.Cell{}}
	regions, targets := map[string]api.Region{}, map[string]api.TargetInfo{}
	latest := map[string]time.Time{}
	pausing := pausing(sightings)
	for p, c := range m.cells {
		c.Silent = silent(c.Newest, m.sel.To)
		c.Paused = slices.ContainsFunc(pausing[p.region], func(a *api.Agent) bool { return a.Pauses(c) })
		c.Silent = c.Silent && !c.Paused
		a.Cells = append(a.Cells, *c)
		regions[p.region] = api.Region{Name: p.region}
		if c.Newest.Started.After(latest[p.target]) {
			latest[p.target] = c.Newest.Started
			targets[p.target] = api.TargetInfo{Name: p.target, Kind: c.Newest.Kind, Service: c.Newest.Service, URL: m.urls[p]}
		}
	}
	for _, g := range sightings { // oldest first
		if _, ok := regions[g.Region]; ok {
			regions[g.Region] = api.Region{Name: g.Region, Lat: g.lat, Lon: g.lon}
		}
	}
	a.Regions = slices.AppendSeq(a.Regions, maps.Values(regions))
	a.Targets = slices.AppendSeq(a.Targets, maps.Values(targets))
	slices.SortFunc(a.Regions, func(x, y api.Region) int { return cmp.Compare(x.Name, y.Name) })
	slices.SortFunc(a.Targets, func(x, y api.TargetInfo) int {
		return cmp.Or(cmp.Compare(x.Service, y.Service), cmp.Compare(x.Name, y.Name))
	})
	slices.SortFunc(a.Cells, func(x, y api.Cell) int {
		return cmp.Or(cmp.Compare(x.Target, y.Target), cmp.Compare(x.Region, y.Region))
	})
	return a
}

// silent reports whether three intervals have passed since the run. They count
// from its end: a run longer than its interval delays the next one.
func silent(newest api.Run, to time.Time) bool {
	due := newest.Started.Add(newest.Duration + 3*newest.Interval)
	return newest.Interval > 0 && due.Before(to)
}

// pausing returns the agents that don't probe some target now, by region.
func pausing(sightings []sighting) map[string][]*api.Agent {
	m := map[string][]*api.Agent{}
	for i := range sightings {
		if g := &sightings[i].Agent; len(g.Paused) > 0 {
			m[g.Region] = append(m[g.Region], g)
		}
	}
	return m
}

func count(c *api.Counts, outcome string, n int) {
	switch probes.Outcome(outcome) {
	case probes.OK:
		c.OK += n
	case probes.Degraded:
		c.Degraded += n
	case probes.Failed:
		c.Failed += n
	default:
		c.Unknown += n
	}
}

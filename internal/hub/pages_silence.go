package hub

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/sonde-media/sonde/internal/api"
)

// matrix is the matrix of a range, and who is missing in it: without these a
// region whose agent died before the range would vanish, and the rest be good.
func (s *site) matrix(ctx context.Context, q api.Query) (api.Matrix, error) {
	m, err := s.src.Matrix(ctx, q)
	if err != nil {
		return m, err
	}
	m.From, m.To = q.From, q.To
	if q.To.Sub(q.From) >= api.Recalled {
		return m, nil
	}
	day, err := s.day.get(ctx, s.src, q, &m)
	if err != nil {
		return m, err
	}
	m.Recall(day)
	return m, nil
}

// dayKept is how long the matrix of the day before serves all viewers: it
// costs much more than that of an hour, and who is missing there has been
// silent for longer than this.
const dayKept = time.Minute

// A lastDay keeps one matrix of the day before.
type lastDay struct {
	mu     sync.Mutex // guards what follows, and lets one viewer ask for all
	filter string
	to     time.Time
	kept   api.Matrix
}

// get returns the matrix of the day before q's end, with all that m has.
func (d *lastDay) get(ctx context.Context, src source, q api.Query, m *api.Matrix) (api.Matrix, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	to := q.To
	q.From, q.To, q.Step = time.Time{}, time.Time{}, 0
	filter := q.Values().Encode()
	if age := to.Sub(d.to); filter == d.filter && age >= 0 && age < dayKept && covers(&d.kept, m) {
		return d.kept, nil
	}
	q.From, q.To = to.Add(-api.Recalled), to
	day, err := src.Matrix(ctx, q)
	if err != nil {
		return api.Matrix{}, err
	}
	d.filter, d.to, d.kept = filter, to, day
	return day, nil
}

// covers reports whether day has all regions and targets of m.
func covers(day, m *api.Matrix) bool {
	has := map[string]bool{}
	for _, r := range day.Regions {
		has["region "+r.Name] = true
	}
	for _, t := range day.Targets {
		has["target "+t.Name] = true
	}
	return !slices.ContainsFunc(m.Regions, func(r api.Region) bool { return !has["region "+r.Name] }) &&
		!slices.ContainsFunc(m.Targets, func(t api.TargetInfo) bool { return !has["target "+t.Name] })
}

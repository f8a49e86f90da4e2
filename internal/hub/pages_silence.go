package hub

import (
	"context"
	"slices"
	"time"

	"github.com/sonde-media/sonde/internal/api"
)

// remembered is how far before the range's end the status page looks for
// those who have fallen silent.
const remembered = 24 * time.Hour

// matrix is the matrix of a range, and who is missing in it: without these a
// region whose agent died before the range would vanish, and the rest be good.
func (s *site) matrix(ctx context.Context, q api.Query) (api.Matrix, error) {
	m, err := s.src.Matrix(ctx, q)
	if err != nil {
		return m, err
	}
	m.From, m.To = q.From, q.To
	if q.To.Sub(q.From) >= remembered {
		return m, nil
	}
	q.From = q.To.Add(-remembered)
	day, err := s.src.Matrix(ctx, q)
	if err != nil {
		return m, err
	}
	remember(&m, &day)
	return m, nil
}

// remember adds the silent cells of day that m doesn't have. Not those of a
// target of which none of its regions has a run in m, while they have others:
// it has been taken out of the configuration.
func remember(m, day *api.Matrix) {
	cells, regions, targets := map[[2]string]bool{}, map[string]bool{}, map[string]bool{}
	for _, c := range m.Cells {
		cells[[2]string{c.Region, c.Target}], regions[c.Region], targets[c.Target] = true, true, true
	}
	for _, c := range day.Cells {
		removed := regions[c.Region] && !targets[c.Target]
		if !c.Silent || removed || cells[[2]string{c.Region, c.Target}] {
			continue
		}
		c.Counts, c.Failing, c.FailedSince = api.Counts{}, nil, nil
		m.Cells = append(m.Cells, c)
	}
	addMissing(m, day)
}

// addMissing names the regions and targets of the cells that were added, in
// the order in which a matrix has them: day has all of m's and more.
func addMissing(m, day *api.Matrix) {
	regions, targets := map[string]bool{}, map[string]bool{}
	for _, c := range m.Cells {
		regions[c.Region], targets[c.Target] = true, true
	}
	m.Regions = slices.DeleteFunc(slices.Clone(day.Regions), func(r api.Region) bool { return !regions[r.Name] })
	m.Targets = slices.DeleteFunc(slices.Clone(day.Targets), func(t api.TargetInfo) bool { return !targets[t.Name] })
}

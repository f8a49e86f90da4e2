package api

import (
	"slices"
	"time"
)

// Recalled is how far before a range's end those are looked for who have
// fallen silent.
const Recalled = 24 * time.Hour

// Recall adds to m the silent and paused cells of day, the matrix of a longer
// range with the same end, that m doesn't have: without them a region whose
// agent died before the range would vanish, and the rest be good. Not the
// silent ones of a target of which none of its regions has a run in m, while
// they have others: it has been taken out of the configuration.
func (m *Matrix) Recall(day Matrix) {
	cells, regions, targets := map[[2]string]bool{}, map[string]bool{}, map[string]bool{}
	for _, c := range m.Cells {
		cells[[2]string{c.Region, c.Target}], regions[c.Region], targets[c.Target] = true, true, true
	}
	for _, c := range day.Cells {
		removed := regions[c.Region] && !targets[c.Target]
		if !c.Paused && (!c.Silent || removed) || cells[[2]string{c.Region, c.Target}] {
			continue
		}
		c.Counts, c.Failing, c.FailedSince = Counts{}, nil, nil
		m.Cells = append(m.Cells, c)
	}
	m.name(day)
}

// name names the regions and targets of all cells, in the order in which a
// matrix has them: day has all of m's and more.
func (m *Matrix) name(day Matrix) {
	regions, targets := map[string]bool{}, map[string]bool{}
	for _, c := range m.Cells {
		regions[c.Region], targets[c.Target] = true, true
	}
	m.Regions = slices.DeleteFunc(slices.Clone(day.Regions), func(r Region) bool { return !regions[r.Name] })
	m.Targets = slices.DeleteFunc(slices.Clone(day.Targets), func(t TargetInfo) bool { return !targets[t.Name] })
}

// Current reports whether the cell's newest run says how its target does now.
func (c Cell) Current() bool { return !c.Silent && !c.Paused }

// State is what a panel shows of the cell: its newest outcome, Silent or
// Paused.
func (c Cell) State() string {
	switch {
	case c.Paused:
		return Paused
	case c.Silent:
		return Silent
	}
	return string(c.Newest.Outcome)
}

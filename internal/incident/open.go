package incident

import (
	"bytes"
	"cmp"
	"slices"
	"sort"
)

// A fifth of the targets that use a cause, and two at least, open an incident
// when they fail within one interval.
const (
	openTargets = 2
	openShare   = 0.2
)

// opening is the run by which it could be told that a cluster is an incident:
// the earliest, by when the hub had it, that confirms a failure of its own lane
// or makes enough targets fail at once, by what the cluster is now or by one of
// the causes that it was before more was known. What comes late came after it,
// so that it stays the same, and an incident's ID with it.
func (f *Fold) opening(c *cluster) (opened evidence, ok bool) {
	if c.ill {
		opened, ok = f.unrelated(c)
	}
	for _, g := range append(gather(c.parts), c) {
		if e, is := f.open(g); is && (!ok || e.cmp(opened) < 0) {
			opened, ok = e, true
		}
	}
	return opened, ok
}

// open is the same by the cluster's own cause alone.
func (f *Fold) open(c *cluster) (opened evidence, ok bool) {
	rows := rowsOf(c.parts)
	for row, all := range rows {
		for _, e := range sooner(all) {
			if ok && e.cmp(opened) >= 0 {
				break
			}
			if f.opens(c, e, row+1, all) {
				opened, ok = e.evidence, true
				break
			}
		}
	}
	return opened, ok
}

// A bad run of a part, which makes so many in a row.
type badRun struct {
	evidence
	part *part
}

// rowsOf are the bad runs of parts by how many in a row they make, each list
// by begin.
func rowsOf(parts []part) (rows [maxRow][]badRun) {
	for i := range parts {
		for row, e := range parts[i].rows {
			if e.there() {
				rows[row] = append(rows[row], badRun{e, &parts[i]})
			}
		}
	}
	for _, all := range rows {
		slices.SortFunc(all, func(a, b badRun) int { return cmp.Compare(a.at, b.at) })
	}
	return rows
}

// sooner returns the same in the order in which the hub had them.
func sooner(all []badRun) []badRun {
	return slices.SortedFunc(slices.Values(all), func(a, b badRun) int { return a.cmp(b.evidence) })
}

func (e evidence) cmp(o evidence) int {
	if e.received != o.received {
		return cmp.Compare(e.received, o.received)
	}
	return cmp.Or(cmp.Compare(e.at, o.at), bytes.Compare(e.id[:], o.id[:]))
}

// opens reports whether e, by which its lane failed row times in a row, shows
// that there is an incident: what doesn't come by chance by a second run, the
// rest where chance wouldn't bring it to as many lanes at one time.
func (f *Fold) opens(c *cluster, e badRun, row int, all []badRun) bool {
	luck := chancy(e.part.codes[0].code)
	switch {
	case row == 1:
		return f.atOnce(f.crowdOf(c), beside(e, all), *e.part)
	case !luck || row == maxRow:
		return true
	}
	return !f.byChanceAlone(beside(e, all).lanes, row, f.crowdOf(c), e.at)
}

// beside counts who failed as often in a row within an interval of e, as far
// as the hub had it by then.
func beside(e badRun, all []badRun) tally {
	interval := e.part.episode.interval
	from := sort.Search(len(all), func(i int) bool { return all[i].at >= e.at-interval })
	targets, lanes := map[string]bool{}, map[*lane]bool{}
	for _, o := range all[from:] {
		if o.at > e.at+interval {
			break
		}
		if o.cmp(e.evidence) <= 0 {
			targets[o.part.target], lanes[o.part.lane] = true, true
		}
	}
	return tally{len(targets), len(lanes)}
}

// atOnce reports whether enough of a crowd failed at one time, that of p.
func (f *Fold) atOnce(c *crowd, failing tally, p part) bool {
	if failing.targets < openTargets || float64(failing.targets) < openShare*float64(c.size(p.first.at).targets) {
		return false
	}
	return !chancy(p.codes[0].code) || !f.byChanceAlone(failing.lanes, 1, c, p.first.at)
}

// unrelated is what opens an incident of an agent: the first run at the last
// of the unrelated hosts that are enough.
func (f *Fold) unrelated(c *cluster) (evidence, bool) {
	firsts := map[string]evidence{}
	for _, p := range c.parts {
		kin := f.kin(p)
		if e, ok := firsts[kin]; !ok || p.first.cmp(e) < 0 {
			firsts[kin] = p.first
		}
	}
	all := make([]evidence, 0, len(firsts))
	for _, e := range firsts {
		all = append(all, e)
	}
	slices.SortFunc(all, evidence.cmp)
	if len(all) < unrelatedHosts {
		return evidence{}, false
	}
	return all[unrelatedHosts-1], true
}

package incident

import (
	"cmp"
	"slices"
	"strings"
)

// A fifth of the targets that use a cause, and two at least, open an incident
// when they fail within one interval.
const (
	openTargets = 2
	openShare   = 0.2
)

// opening is the run by which it could be told that a cluster is an incident:
// the earliest, by when the hub had it, that confirms a failure of its own lane
// or makes enough targets fail at once. What comes late came after it, so that
// it stays the same, and an incident's ID with it.
func (f *Fold) opening(c *cluster) (opened evidence, ok bool) {
	var all []evidence
	if c.ill {
		all = append(all, f.crowd(c)...)
	}
	using := f.using(c)
	for _, p := range c.parts {
		if e := f.confirmation(c, p); e.there() {
			all = append(all, e)
		}
	}
	if e, ok := atOnce(c, using); ok {
		all = append(all, e)
	}
	if len(all) == 0 {
		return evidence{}, false
	}
	return slices.MinFunc(all, sooner), true
}

func sooner(a, b evidence) int {
	return cmp.Or(cmp.Compare(a.received, b.received), cmp.Compare(a.at, b.at), strings.Compare(string(a.id[:]), string(b.id[:])))
}

// confirmation is the run that confirms p: the second in a row, or where chance
// can bring two the third, or the second where another lane failed beside it.
func (f *Fold) confirmation(c *cluster, p part) evidence {
	if !p.pair.there() || !chancy(p.codes[0].code) {
		return p.pair
	}
	found := p.triple
	for _, o := range c.parts {
		if o.lane != p.lane && o.first.at <= p.pair.at && o.until() >= p.first.at && o.pair.there() {
			e := p.pair
			if sooner(e, o.pair) < 0 {
				e = o.pair
			}
			if !found.there() || sooner(e, found) < 0 {
				found = e
			}
		}
	}
	return found
}

// crowd is what opens an incident of an agent: the first run at the last of
// the unrelated hosts that are enough.
func (f *Fold) crowd(c *cluster) []evidence {
	firsts := map[string]evidence{}
	for _, p := range c.parts {
		kin := f.kin(p)
		if e, ok := firsts[kin]; !ok || sooner(p.first, e) < 0 {
			firsts[kin] = p.first
		}
	}
	all := make([]evidence, 0, len(firsts))
	for _, e := range firsts {
		all = append(all, e)
	}
	slices.SortFunc(all, sooner)
	if len(all) < unrelatedHosts {
		return nil
	}
	return all[unrelatedHosts-1 : unrelatedHosts]
}

// atOnce finds the first interval within which enough of the lanes using the
// cause fail, and the run that was the last of those needed.
func atOnce(c *cluster, using map[*lane]bool) (evidence, bool) {
	targets := map[string]bool{}
	for l := range using {
		targets[l.target] = true
	}
	firsts := slices.Clone(c.parts)
	slices.SortFunc(firsts, func(a, b part) int { return sooner(a.first, b.first) })
	for i, p := range firsts {
		failing, lanes := map[string]bool{}, 0
		for _, o := range firsts[:i+1] {
			if abs(o.first.at-p.first.at) <= p.episode.interval {
				failing[o.target] = true
				lanes++
			}
		}
		enough := len(failing) >= openTargets && float64(len(failing)) >= openShare*float64(len(targets))
		if enough && (!chancy(p.codes[0].code) || byChance(lanes, max(lanes, len(using)), noise) < unlikely) {
			return p.first, true
		}
	}
	return evidence{}, false
}

func abs(n int64) int64 { return max(n, -n) }

// using are the lanes that used the cluster's cause in the day before.
func (f *Fold) using(c *cluster) map[*lane]bool {
	hosts := c.culprits()
	for name, h := range f.uses.hosts {
		if slices.Contains(h.certs, c.cause) || h.cdn == c.cause || below(name, c.cause) {
			hosts = append(hosts, name)
		}
	}
	found := map[*lane]bool{}
	f.uses.by(hosts, c.first, c.last, func(l *lane) { found[l] = true })
	for _, p := range c.parts {
		found[p.lane] = true
	}
	return found
}

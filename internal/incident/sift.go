package incident

import (
	"math"
	"slices"
	"sort"
)

// Where many are probed something fails by chance at any time. What of it is
// nobody's outage is left out before anything is put together: it would join
// outages that have nothing to do with each other, and lengthen them by what
// came before.

// weak reports whether the episode may be chance: bad runs that nothing
// confirmed, and good ones after.
func (e *episode) weak() bool {
	return !e.paired() && e.good.there() && e.runs < maxRow
}

// sift leaves out the weak parts beside which not enough others failed.
func (f *Fold) sift(parts []part) []part {
	kept := map[int]bool{}
	groups := map[above][]int{} // parts by what they share, in order of their begin
	weak := false
	for i, p := range parts {
		if !p.weak() {
			kept[i] = true
		}
		weak = weak || p.weak()
		for _, a := range f.shared(p) {
			groups[a] = append(groups[a], i)
		}
	}
	if !weak {
		return parts
	}
	for a, group := range groups {
		if len(group) > 1 {
			f.keep(parts, group, f.crowd(f.users(a)), kept)
		}
	}
	var all []part
	for i, p := range parts {
		if kept[i] {
			all = append(all, p)
		}
	}
	return all
}

// shared is what p may have failed by together with others.
func (f *Fold) shared(p part) (all []above) {
	kind := "failing"
	if p.warning {
		kind = "warned"
	}
	all = append(all, above{kind, p.cause})
	h := f.uses.hosts[p.culprit]
	if p.warning || h == nil {
		return all
	}
	if early(p.codes[0].code) {
		all = append(all, above{ofAgent, p.region + "\x00" + p.agent})
	}
	if h.cdn != "" {
		all = append(all, above{ofCDN, h.cdn})
	}
	for _, b := range h.blocks {
		all = append(all, above{ofBlock, b.value.String()})
	}
	return all
}

const ofAgent = "agent"

// users are the hosts of what shared returned; those of an agent are all.
func (f *Fold) users(a above) (hosts []*host, agent string) {
	switch a.kind {
	case ofAgent:
		return nil, a.name
	case ofCDN, ofBlock:
		return slices.DeleteFunc(slices.Clone(f.uses.above[a]), func(h *host) bool { return !h.has(a) }), ""
	}
	return f.uses.of(a.name), ""
}

// keep keeps of a group, which comes by begin, those within an interval of
// which enough others failed.
func (f *Fold) keep(parts []part, group []int, c *crowd, kept map[int]bool) {
	from, to := 0, 0
	for _, i := range group {
		p := parts[i]
		for parts[group[from]].first.at < p.first.at-p.episode.interval {
			from++
		}
		for to < len(group) && parts[group[to]].first.at <= p.first.at+p.episode.interval {
			to++
		}
		near := group[from:to]
		if len(near) < openTargets || !f.atOnce(c, tallied(parts, near), p) {
			continue
		}
		for _, j := range near {
			kept[j] = true
		}
	}
}

// A tally is how many failed.
type tally struct{ targets, lanes int }

func tallied(parts []part, which []int) tally {
	targets, lanes := map[string]bool{}, map[*lane]bool{}
	for _, i := range which {
		targets[parts[i].target], lanes[parts[i].lane] = true, true
	}
	return tally{len(targets), len(lanes)}
}

// A crowd is the lanes that use something.
type crowd struct {
	f      *Fold
	hosts  []*host
	agent  string // all that this one probes, where it isn't ""
	counts *counts
}

// counts tell how many lanes, and targets, there were at a time.
type counts struct{ lanes, targets lifetimes }

func (f *Fold) crowd(hosts []*host, agent string) *crowd {
	return &crowd{f: f, hosts: hosts, agent: agent}
}

// crowdOf is the crowd that uses a cluster's cause, or its culprits.
func (f *Fold) crowdOf(c *cluster) *crowd {
	if c.crowd == nil {
		hosts := f.uses.of(c.cause)
		for _, name := range c.culprits() {
			if h := f.uses.hosts[name]; h != nil && !slices.Contains(hosts, h) {
				hosts = append(hosts, h)
			}
		}
		c.crowd = f.crowd(hosts, "")
	}
	return c.crowd
}

// each calls use with the lanes of the crowd, one that uses several hosts
// several times.
func (c *crowd) each(use func(*lane, span)) {
	for _, h := range c.hosts {
		for l, s := range h.lanes {
			use(l, s)
		}
	}
	if c.agent == "" {
		return
	}
	for _, l := range c.f.lanes {
		if l.region+"\x00"+l.agent == c.agent {
			use(l, span{l.since, l.newest})
		}
	}
}

// lanes are those that used it in the time, or in the day before it.
func (c *crowd) lanes(from, to int64) map[*lane]bool {
	found := map[*lane]bool{}
	c.each(func(l *lane, s span) {
		if s.first <= to && s.last >= from-day {
			found[l] = true
		}
	})
	return found
}

// size is how many there were at a time: those met by then, in the day before.
func (c *crowd) size(at int64) tally {
	if c.counts == nil {
		lanes, targets := map[*lane]span{}, map[string]span{}
		c.each(func(l *lane, s span) {
			widen(lanes, l, s)
			widen(targets, l.target, s)
		})
		c.counts = &counts{newLifetimes(lanes), newLifetimes(targets)}
	}
	return tally{c.counts.targets.at(at), c.counts.lanes.at(at)}
}

func widen[K comparable](all map[K]span, k K, s span) {
	if o, ok := all[k]; ok {
		s = span{min(s.first, o.first), max(s.last, o.last)}
	}
	all[k] = s
}

// lifetimes are begins and ends, each in order.
type lifetimes struct{ firsts, lasts []int64 }

func newLifetimes[K comparable](all map[K]span) (t lifetimes) {
	for _, s := range all {
		t.firsts, t.lasts = append(t.firsts, s.first), append(t.lasts, s.last)
	}
	slices.Sort(t.firsts)
	slices.Sort(t.lasts)
	return t
}

func (t lifetimes) at(at int64) int {
	begun := sort.Search(len(t.firsts), func(i int) bool { return t.firsts[i] > at })
	over := sort.Search(len(t.lasts), func(i int) bool { return t.lasts[i] >= at-day })
	return begun - over
}

// probing is how many lanes there were at a time.
func (f *Fold) probing(at int64) int {
	if f.alive == nil {
		all := make(map[*lane]span, len(f.lanes))
		for _, l := range f.lanes {
			all[l] = span{l.since, l.newest}
		}
		t := newLifetimes(all)
		f.alive = &t
	}
	return f.alive.at(at)
}

// byChanceAlone reports whether it is likely that so many lanes of a crowd
// fail so many times in a row at one time, somewhere among all that is probed.
func (f *Fold) byChanceAlone(failing, row int, c *crowd, at int64) bool {
	n := max(failing, c.size(at).lanes)
	all := max(n, f.probing(at))
	return byChance(failing, n, math.Pow(noise, float64(row)))*float64(all)/float64(n) >= unlikely
}

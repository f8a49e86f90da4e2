package incident

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/sonde-media/sonde/probes"
)

// A part is one episode of one lane.
type part struct {
	*lane
	trackKey
	*episode
}

// A cluster is parts that belong together: what may be an incident.
type cluster struct {
	cause       string
	warning     bool
	ill         bool // the cause is an agent
	parts       []part
	first, last int64 // begin of the first and the last bad run
	begun       int64 // when the newest part did
	every       int64 // the longest interval
	targets     map[string]bool
	starts      map[probes.Code]bool // codes by which parts began
	until       int64                // further parts that begin until then belong to it
	absorbed    []part
	crowd       *crowd // that uses the cause; of crowdOf
}

func (c *cluster) add(parts ...part) {
	for _, p := range parts {
		if len(c.parts) == 0 {
			c.first, c.targets, c.starts = p.first.at, map[string]bool{}, map[probes.Code]bool{}
		}
		c.parts = append(c.parts, p)
		c.first, c.last, c.until = min(c.first, p.first.at), max(c.last, p.episode.last.at), max(c.until, p.until())
		c.begun, c.every = max(c.begun, p.first.at), max(c.every, p.episode.interval)
		c.targets[p.target], c.starts[p.codes[0].code] = true, true
	}
}

// overlaps reports whether both are of one time.
func (c *cluster) overlaps(o *cluster) bool { return c.first <= o.until && o.first <= c.until }

// apart reports whether o is another outage than c, which goes on and has its
// cause: o begins long after all of c had, by other codes, at other targets.
// Else one episode that is missing for months would be where each outage of its
// host began.
func (c *cluster) apart(o *cluster) bool {
	return len(c.parts) > 0 && o.first > c.begun+gapIntervals*max(c.every, o.every) &&
		!share(c.starts, o.starts) && !share(c.targets, o.targets)
}

// stages are those at which a fifth of the cluster's runs failed, or more.
func (c *cluster) stages() map[string]bool {
	runs, all := map[string]int{}, 0
	for _, n := range c.codes() {
		runs[n.code.Stage()] += n.runs
		all += n.runs
	}
	stages := map[string]bool{}
	for stage, n := range runs {
		if 5*n >= all {
			stages[stage] = true
		}
	}
	return stages
}

// culprits are the hosts at whose steps the cluster's runs failed, the
// commonest first.
func (c *cluster) culprits() []string {
	runs := map[string]int{}
	for _, p := range c.parts {
		runs[p.culprit] += p.runs
	}
	return slices.SortedFunc(maps.Keys(runs), func(a, b string) int {
		return cmp.Or(cmp.Compare(runs[b], runs[a]), strings.Compare(a, b))
	})
}

// codes are those of the cluster's runs, the commonest first.
func (c *cluster) codes() []codeCount { return codesOf(c.parts) }

// code is the commonest of the runs that failed by the cluster's cause, or of
// all where that is something above their hosts.
func (c *cluster) code() probes.Code {
	own := slices.DeleteFunc(slices.Clone(c.parts), func(p part) bool { return p.cause != c.cause })
	if len(own) == 0 {
		own = c.parts
	}
	return codesOf(own)[0].code
}

func codesOf(parts []part) []codeCount {
	sum := map[probes.Code]codeCount{}
	for _, p := range parts {
		for _, n := range p.codes {
			k, ok := sum[n.code]
			if !ok {
				k = codeCount{code: n.code, first: n.first}
			}
			k.runs, k.first = k.runs+n.runs, min(k.first, n.first)
			sum[n.code] = k
		}
	}
	return slices.SortedFunc(maps.Values(sum), func(a, b codeCount) int { return cmp.Or(b.runs-a.runs, cmp.Compare(a.code, b.code)) })
}

// parts returns the episodes of all lanes, by begin.
func (f *Fold) parts() (all []part) {
	for _, l := range f.lanes {
		for _, t := range l.state {
			for i := range t.done {
				all = append(all, part{l, t.trackKey, &t.done[i]})
			}
			if t.now.runs > 0 {
				all = append(all, part{l, t.trackKey, &t.now})
			}
		}
	}
	slices.SortFunc(all, func(a, b part) int {
		return cmp.Or(cmp.Compare(a.first.at, b.first.at), strings.Compare(string(a.first.id[:]), string(b.first.id[:])), strings.Compare(a.cause, b.cause))
	})
	return all
}

// clusters gathers parts by cause and time, and those whose cause is one above
// it: an agent, a CDN, an address block.
func (f *Fold) clusters() []*cluster {
	parts := f.sift(f.parts())
	ill, parts := f.illAgents(parts)
	all := gather(parts)
	all = f.merge(all, f.cdns(all))
	all = f.merge(all, f.blocks(all))
	all = f.merge(all, f.zones(all))
	return append(ill, relate(all)...)
}

// gather makes clusters of parts of one cause.
func gather(parts []part) (all []*cluster) {
	open := map[trackKey][]*cluster{}
	for _, p := range slices.SortedStableFunc(slices.Values(parts), func(a, b part) int { return cmp.Compare(a.first.at, b.first.at) }) {
		of := slices.DeleteFunc(open[p.trackKey], func(c *cluster) bool { return p.first.at > c.until })
		alone := &cluster{}
		alone.add(p)
		i := slices.IndexFunc(of, func(c *cluster) bool { return !c.apart(alone) })
		if i < 0 {
			i = len(of)
			of = append(of, &cluster{cause: p.cause, warning: p.warning})
			all = append(all, of[i])
		}
		of[i].add(p)
		open[p.trackKey] = of
	}
	return all
}

// relate joins clusters of one time that share a culprit: a host that answers
// nothing at first and errors then has one outage, and what it is warned of
// meanwhile belongs to it.
func relate(all []*cluster) []*cluster {
	byHost := map[string][]*cluster{}
	into := map[*cluster]*cluster{}
	find := func(c *cluster) *cluster {
		for into[c] != nil {
			c = into[c]
		}
		return c
	}
	// Failures come first, so that warnings join them and not they the warnings.
	slices.SortStableFunc(all, func(a, b *cluster) int { return cmp.Or(rank(a)-rank(b), cmp.Compare(a.first, b.first)) })
	for _, c := range all {
		for _, h := range c.culprits() {
			for _, o := range byHost[h] {
				if o = find(o); o != find(c) && o.overlaps(c) && !separate(o, find(c)) {
					o.join(find(c))
					into[find(c)] = o
				}
			}
			byHost[h] = append(byHost[h], c)
		}
	}
	return slices.DeleteFunc(all, func(c *cluster) bool { return into[c] != nil })
}

// separate reports whether the later of both is apart from the earlier.
func separate(a, b *cluster) bool {
	if b.first < a.first {
		a, b = b, a
	}
	return a.apart(b)
}

func rank(c *cluster) int {
	if c.warning {
		return 1
	}
	return 0
}

// join takes o into c. Warnings stay apart from failures: they tell nothing of
// when those began and ended.
func (c *cluster) join(o *cluster) {
	if o.warning && !c.warning {
		c.absorbed = append(c.absorbed, o.parts...)
		return
	}
	c.absorbed = append(c.absorbed, o.absorbed...)
	// What came first is the cause, unless nothing confirmed it.
	if !c.firm() && o.firm() {
		c.cause = o.cause
	}
	c.add(o.parts...)
}

// firm reports whether a run of the cluster was confirmed by the next.
func (c *cluster) firm() bool {
	return slices.ContainsFunc(c.parts, func(p part) bool { return p.paired() })
}

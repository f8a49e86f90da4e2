package incident

import (
	"maps"
	"slices"
	"strings"

	"github.com/sonde-media/sonde/probes"
)

// What must fail alike before it is put on something above single hosts.
const (
	unrelatedHosts = 3   // of one agent that is ill
	mostHosts      = 0.5 // of those behind a CDN, in an address block, or used by an agent: more than this share
	mostLanes      = 0.5 // of those that use a host, for it to fail: this share; of an agent's: more
	fewestSites    = 2   // registrable domains: one site's hosts share more than their CDN
)

// early reports whether a code is of the stages at which an agent that is ill
// fails: before anything of the target answered.
func early(code probes.Code) bool {
	switch code.Stage() {
	case "dns", "connect", "tls":
		return true
	}
	return false
}

// illAgents takes from parts those that are an agent's own fault: it fails at
// most of what it probes, at unrelated hosts, before anything answered, while
// another agent reaches them.
func (f *Fold) illAgents(parts []part) (ill []*cluster, rest []part) {
	byAgent := map[agentKey][]part{}
	for _, p := range parts {
		if !p.warning && early(p.codes[0].code) {
			key := agentKey{p.region, p.agent}
			byAgent[key] = append(byAgent[key], p)
		}
	}
	taken := map[*lane]map[int64]bool{}
	for _, key := range slices.SortedFunc(maps.Keys(byAgent), compareAgents) {
		for _, c := range f.spells(key, byAgent[key], parts) {
			c.cause, c.ill = key.agent, true
			ill = append(ill, c)
			for _, p := range c.parts {
				if taken[p.lane] == nil {
					taken[p.lane] = map[int64]bool{}
				}
				taken[p.lane][p.first.at] = true
			}
		}
	}
	rest = slices.DeleteFunc(parts, func(p part) bool { return taken[p.lane][p.first.at] })
	return ill, rest
}

// spells are the times in which an agent was ill, by its own parts. What fails
// wherever it is probed is none of them: it would join and lengthen them.
func (f *Fold) spells(key agentKey, own, parts []part) (all []*cluster) {
	for _, c := range alike(own) {
		hosts := f.cutOff(key, c, parts)
		if hosts == nil {
			continue
		}
		fails := map[string]bool{}
		for _, p := range c.parts {
			fails[p.culprit] = !hosts[p.culprit] && f.usedByOthers(key, p.culprit, c)
		}
		others := map[laneKey][]part{} // by target, and culprit in place of the agent
		for _, o := range parts {
			if !o.warning && o.paired() && (o.agent != key.agent || o.region != key.region) {
				k := laneKey{target: o.target, agent: o.culprit}
				others[k] = append(others[k], o)
			}
		}
		left := slices.DeleteFunc(slices.Clone(c.parts), func(p part) bool {
			return fails[p.culprit] || slices.ContainsFunc(others[laneKey{target: p.target, agent: p.culprit}], func(o part) bool {
				return o.first.at <= p.until() && o.until() >= p.first.at
			})
		})
		if len(left) == len(c.parts) {
			all = append(all, c)
			continue
		}
		for _, c := range alike(left) {
			if f.cutOff(key, c, parts) != nil {
				all = append(all, c)
			}
		}
	}
	return all
}

// usedByOthers reports whether another agent used the host at c's time.
func (f *Fold) usedByOthers(key agentKey, name string, c *cluster) bool {
	h := f.uses.hosts[name]
	if h == nil {
		return false
	}
	for l, s := range h.lanes {
		if (l.agent != key.agent || l.region != key.region) && s.first <= c.last && s.last >= c.first {
			return true
		}
	}
	return false
}

// alike gathers parts that overlap, whatever their cause.
func alike(parts []part) (all []*cluster) {
	for _, p := range parts {
		if len(all) == 0 || p.first.at > all[len(all)-1].until {
			all = append(all, &cluster{})
		}
		all[len(all)-1].add(p)
	}
	return all
}

// cutOff returns the hosts that the agent fails at while others reach them, or
// nil where they don't show that it is ill.
func (f *Fold) cutOff(key agentKey, c *cluster, parts []part) map[string]bool {
	hosts, groups := map[string]bool{}, map[string]bool{}
	for _, p := range c.parts {
		if !hosts[p.culprit] && f.reachedByOthers(p, parts) {
			hosts[p.culprit] = true
			groups[f.kin(p)] = true
		}
	}
	if len(groups) < unrelatedHosts || !f.mostHostsOf(key, c, len(hosts)) && !f.mostLanesOf(key, c, hosts) {
		return nil
	}
	return hosts
}

// mostHostsOf reports whether so many hosts are most of those that the agent
// used at the cluster's time, or in the day before it.
func (f *Fold) mostHostsOf(key agentKey, c *cluster, hosts int) bool {
	used := 0
	for _, h := range f.uses.hosts {
		for l, s := range h.lanes {
			if l.agent == key.agent && l.region == key.region && s.first <= c.last && s.last >= c.first-day {
				used++
				break
			}
		}
	}
	return float64(hosts) > mostHosts*float64(used)
}

// mostLanesOf reports whether most that the agent probes fails at these hosts:
// one that is cut off gets to none of those that stand behind the first.
func (f *Fold) mostLanesOf(key agentKey, c *cluster, hosts map[string]bool) bool {
	failing, probed := map[*lane]bool{}, 0
	for _, p := range c.parts {
		if hosts[p.culprit] {
			failing[p.lane] = true
		}
	}
	for _, l := range f.lanes {
		if l.agent == key.agent && l.region == key.region && l.since <= c.last && l.newest >= c.first {
			probed++
		}
	}
	return float64(len(failing)) > mostLanes*float64(probed)
}

// kin is what a part's host shares with others by which they might fail
// together: the certificate or zone at fault, the CDN, the site.
func (f *Fold) kin(p part) string {
	if h := f.uses.hosts[p.culprit]; h != nil && h.cdn != "" {
		return "cdn " + h.cdn
	}
	if p.cause != p.culprit {
		return "cause " + p.cause
	}
	return "site " + site(p.culprit)
}

// reachedByOthers reports whether another agent used p's host at the time
// without p's trouble.
func (f *Fold) reachedByOthers(p part, parts []part) bool {
	h := f.uses.hosts[p.culprit]
	if h == nil {
		return false
	}
	failing := map[*lane]bool{}
	for _, o := range parts {
		if o.first.at > p.until() {
			break
		}
		if !o.warning && o.culprit == p.culprit && o.until() >= p.first.at {
			failing[o.lane] = true
		}
	}
	for l, s := range h.lanes {
		if (l.agent != p.agent || l.region != p.region) && !failing[l] && s.first <= p.first.at && s.last >= p.first.at {
			return true
		}
	}
	return false
}

// A claim is clusters that something above their hosts explains.
type claim struct {
	cause    string
	clusters []*cluster
}

// cdns returns the CDNs most of whose hosts fail alike.
func (f *Fold) cdns(all []*cluster) []claim {
	return f.claims(all, ofCDN, func(h *host) []string {
		if h.cdn == "" {
			return nil
		}
		return []string{h.cdn}
	})
}

// blocks returns the address blocks most of whose hosts fail alike.
func (f *Fold) blocks(all []*cluster) []claim {
	return f.claims(all, ofBlock, func(h *host) []string {
		names := make([]string, len(h.blocks))
		for i, b := range h.blocks {
			names[i] = b.value.String()
		}
		return names
	})
}

// claims finds, of what stands above hosts by the function of, that most of
// whose hosts fail alike at one time.
func (f *Fold) claims(all []*cluster, kind string, of func(*host) []string) (found []claim) {
	byCause := map[string][]*cluster{}
	for _, c := range all {
		if c.warning || c.ill || !f.hostly(c) {
			continue
		}
		for _, name := range of(f.uses.hosts[c.cause]) {
			byCause[name] = append(byCause[name], c)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(byCause)) {
		for _, group := range together(byCause[name]) {
			if f.most(above{kind, name}, group, of) {
				found = append(found, claim{name, group})
			}
		}
	}
	return found
}

// zones returns the zones most of whose hosts can't be resolved: no answer
// names the zone that has none to give.
func (f *Fold) zones(all []*cluster) (found []claim) {
	bySite := map[string][]*cluster{}
	for _, c := range all {
		if !c.warning && !c.ill && f.hostly(c) && c.codes()[0].code.Stage() == "dns" {
			bySite[site(c.cause)] = append(bySite[site(c.cause)], c)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(bySite)) {
		for _, group := range together(bySite[name]) {
			zone := narrowest(group)
			within := func(h *host) []string {
				if below(h.name, zone) {
					return []string{name}
				}
				return nil
			}
			if f.most(above{ofSite, name}, group, within) {
				found = append(found, claim{zone, group})
			}
		}
	}
	return found
}

// narrowest is the smallest domain that the causes of all clusters are in.
func narrowest(all []*cluster) string {
	zone := all[0].cause
	for _, c := range all {
		for !below(c.cause, zone) {
			_, zone, _ = strings.Cut(zone, ".")
		}
	}
	return zone
}

// hostly reports whether the cluster's cause is a host.
func (f *Fold) hostly(c *cluster) bool { return f.uses.hosts[c.cause] != nil }

// together cuts clusters, which come by begin, into groups of one time that fail
// at one stage and aren't apart.
func together(all []*cluster) (groups [][]*cluster) {
	var of []*cluster // what each group comes to
	var at []map[string]bool
	for _, c := range all {
		stages := c.stages()
		i := 0
		for i < len(of) && (c.first > of[i].until || !share(at[i], stages) || of[i].apart(c)) {
			i++
		}
		if i == len(of) {
			of, at, groups = append(of, &cluster{}), append(at, map[string]bool{}), append(groups, nil)
		}
		of[i].add(c.parts...)
		maps.Copy(at[i], stages)
		groups[i] = append(groups[i], c)
	}
	return groups
}

func share[K comparable](a, b map[K]bool) bool {
	for k := range a {
		if b[k] {
			return true
		}
	}
	return false
}

// most reports whether the group's hosts are most of those there that the
// agents which see it fail have used since it began, and of more than one site,
// if what is above them isn't one. A host that nobody has asked since says
// nothing: else what a CDN breaks would be an incident of each host until all
// have been.
func (f *Fold) most(what above, group []*cluster, of func(*host) []string) bool {
	failing, sites, seers := map[string]map[*lane]bool{}, map[string]bool{}, map[agentKey]bool{}
	from, to, confirmed := group[0].first, int64(0), false
	for _, c := range group {
		failing[c.cause] = laneSet(c.parts)
		sites[site(c.cause)] = true
		to = max(to, c.last)
		for _, p := range c.parts {
			firm := p.paired()
			if firm && !confirmed {
				clear(seers) // who had a single bad run may have had it by chance
			}
			confirmed = confirmed || firm
			if firm || !confirmed {
				seers[agentKey{p.region, p.agent}] = true
			}
		}
	}
	if len(sites) < fewestSites && what.kind != ofSite {
		return false
	}
	behind, broken := 0, 0
	for _, h := range f.uses.above[what] {
		if !slices.Contains(of(h), what.name) {
			continue
		}
		asked := 0
		for l, s := range h.lanes {
			if seers[agentKey{l.region, l.agent}] && s.first <= to && s.last >= from {
				asked++
			}
		}
		if asked > 0 {
			behind++
		}
		// One lane of many that fails there is something else, or chance.
		if n := len(failing[h.name]); n > 0 && float64(n) >= mostLanes*float64(asked) {
			broken++
		}
	}
	return broken >= fewestSites && float64(broken) > mostHosts*float64(behind)
}

// merge puts the clusters of each claim into one.
func (f *Fold) merge(all []*cluster, claims []claim) []*cluster {
	gone := map[*cluster]bool{}
	for _, k := range claims {
		whole := &cluster{cause: k.cause}
		for _, c := range k.clusters {
			if !gone[c] {
				gone[c] = true
				whole.add(c.parts...)
			}
		}
		if len(whole.parts) > 0 {
			all = append(all, whole)
		}
	}
	return slices.DeleteFunc(all, func(c *cluster) bool { return gone[c] })
}

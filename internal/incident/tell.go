package incident

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/sonde-media/sonde/internal/api"
	"github.com/sonde-media/sonde/probes"
)

// Unprobed is after how many intervals without a run a target leaves its
// incidents, and an agent is silent.
const unprobed = 3

// A Span is a time in which the hub was up.
type Span struct{ From, To time.Time }

// Incidents returns what the runs come to at now, the newest incident first.
// up are the times the hub was up, in order and apart; nil means always: runs
// that didn't come while nobody took them in prove nothing.
func (f *Fold) Incidents(now time.Time, up []Span) []api.Incident {
	k := clock{now.UnixNano(), up}
	all := append([]api.Incident{}, f.silences(k)...)
	f.alive = nil
	for _, c := range f.clusters() {
		if opened, ok := f.opening(c); ok {
			all = append(all, f.tell(c, opened, k))
		}
	}
	slices.SortFunc(all, func(a, b api.Incident) int {
		return cmp.Or(b.FirstFailure.Compare(a.FirstFailure), strings.Compare(a.ID, b.ID))
	})
	return all
}

// A clock tells how long something didn't come though it could have.
type clock struct {
	now int64
	up  []Span
}

// since is how long the hub was up since at.
func (k clock) since(at int64) (sum int64) {
	if k.up == nil {
		return k.now - at
	}
	for _, s := range k.up {
		sum += max(0, min(k.now, s.To.UnixNano())-max(at, s.From.UnixNano()))
	}
	return sum
}

// after is when the hub had been up for longer than span since at; ok is false
// where it hasn't.
func (k clock) after(at, span int64) (when int64, ok bool) {
	if k.up == nil {
		return at + span, k.now-at > span
	}
	for _, s := range k.up {
		from, to := max(at, s.From.UnixNano()), min(k.now, s.To.UnixNano())
		if to-from > span {
			return from + span, true
		}
		span -= max(0, to-from)
	}
	return 0, false
}

// left reports whether nobody probes the lane any more.
func (k clock) left(l *lane) bool { return k.since(l.newest) > unprobed*l.interval }

func (f *Fold) tell(c *cluster, opened evidence, now clock) api.Incident {
	parts := confirmed(c)
	affected := laneSet(parts)
	i := api.Incident{
		ID: id(opened), Codes: []api.CodeCount{}, Absorbed: []probes.Code{}, Code: c.code(), Cause: c.cause, Culprit: c.culprits()[0], Hosts: c.culprits(),
		FirstFailure: wall(c.first), LastFailure: wall(c.last), Detected: wall(opened.received),
		Targets: names(affected, func(l *lane) string { return l.target }),
		Regions: names(affected, func(l *lane) string { return l.region }),
	}
	i.Services = names(affected, func(l *lane) string { return l.service })
	i.ServicesUnaffected = f.unaffected(i.Services, c, now)
	i.Scope = f.scope(c, affected, now)
	using := f.crowdOf(c).lanes(c.first, c.last)
	i.Using = len(names(using, func(l *lane) string { return l.target }))
	for _, n := range c.codes() {
		i.Codes = append(i.Codes, api.CodeCount{Code: n.code, Runs: n.runs, First: wall(n.first)})
		i.Runs += n.runs
	}
	i.Detail = slices.MinFunc(parts, func(a, b part) int { return a.first.cmp(b.first) }).detail
	for _, n := range codesOf(c.absorbed) {
		i.Absorbed = append(i.Absorbed, n.code)
	}
	f.regions(&i, parts, now)
	f.ending(&i, parts, now)
	i.Severity = f.severity(c, i, now)
	i.Advice = i.Code.Advice()
	i.Title = title(c, i)
	return i
}

func wall(at int64) time.Time { return time.Unix(0, at).UTC() }

func id(opened evidence) string {
	sum := sha256.Sum256(opened.id[:])
	return hex.EncodeToString(sum[:6])
}

// confirmed are the cluster's parts without the stray ones: a lane with one bad
// run and good ones after it was not hit, unless all are so.
func confirmed(c *cluster) []part {
	firm := slices.DeleteFunc(slices.Clone(c.parts), func(p part) bool { return p.weak() })
	if len(firm) == 0 {
		return c.parts
	}
	return firm
}

func laneSet(parts []part) map[*lane]bool {
	set := map[*lane]bool{}
	for _, p := range parts {
		set[p.lane] = true
	}
	return set
}

// names returns what name gives of lanes, each once, in order.
func names(lanes map[*lane]bool, name func(*lane) string) []string {
	set := map[string]bool{}
	for l := range lanes {
		if n := name(l); n != "" {
			set[n] = true
		}
	}
	return append([]string{}, slices.Sorted(maps.Keys(set))...)
}

// probed are the lanes that were probed in the cluster's time.
func (f *Fold) probed(c *cluster, now clock) map[*lane]bool {
	to := min(c.until, now.now)
	found := map[*lane]bool{}
	for _, l := range f.lanes {
		if l.since <= to && l.newest >= c.first-unprobed*l.interval {
			found[l] = true
		}
	}
	return found
}

// unaffected are the services that were probed and not hit.
func (f *Fold) unaffected(hit []string, c *cluster, now clock) []string {
	all := names(f.probed(c, now), func(l *lane) string { return l.service })
	return slices.DeleteFunc(all, func(s string) bool { return slices.Contains(hit, s) })
}

// scope compares who sees the trouble with who probes the same targets.
func (f *Fold) scope(c *cluster, affected map[*lane]bool, now clock) api.Scope {
	if c.ill {
		return api.ScopeAgent
	}
	targets := map[string]bool{}
	for l := range affected {
		targets[l.target] = true
	}
	watching := f.probed(c, now)
	maps.DeleteFunc(watching, func(l *lane, _ bool) bool { return !targets[l.target] })
	region := func(l *lane) string { return l.region }
	agent := func(l *lane) string { return l.region + "\x00" + l.agent }
	seenBy, watchedBy := names(affected, region), names(watching, region)
	switch agents := names(affected, agent); {
	case len(agents) == 1 && len(seenBy) == 1 && besides(watching, affected, seenBy[0]):
		return api.ScopeAgent
	case len(watchedBy) == 1:
		return api.ScopeSingle
	case len(seenBy) == len(watchedBy):
		return api.ScopeGlobal
	}
	return api.ScopeRegional
}

// besides reports whether another agent in the region watches and isn't affected.
func besides(watching, affected map[*lane]bool, region string) bool {
	ill := map[string]bool{}
	for l := range affected {
		ill[l.agent] = true
	}
	for l := range watching {
		if l.region == region && !ill[l.agent] {
			return true
		}
	}
	return false
}

// regions tells begin and end in each region, and an example.
func (f *Fold) regions(i *api.Incident, parts []part, now clock) {
	byRegion := map[string][]part{}
	for _, p := range parts {
		byRegion[p.region] = append(byRegion[p.region], p)
	}
	for _, name := range slices.Sorted(maps.Keys(byRegion)) {
		of := byRegion[name]
		first := slices.MinFunc(of, func(a, b part) int { return cmp.Compare(a.first.at, b.first.at) })
		state := api.IncidentState{Region: name, Started: wall(first.first.at)}
		if at, ok := recovered(of, now); ok {
			end := wall(at)
			state.Recovered = &end
		}
		i.PerRegion = append(i.PerRegion, state)
		i.Traces = append(i.Traces, api.IncidentTrace{Region: name, TraceID: first.first.id.String()})
	}
}

// recovered is when the last of parts had its first good run, if none goes on
// in a lane that is still probed.
func recovered(parts []part, now clock) (at int64, ok bool) {
	for _, p := range parts {
		switch {
		case p.closed.there():
			at = max(at, p.good.at)
		case !now.left(p.lane):
			return 0, false
		}
	}
	return at, at > 0
}

// ending tells whether and how the incident ended: when the last of its lanes
// had three good runs, or was no longer probed.
func (f *Fold) ending(i *api.Incident, parts []part, now clock) {
	var resolved int64
	i.End = api.EndUnverified
	for _, p := range parts {
		switch {
		case p.closed.there():
			resolved, i.End = max(resolved, p.closed.at), api.EndRecovered
		case now.left(p.lane):
			resolved = max(resolved, p.lane.newest+unprobed*p.lane.interval)
		default:
			i.End = ""
			return
		}
	}
	at := wall(resolved)
	i.Resolved = &at
}

// severity is by how much of a service fails.
func (f *Fold) severity(c *cluster, i api.Incident, now clock) string {
	if c.warning || c.ill {
		return api.SeverityWarning
	}
	hit, all := map[string]int{}, map[string]int{}
	targets := map[string]bool{}
	for _, t := range i.Targets {
		targets[t] = true
	}
	seen := map[string]bool{}
	for l := range f.probed(c, now) {
		if seen[l.target] {
			continue
		}
		seen[l.target] = true
		all[l.service]++
		if targets[l.target] {
			hit[l.service]++
		}
	}
	for s, n := range hit {
		if 2*n >= all[s] && i.Scope != api.ScopeRegional && i.Scope != api.ScopeAgent {
			return api.SeverityCritical
		}
	}
	return api.SeverityMajor
}

// title says in one line what is wrong, where and for whom.
func title(c *cluster, i api.Incident) string {
	if c.ill {
		return fmt.Sprintf("The agent in %s is cut off from most of what it probes", strings.Join(i.Regions, ", "))
	}
	where := "in " + listed(i.Regions, 3, "regions")
	if i.Scope == api.ScopeGlobal {
		where = "in all regions"
	}
	verb := "fail"
	if c.warning {
		verb = "are affected"
	}
	if len(i.Targets) == 1 {
		verb = map[string]string{"fail": "fails", "are affected": "is affected"}[verb]
	}
	what := i.Culprit
	if len(i.Hosts) > 1 && i.Cause != i.Culprit && i.Code.Stage() != "tls" {
		what = i.Cause
	}
	return fmt.Sprintf("%s: %s; %s %s %s", what, i.Code.Explanation(), listed(i.Targets, 2, "targets"), verb, where)
}

// listed names a few, and counts more.
func listed(all []string, few int, what string) string {
	if len(all) <= few {
		return strings.Join(all, " and ")
	}
	return fmt.Sprintf("%d %s", len(all), what)
}

// Package incident folds runs into incidents: failures with one shared cause,
// from the first to the last. The answer depends on nothing but the runs that
// were added, the times the hub was up, and now; not on the order in which runs
// came, nor on how often.
//
//	run ──► lane (target, region, agent) ──► track (a cause, or a warning of a host) ──► episode
//	        episodes with one cause that overlap ──► cluster ──► incident
//
// Lanes are independent of each other, so that an agent which delivers an hour
// late changes nothing for the others. What is kept of a lane without trouble
// is its newest runs' times; the rest is bounded by what fails.
package incident

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/sonde-media/sonde/internal/api"
	"github.com/sonde-media/sonde/probes"
)

// A Run is a finished run with the exchanges it consisted of.
type Run struct {
	api.Run
	Hops []Hop
}

// A Hop is one HTTP exchange of a run, or one asset of a page.
type Hop struct {
	Host    string      // server.address
	Address string      // that was connected to, or ""
	Cert    string      // SHA-256 of the certificate that was served, or ""
	CDN     string      // name, or ""
	Code    probes.Code // "" where it went well
}

// Limits of what a fold holds. What is beyond them is counted, see [Stats].
const (
	maxLanes    = 1_000_000
	maxUses     = 2_000_000 // of hosts by lanes
	maxHostsRun = 512       // hosts of one run that are noted
	maxText     = 512       // bytes of a name
)

// A Fold takes runs in any order. It is not safe for concurrent use.
type Fold struct {
	lanes  map[laneKey]*lane
	agents map[agentKey]*presence
	uses   uses
	stats  Stats
	names  map[string]string // one copy of each name
}

// Stats are what a fold holds, and what it couldn't.
type Stats struct {
	Runs     int // taken in, repeated ones not counted
	Repeated int
	Late     int // older than what is kept of their lane: a replay from the store would know better
	Refused  int // without target or time, or beyond a limit
	Lanes    int
	Hosts    int
}

// New returns an empty fold.
func New() *Fold {
	return &Fold{
		lanes: map[laneKey]*lane{}, agents: map[agentKey]*presence{},
		uses: uses{hosts: map[string]*host{}}, names: map[string]string{},
	}
}

// Stats returns what the fold holds.
func (f *Fold) Stats() Stats {
	s := f.stats
	s.Lanes, s.Hosts = len(f.lanes), len(f.uses.hosts)
	return s
}

// Add takes in a run.
func (f *Fold) Add(r *Run) {
	if r.Target == "" || r.TraceID == "" || r.Started.IsZero() || len(r.Target) > maxText || len(r.Region) > maxText {
		f.stats.Refused++
		return
	}
	l := f.lane(r)
	if l == nil {
		f.stats.Refused++
		return
	}
	f.seen(agentKey{l.region, l.agent}, r.Started.UnixNano(), 0)
	switch l.add(f.mark(r, l)) {
	case added:
		f.stats.Runs++
		f.note(l, r)
	case repeated:
		f.stats.Repeated++
	case late:
		f.stats.Late++
	}
}

func (f *Fold) lane(r *Run) *lane {
	key := laneKey{r.Region, r.Target, r.Agent}
	l := f.lanes[key]
	if l == nil {
		if len(f.lanes) >= maxLanes {
			return nil
		}
		key = laneKey{f.name(r.Region), f.name(r.Target), f.name(r.Agent)}
		l = &lane{laneKey: key, since: r.Started.UnixNano()}
		f.lanes[key] = l
	}
	if at := r.Started.UnixNano(); at >= l.newest {
		l.newest, l.service = at, f.name(r.Service)
		l.interval = int64(cmp.Or(r.Interval, probes.DefaultInterval))
	}
	l.since = min(l.since, r.Started.UnixNano())
	return l
}

// name returns the one copy of a name that is kept.
func (f *Fold) name(s string) string {
	if len(s) > maxText {
		s = s[:maxText]
	}
	if kept, ok := f.names[s]; ok {
		return kept
	}
	s = strings.Clone(s)
	f.names[s] = s
	return s
}

// mark is what a lane keeps of r.
func (f *Fold) mark(r *Run, l *lane) mark {
	m := mark{at: r.Started.UnixNano(), received: r.Received.UnixNano(), id: idOf(r.TraceID)}
	switch r.Outcome {
	case probes.Failed:
		m.trouble = []trouble{{
			trackKey: trackKey{cause: f.name(cmp.Or(r.Cause, r.Culprit, r.Target))},
			code:     r.Code, culprit: f.name(cmp.Or(r.Culprit, r.Cause)), detail: r.Detail,
		}}
		m.reached = f.reached(r)
	case probes.Unknown:
		m.unknown = true
	default:
		m.trouble = f.warnings(r)
	}
	return m
}

// warnings are what degraded a run, one a host.
func (f *Fold) warnings(r *Run) (all []trouble) {
	for _, w := range r.Findings {
		host := f.name(cmp.Or(w.Host, r.Target))
		key := trackKey{cause: host, warning: true}
		if !w.Warns() || len(all) == maxHostsRun || slices.ContainsFunc(all, func(t trouble) bool { return t.trackKey == key && t.code == w.Code }) {
			continue
		}
		all = append(all, trouble{trackKey: key, code: w.Code, culprit: host, detail: w.Detail})
	}
	return all
}

// reached are the hosts that a failed run got an answer from.
func (f *Fold) reached(r *Run) (hosts []string) {
	for _, h := range r.Hops {
		if h.Code == "" && h.Host != "" && len(hosts) < maxHostsRun && !slices.Contains(hosts, h.Host) {
			hosts = append(hosts, f.name(h.Host))
		}
	}
	return hosts
}

// note adds what r used to the graph.
func (f *Fold) note(l *lane, r *Run) {
	at := r.Started.UnixNano()
	for i, h := range r.Hops {
		if i == maxHostsRun {
			break
		}
		if h.Host != "" && !f.uses.note(f, l, h, at) {
			f.stats.Refused++
		}
	}
	if r.Culprit != "" && !f.uses.note(f, l, Hop{Host: r.Culprit}, at) {
		f.stats.Refused++
	}
}

// Beat takes in that an agent was there at a time, and how often it says so.
func (f *Fold) Beat(region, agent string, at time.Time, interval time.Duration) {
	if len(region) > maxText || len(agent) > maxText {
		f.stats.Refused++
		return
	}
	f.seen(agentKey{f.name(region), f.name(agent)}, at.UnixNano(), int64(interval))
}

type agentKey struct{ region, agent string }

// A presence is when an agent was seen.
type presence struct {
	since, newest, beat int64
	interval            int64 // of its heartbeats; 0: unknown
}

func (f *Fold) seen(key agentKey, at, interval int64) {
	p := f.agents[key]
	if p == nil {
		p = &presence{since: at, newest: at}
		f.agents[key] = p
	}
	p.since, p.newest = min(p.since, at), max(p.newest, at)
	if interval > 0 && at >= p.beat {
		p.beat, p.interval = at, interval
	}
}

// Package incident folds runs into incidents: failures with one shared cause,
// from the first to the last. The answer depends on nothing but the runs that
// were added, the times the hub was up, and now; not on the order in which runs
// came, nor on how often.
//
//	run ──► lane (target, region, agent) ──► track (a cause, or a warning of a host) ──► episode
//	        episodes that aren't noise, with one cause, that overlap ──► cluster ──► incident
//
// Lanes are independent of each other, so that an agent which delivers an hour
// late changes nothing for the others, and one that got a run too late is
// renewed alone. What is kept of a lane without trouble is its newest runs'
// times; the rest is bounded by what fails.
package incident

import (
	"cmp"
	"iter"
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
	Host     string      // server.address
	Address  string      // that was connected to, or ""
	Cert     string      // SHA-256 of the certificate that was served, or ""
	NotAfter time.Time   // of it; zero: unknown
	CDN      string      // name, or ""
	Code     probes.Code // "" where it went well
}

// Limits of what a fold holds. What is beyond them is counted, see [Stats].
const (
	maxLanes    = 1_000_000
	maxUses     = 2_000_000 // of hosts by lanes
	maxHosts    = 300_000
	maxNames    = 2_000_000     // that are kept once
	maxHostsRun = 512           // hosts of one run that are noted
	maxWarnings = maxTracks / 2 // of one run
	maxText     = 512           // bytes of a name
)

// A Fold takes runs in any order. It is not safe for concurrent use.
type Fold struct {
	lanes  map[laneKey]*lane
	stale  map[*lane]bool // that a run came too late for
	agents map[agentKey]*presence
	uses   uses
	stats  Stats
	names  map[string]string // one copy of each name
	alive  *lifetimes        // of lanes; of one answer
}

// Stats are what a fold holds, and what it couldn't.
type Stats struct {
	Runs     int // taken in, repeated ones not counted
	Repeated int
	Late     int // older than what is kept of their lane, see [Fold.Stale]
	Refused  int // without target or time, or beyond a limit
	Lanes    int
	Hosts    int
	Episodes int // of failures and warnings
}

// New returns an empty fold.
func New() *Fold {
	return &Fold{
		lanes: map[laneKey]*lane{}, stale: map[*lane]bool{}, agents: map[agentKey]*presence{},
		uses: uses{hosts: map[string]*host{}, above: map[above][]*host{}}, names: map[string]string{},
	}
}

// Stats returns what the fold holds.
func (f *Fold) Stats() Stats {
	s := f.stats
	s.Lanes, s.Hosts, s.Episodes = len(f.lanes), len(f.uses.hosts), len(f.parts())
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
	f.ran(l, r)
	switch l.add(f.mark(r)) {
	case added:
		f.stats.Runs++
	case repeated:
		f.stats.Repeated++
		return
	case late:
		f.stats.Late++
		f.stale[l] = true
	}
	f.note(l, r)
}

// A Lane is one target as one agent sees it.
type Lane struct{ Region, Target, Agent string }

// Stale returns the lanes for which a run came that is older than what the
// fold keeps: what it says of them holds only when they have been renewed.
func (f *Fold) Stale() (all []Lane) {
	for l := range f.stale {
		all = append(all, Lane{l.region, l.target, l.agent})
	}
	slices.SortFunc(all, func(a, b Lane) int {
		return cmp.Or(strings.Compare(a.Target, b.Target), strings.Compare(a.Region, b.Region), strings.Compare(a.Agent, b.Agent))
	})
	return all
}

// Renew makes a lane anew of all its runs, which come the oldest first.
func (f *Fold) Renew(of Lane, runs iter.Seq[*Run]) {
	l := f.lanes[laneKey{of.Region, of.Target, of.Agent}]
	if l == nil {
		return
	}
	l.recent, l.settled, l.state = nil, nil, nil
	delete(f.stale, l)
	for r := range runs {
		if l.add(f.mark(r)) == late {
			f.stale[l] = true
		}
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
		l.newest, l.service, l.kind = at, f.name(r.Service), f.name(r.Kind)
		l.interval, l.last, l.failing = intervalOf(r), idOf(r.TraceID), r.Outcome == probes.Failed
	}
	l.since = min(l.since, r.Started.UnixNano())
	return l
}

func intervalOf(r *Run) int64 {
	if r.Interval <= 0 {
		return int64(probes.DefaultInterval)
	}
	return int64(r.Interval)
}

// name returns the one copy of a name that is kept.
func (f *Fold) name(s string) string {
	if len(s) > maxText {
		s = s[:maxText]
	}
	if kept, ok := f.names[s]; ok {
		return kept
	}
	if len(f.names) >= maxNames {
		clear(f.names) // what is still used stays where it is
	}
	s = strings.Clone(s)
	f.names[s] = s
	return s
}

// mark is what a lane keeps of r.
func (f *Fold) mark(r *Run) mark {
	m := mark{at: r.Started.UnixNano(), received: received(r), interval: intervalOf(r), id: idOf(r.TraceID)}
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
		if !w.Warns() || len(all) == maxWarnings || slices.ContainsFunc(all, func(t trouble) bool { return t.trackKey == key && t.code == w.Code }) {
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

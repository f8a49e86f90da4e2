package incident

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sonde-media/sonde/internal/api"
	"github.com/sonde-media/sonde/probes"
)

// Signs of life of an agent are taken at the times when the hub had them: what
// waited in a spool proves afterwards that targets were probed, and not that
// anybody could see it.

const (
	minute    = int64(time.Minute)
	maxCovers = 1000    // spells of silence of an agent that are remembered
	lostAfter = 1 * day // after which an agent that is silent is gone for good
	maxAgents = 100_000 // of which signs are kept
)

type agentKey struct{ region, agent string }

// A presence is when an agent gave signs of life.
type presence struct {
	beats bool   // heartbeats among them
	told  covers // by heartbeats, and by runs that count as long as a heartbeat
	ran   covers // by runs, each of which counts until three more were due
}

// Beat takes in that the hub heard an agent's heartbeat at a time, and how
// often it says to send one; 0: it doesn't say. Of the heartbeats of a minute
// one is enough.
func (f *Fold) Beat(region, agent string, received time.Time, interval time.Duration) {
	p := f.presence(region, agent)
	if p == nil || received.IsZero() {
		f.stats.Refused++
		return
	}
	every := int64(cmp.Or(max(interval, 0), time.Minute))
	p.beats = true
	p.told.add(received.UnixNano(), max(unprobed*every, minute+2*every))
}

// ran takes a run as a sign of life. One that nobody scheduled, such as a check
// by hand, promises no other.
func (f *Fold) ran(l *lane, r *Run) {
	if r.Interval <= 0 {
		return
	}
	p := f.presence(l.region, l.agent)
	if p == nil {
		return
	}
	at, every := received(r), intervalOf(r)
	p.told.add(at, max(unprobed*min(every, minute), minute))
	p.ran.add(at, max(unprobed*every, minute))
}

// received is when the hub had r, or where that isn't known when it began.
func received(r *Run) int64 {
	if r.Received.IsZero() {
		return r.Started.UnixNano()
	}
	return r.Received.UnixNano()
}

func (f *Fold) presence(region, agent string) *presence {
	if len(region) > maxText || len(agent) > maxText {
		return nil
	}
	p := f.agents[agentKey{region, agent}]
	if p == nil && len(f.agents) < maxAgents {
		p = &presence{}
		f.agents[agentKey{f.name(region), f.name(agent)}] = p
	}
	return p
}

// covers are the times that signs of life account for, in order and apart.
type covers []cover

// A cover is from a sign to when the next was due at the latest.
type cover struct{ from, last, until int64 }

func (cs *covers) add(at, reach int64) {
	n := cover{at, at, at + reach}
	i := len(*cs)
	for i > 0 && (*cs)[i-1].until >= n.from {
		i--
	}
	j := i
	for ; j < len(*cs) && (*cs)[j].from <= n.until; j++ {
		n = n.and((*cs)[j])
	}
	if j == i+1 {
		(*cs)[i] = n
		return
	}
	*cs = slices.Replace(*cs, i, j, n)
	if len(*cs) > maxCovers {
		*cs = slices.Delete(*cs, 0, 1)
	}
}

// and is both, which overlap.
func (c cover) and(o cover) cover {
	newer := o
	if c.until > o.until || c.until == o.until && c.last > o.last {
		newer = c
	}
	return cover{min(c.from, o.from), newer.last, newer.until}
}

// silences are the incidents of agents that nothing was heard of though the
// hub was there.
func (f *Fold) silences(now clock) (all []api.Incident) {
	for key, p := range f.agents {
		cs := p.ran
		if p.beats {
			cs = p.told
		}
		for i, c := range cs {
			back := int64(0)
			if i+1 < len(cs) {
				back = cs[i+1].from
			}
			if told, ok := now.after(c.last, c.until-c.last); ok && (back == 0 || told < back) {
				all = append(all, f.silence(key, silent{c.last, told, back}, now))
			}
		}
	}
	return all
}

// silent is a spell of silence: the last sign, when it was too long, and the
// first sign after it, 0 where none came.
type silent struct{ last, told, back int64 }

func (f *Fold) silence(key agentKey, s silent, now clock) api.Incident {
	lanes := map[*lane]bool{}
	var last *lane
	for _, l := range f.lanes {
		if l.region != key.region || l.agent != key.agent || l.since > s.told {
			continue
		}
		lanes[l] = true
		if last == nil || l.newest > last.newest || l.newest == last.newest && l.target < last.target {
			last = l
		}
	}
	state := api.IncidentState{Region: key.region, Started: wall(s.last)}
	i := api.Incident{
		ID: silenceID(key, s.last), Severity: api.SeverityWarning, Code: probes.LocalNetwork, Cause: key.agent, Culprit: key.agent,
		Scope: api.ScopeAgent, Regions: []string{key.region}, Targets: names(lanes, func(l *lane) string { return l.target }),
		Services: []string{}, ServicesUnaffected: []string{}, Hosts: []string{}, Codes: []api.CodeCount{}, Absorbed: []probes.Code{},
		FirstFailure: wall(s.last), LastFailure: wall(s.told), Detected: wall(s.told), Traces: []api.IncidentTrace{},
		Title:  fmt.Sprintf("The agent in %s is silent: nothing is known of what it probes", key.region),
		Detail: "neither a run nor a heartbeat has come since " + wall(s.last).Format(time.RFC3339),
		Advice: "look whether the agent runs and reaches the hub; what it spooled comes when it is back",
	}
	if last != nil {
		i.Traces = append(i.Traces, api.IncidentTrace{Region: key.region, TraceID: last.last.String()})
	}
	switch {
	case s.back != 0 && s.back-s.told <= lostAfter:
		end := wall(s.back)
		i.Resolved, i.End, state.Recovered = &end, api.EndRecovered, &end
	case s.back != 0 || now.now-s.told > lostAfter:
		end := wall(s.told + lostAfter)
		i.Resolved, i.End = &end, api.EndUnverified
	}
	i.PerRegion = []api.IncidentState{state}
	return i
}

func silenceID(key agentKey, last int64) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "silence\x00%s\x00%s\x00%d", key.region, key.agent, last))
	return hex.EncodeToString(sum[:6])
}

func compareAgents(a, b agentKey) int {
	return cmp.Or(strings.Compare(a.region, b.region), strings.Compare(a.agent, b.agent))
}

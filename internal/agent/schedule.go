package agent

import (
	"cmp"
	"container/heap"
	"hash/fnv"
	"math"
	"time"

	"github.com/sonde-media/sonde/probes"
)

// First runs begin within ten seconds, so that somebody who starts an agent sees
// something soon; of more targets than can run in that time, a millisecond each.
const (
	firstWithin = 10 * time.Second
	firstEach   = time.Millisecond
)

// A slot is one target's place in the schedule. There may be very many: what is
// the same for all, or needed by runs alone, stands elsewhere.
type slot struct {
	target  *probes.Target // in the plan's list
	probe   probes.Func    // nil until it first runs
	due     time.Duration  // its next regular run, since the agent's begin
	version uint16         // counts changes, so that a run that began before one can tell
	settled bool           // it has got into its own rhythm
	running bool           // a target never overlaps itself
	standin bool           // what runs is a confirming run
	failed  bool           // its last run failed
	gone    bool           // no plan has it any longer
}

func (s *slot) interval() time.Duration { return cmp.Or(s.target.Interval, probes.DefaultInterval) }

// An event is a run that is due.
type event struct {
	at       time.Duration // since the agent's begin
	slot     *slot
	confirms *failure // what this run is sent to confirm; nil for a regular one
}

// A failure is a failed run, of a slot's version.
type failure struct {
	run     probes.TraceID
	version uint16
}

// A schedule is a heap of events, what is due next on top.
type schedule []event

func (s schedule) Len() int           { return len(s) }
func (s schedule) Less(i, j int) bool { return s[i].at < s[j].at }
func (s schedule) Swap(i, j int)      { s[i], s[j] = s[j], s[i] }
func (s *schedule) Push(x any)        { *s = append(*s, x.(event)) }

func (s *schedule) Pop() any {
	last := len(*s) - 1
	e := (*s)[last]
	(*s)[last] = event{}
	*s = (*s)[:last]
	return e
}

// reschedule makes the schedule of what a plan changed. Targets that are new to
// it are spread over time by a hash of region and name: first runs fall into the
// first seconds; from the second on each target has a phase of its own within
// its interval, by the wall clock, which a restart keeps and which differs
// between regions.
func (a *Agent) reschedule(changes []change) {
	fresh := 0
	for _, c := range changes {
		if c.schedule {
			fresh++
		}
	}
	within := max(firstWithin, time.Duration(fresh)*firstEach)
	now := time.Since(a.begin)
	due := make(schedule, 0, len(changes))
	for _, c := range changes {
		s := c.slot
		if c.schedule {
			s.due = now + part(spread(a.region, s.target.Name), min(s.interval(), within))
		}
		due = append(due, event{at: s.due, slot: s})
	}
	for _, e := range a.due {
		if e.confirms != nil && e.confirms.version == e.slot.version && !e.slot.gone {
			due = append(due, e)
		}
	}
	heap.Init(&due)
	a.due = due
}

// advance takes the event on top off the schedule, or moves it to the slot's
// next regular time after now. It returns how many of those it had to leave out,
// as after a machine slept.
func (a *Agent) advance(now time.Duration) (missed int64) {
	top := &a.due[0]
	if top.confirms != nil {
		heap.Pop(&a.due)
		return 0
	}
	s, interval := top.slot, top.slot.interval()
	if !s.settled {
		s.settled = true
		s.due = phaseAfter(a.begin.Add(s.due+interval/2), interval, spread(a.region, s.target.Name)).Sub(a.begin)
	} else {
		s.due += interval
	}
	if late := now - s.due; late > 0 {
		missed = int64(late/interval) + 1
		s.due += time.Duration(missed) * interval
	}
	top.at = s.due
	heap.Fix(&a.due, 0)
	return missed
}

// phaseAfter returns the first time at t or after that is phase of interval
// past a whole multiple of interval.
func phaseAfter(t time.Time, interval time.Duration, phase float64) time.Time {
	// Subtracting keeps the monotonic reading, which Truncate would strip.
	next := t.Add(part(phase, interval) - time.Duration(t.UnixNano()%int64(interval)))
	if next.Before(t) {
		next = next.Add(interval)
	}
	return next
}

// spread maps region and target evenly to 0 ≤ x < 1.
func spread(region, target string) float64 {
	h := fnv.New64a()
	h.Write([]byte(region + "\x00" + target))
	// FNV's high bits hardly differ between names that differ at their end:
	// mix them as splitmix64 does.
	x := h.Sum64()
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return float64((x^x>>31)>>11) / math.Exp2(53)
}

func part(phase float64, of time.Duration) time.Duration {
	return time.Duration(phase * float64(of))
}

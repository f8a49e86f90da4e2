package agent

import (
	"container/heap"
	"hash/fnv"
	"math"
	"sync/atomic"
	"time"

	"github.com/sonde-media/sonde/probes"
)

// firstWithin is the time within which every target has begun its first run,
// so that somebody who starts an agent sees something soon.
const firstWithin = 10 * time.Second

// A slot is one target's place in the schedule.
type slot struct {
	target  probes.Target
	probe   probes.Func
	due     time.Time
	steady  time.Time   // when the runs after the first one begin
	running atomic.Bool // a target never overlaps itself
}

// A schedule is a heap of slots, what is due next on top.
type schedule []*slot

func (s schedule) Len() int           { return len(s) }
func (s schedule) Less(i, j int) bool { return s[i].due.Before(s[j].due) }
func (s schedule) Swap(i, j int)      { s[i], s[j] = s[j], s[i] }
func (s *schedule) Push(x any)        { *s = append(*s, x.(*slot)) }

// Pop is for container/heap; nothing is ever taken out.
func (s *schedule) Pop() any { panic("agent: schedules don't shrink") }

// schedule spreads the targets over time by a hash of region and name. First
// runs fall into the first seconds; from the second on each target has a phase
// of its own within its interval, by the wall clock, which a restart keeps and
// which differs between regions.
func (a *Agent) schedule(now time.Time) schedule {
	due := make(schedule, 0, len(a.slots))
	for _, s := range a.slots {
		phase := spread(a.region, s.target.Name)
		s.due = now.Add(part(phase, min(s.target.Interval, firstWithin)))
		s.steady = phaseAfter(s.due.Add(s.target.Interval/2), s.target.Interval, phase)
		due = append(due, s)
	}
	heap.Init(&due)
	return due
}

// advance moves the slot on top to its next time after now and returns how
// many it had to leave out, as after a machine slept.
func (s schedule) advance(now time.Time) (missed int64) {
	top, interval := s[0], s[0].target.Interval
	if top.due.Before(top.steady) {
		top.due = top.steady
	} else {
		top.due = top.due.Add(interval)
	}
	if late := now.Sub(top.due); late > 0 {
		missed = int64(late/interval) + 1
		top.due = top.due.Add(time.Duration(missed) * interval)
	}
	heap.Fix(&s, 0)
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

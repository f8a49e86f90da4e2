package agent

import (
	"container/heap"
	"context"

	"github.com/sonde-media/sonde/probes"
)

// A job is a run that begins.
type job struct {
	event
	version uint16 // of the slot
	target  probes.Target
	probe   probes.Func // nil where it has to be made
	make    func(probes.Target) (probes.Func, error)
}

// may reports whether e's run can start. What can't start now is missed, never
// queued, so that an agent that is too slow says so and doesn't fall behind for
// good. It is not missed where nobody wants it, nor where a confirming run, which
// tells the same, is in its place.
func (a *Agent) may(e event) bool {
	s := e.slot
	switch {
	case e.confirms != nil && (s.version != e.confirms.version || s.running):
		return false // the target has become another, or runs anyway
	case a.windows.pause(s.target, a.o.Now()):
		return false
	case s.running && s.standin:
		return false
	case s.running || a.inFlight >= a.o.Parallel:
		a.missed++
		return false
	}
	return true
}

// take notes that e's run begins and returns what it needs.
func (a *Agent) take(e event) job {
	s := e.slot
	s.running, s.standin = true, e.confirms != nil
	a.inFlight++
	j := job{event: e, version: s.version, target: *s.target, probe: s.probe, make: a.plan.Probe}
	j.target.Interval = s.interval()
	return j
}

// run runs j and hands it over.
func (a *Agent) run(ctx context.Context, j job) {
	r := probes.Do(ctx, a.probe(j), j.target)
	r.Scheduled = r.Root.Start.Add(j.at - r.Root.Start.Sub(a.begin)) // by today's wall clock, which may have been set
	if j.confirms != nil {
		r.Confirms = j.confirms.run.String()
	}
	a.network.note(r)
	a.examine(ctx, r)
	if ctx.Err() == nil {
		a.send(r)
		a.network.learn(ctx)
	}
	a.end(j, r)
}

// probe returns j's probe, made within the run where it is its first: what goes
// wrong then is told as the run's failure.
func (a *Agent) probe(j job) probes.Func {
	if j.probe != nil {
		return j.probe
	}
	return func(ctx context.Context, s *probes.Step, t probes.Target) error {
		f, err := j.make(t)
		if err != nil {
			return err
		}
		a.mu.Lock()
		if j.slot.version == j.version {
			j.slot.probe = f
		}
		a.mu.Unlock()
		return f(ctx, s, t)
	}
}

// end notes that j's run r has ended, and has it confirmed where that is due.
func (a *Agent) end(j job, r *probes.Run) {
	a.mu.Lock()
	defer a.mu.Unlock()
	s := j.slot
	s.running, s.standin = false, false
	a.inFlight--
	if s.version != j.version {
		return // its outcome is that of another target
	}
	failed := r.Outcome == probes.Failed
	if failed && !s.failed && j.confirms == nil {
		a.confirm(s, r)
	}
	s.failed = failed
}

// confirm has s run again soon after r, which failed, unless its regular run
// comes as soon: an outage is then believed, or not, without waiting for that.
func (a *Agent) confirm(s *slot, r *probes.Run) {
	at := r.Root.Start.Add(r.Root.Took).Sub(a.begin) + s.target.Confirm
	if s.target.Confirm <= 0 || s.gone || at >= s.due {
		return
	}
	heap.Push(&a.due, event{at: at, slot: s, confirms: &failure{r.ID, s.version}})
	a.wakeUp()
}

// wakeUp has Run look at the schedule.
func (a *Agent) wakeUp() {
	select {
	case a.wake <- struct{}{}:
	default:
	}
}

package agent

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/sonde-media/sonde/probes"
)

// examine asks of r, which has ended, whether what went wrong was ours, and
// adds a witness to its tree where that is found out.
func (a *Agent) examine(ctx context.Context, r *probes.Run) {
	if slow(r) {
		if err := a.starved(r); err != nil {
			r.Witness(a.starvation(r, err))
			return
		}
	}
	if w := heldBack(r); w != nil {
		r.Witness(w)
		return
	}
	if r.Outcome == probes.Failed && probes.LocalNetwork.Explains(r.Code) {
		if w := a.network.testify(ctx, r); w != nil {
			r.Witness(w)
		}
	}
}

// slow reports whether r came to what it did by something that took too long.
func slow(r *probes.Run) bool {
	switch r.Outcome {
	case probes.Failed:
		return probes.LocalResources.Explains(r.Code)
	case probes.Degraded:
		return slices.ContainsFunc(r.Findings, func(f probes.Finding) bool {
			return f.Code == probes.BodySlow || f.Code == probes.MediaSlow
		}) || timedOut(r.Root)
	}
	return false
}

// timedOut reports whether any step ended by a time-out, such as that of one of
// a host's addresses.
func timedOut(root *probes.Step) bool {
	for s := range root.All() {
		if s.Fail != nil && probes.LocalResources.Explains(s.Fail.Code) {
			return true
		}
	}
	return false
}

// What an agent may lose of a run's time, before what took too long is not
// blamed on the target: a tenth, since limits are meant to be some times what a
// healthy target takes, and no less than what a pause of the machine may be.
const (
	mayLose     = 250 * time.Millisecond
	mayLosePart = 10
)

// aftermath is for how long after a stall the agent is behind: all that it held
// up then happens at once.
const aftermath = time.Second

// starved returns how the agent lacked CPU while r ran, nil where it didn't.
func (a *Agent) starved(r *probes.Run) error {
	if late := r.Root.Start.Sub(r.Scheduled); r.Target.Interval > 0 && late > r.Target.Interval {
		return fmt.Errorf("the agent began %s late, more than an interval", roughly(late))
	}
	lost := a.lost(r)
	if lost < max(mayLose, r.Root.Took/mayLosePart) {
		return nil
	}
	return fmt.Errorf("the agent got no CPU for %s while a run of %s lasted or just before", roughly(lost), roughly(r.Root.Took))
}

// lost is how long the agent stalled while r ran or just before.
func (a *Agent) lost(r *probes.Run) time.Duration {
	return a.watch.lost(r.Root.Start.Add(-aftermath), time.Now())
}

func roughly(d time.Duration) time.Duration { return d.Round(time.Millisecond) }

// starvation is the witness of err, as it stood at the end of r.
func (a *Agent) starvation(r *probes.Run, err error) *probes.Step {
	w := probes.NewStep(probes.WitnessStep)
	w.Set(probes.AttrAgentTimers, int(a.lost(r).Milliseconds()))
	err = probes.Fail(probes.LocalResources, err)
	w.Done(&err)
	return w
}

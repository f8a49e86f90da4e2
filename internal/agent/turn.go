package agent

import (
	"cmp"
	"fmt"
	"time"

	"github.com/sonde-media/sonde/probes"
)

// heldBack returns a witness of it where r ended by its time limit and our own
// limits for hosts had taken a good part of that time, nil elsewhere: who may
// have been about to answer is not to blame for the turns of other runs.
func heldBack(r *probes.Run) *probes.Step {
	if r.Outcome != probes.Failed || !probes.GuardBudget.Explains(r.Code) {
		return nil
	}
	op, _ := operation(r)
	limit := cmp.Or(r.Target.Timeout, probes.DefaultTimeout)
	spare := limit - op.Start.Add(op.Took).Sub(r.Root.Start)
	waited := turns(r.Root, op)
	if spare > limit/mayLosePart || waited < max(mayLose, limit/mayLosePart) {
		return nil
	}
	w := probes.NewStep(probes.WitnessStep)
	err := probes.Fail(probes.GuardBudget, fmt.Errorf("the agent waited %s of the %s for its turn at the host", roughly(waited), limit))
	w.Done(&err)
	return w
}

// turns is for how long hops of root waited for their turn before op began.
// Those of a page wait side by side, and such a time counts once.
func turns(root, op *probes.Step) (sum time.Duration) {
	until := root.Start
	for s := range root.All() {
		ms, _ := s.Attrs[probes.AttrWaited].(float64)
		end := s.Start.Add(time.Duration(ms * float64(time.Millisecond)))
		if ms > 0 && end.After(until) && !end.After(op.Start) {
			sum += end.Sub(later(s.Start, until))
			until = end
		}
	}
	return sum
}

package agent

import (
	"errors"
	"fmt"
	"reflect"

	"github.com/sonde-media/sonde/probes"
)

// A Plan is what an agent has to do.
type Plan struct {
	Version string                                   // of the configuration
	Targets []probes.Target                          // of this region, those paused too; the agent's from here on
	Probe   func(probes.Target) (probes.Func, error) // makes a target's probe, when it first runs
	Renew   bool                                     // the network has changed: targets that have not get new probes too
}

// Apply has the agent go by p from now on, before it runs or at any time while
// it does. A target that is as it was keeps its probe and its place in the
// schedule; others run soon, as at a start. A run in flight ends in peace, and
// its target doesn't run again before. Where Apply returns an error, which joins
// those of all targets, nothing has changed.
func (a *Agent) Apply(p Plan) error {
	a.applying.Lock()
	defer a.applying.Unlock()
	if err := p.check(); err != nil {
		return err
	}
	changes := a.compare(p.Targets) // without the lock, which runs need
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, s := range a.slots {
		s.gone = true
	}
	a.slots = make([]*slot, len(changes))
	for i, c := range changes {
		a.slots[i] = c.slot
		c.make(&p.Targets[i], p.Renew)
	}
	a.plan = p
	a.reschedule(changes)
	a.windows.forget()
	a.wakeUp()
	return nil
}

// check reports what is wrong with p for whoever made it.
func (p Plan) check() error {
	var errs []error
	seen := make(map[string]bool, len(p.Targets))
	for i := range p.Targets {
		switch t := &p.Targets[i]; {
		case t.Name == "":
			errs = append(errs, fmt.Errorf("target %s has no name", t.URL))
		case seen[t.Name]:
			errs = append(errs, fmt.Errorf("target %s: the name is given twice", t.Name))
		case t.Interval < 0:
			errs = append(errs, fmt.Errorf("target %s: the interval %v is negative", t.Name, t.Interval))
		}
		seen[p.Targets[i].Name] = true
	}
	if p.Probe == nil {
		errs = append(errs, errors.New("nothing makes probes"))
	}
	return errors.Join(errs...)
}

// A change is what a plan does to one slot.
type change struct {
	slot     *slot
	schedule bool // it runs soon, and then in a rhythm that may be another
	probe    bool // it does something else, so that its probe is to be made anew
}

// compare returns what becomes of the slot of each of targets. It changes
// nothing.
func (a *Agent) compare(targets []probes.Target) []change {
	old := make(map[string]*slot, len(a.slots))
	for _, s := range a.slots {
		old[s.target.Name] = s
	}
	changes := make([]change, len(targets))
	for i := range targets {
		s := old[targets[i].Name]
		if s == nil {
			changes[i] = change{&slot{}, true, true}
			continue
		}
		changes[i].slot = s
		if was, is := *s.target, targets[i]; !reflect.DeepEqual(was, is) {
			changes[i] = change{s, true, !reflect.DeepEqual(work(was), work(is))}
		}
	}
	return changes
}

// work returns t without what its probe has no part in: when it runs and what
// it belongs to.
func work(t probes.Target) probes.Target {
	t.Interval, t.Confirm, t.Paused, t.Windows = 0, 0, false, nil
	t.Service, t.Labels = "", nil
	return t
}

// make makes the change. An unchanged target is set too: the list that it
// stood in can then be freed.
func (c change) make(t *probes.Target, renew bool) {
	s := c.slot
	s.target, s.gone = t, false
	if c.probe || renew {
		s.probe = nil
	}
	if c.schedule || c.probe || renew {
		s.version++
	}
	if c.schedule {
		s.settled = false
	}
	if c.probe {
		s.failed = false
	}
}

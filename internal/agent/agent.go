// Package agent runs a region's targets on schedule. It decides when; what a
// run does is its probe's, and where it goes is the receiver's.
package agent

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sonde-media/sonde/probes"
)

// DefaultParallel is how many runs may be in flight at once.
const DefaultParallel = 128

// Options are choices of an agent.
type Options struct {
	Parallel int // runs in flight at most; 0: DefaultParallel
}

// An Agent probes targets on schedule.
type Agent struct {
	region   string
	slots    []*slot
	send     func(*probes.Run)
	parallel int

	inFlight atomic.Int64
	missed   atomic.Int64
}

// Stats are how an agent does.
type Stats struct {
	Targets  int
	InFlight int           // runs now
	Missed   int64         // runs that were due and not started, since the start
	Config   string        // version of the configuration that runs
	Paused   []string      // names of targets that are not probed now, by pause or maintenance
	Timers   time.Duration // how late the agent's own timers came, at most, since it was asked last
}

// New returns an agent that stands in region. It makes one probe a target, by
// means of probe, and gives finished runs to send, which is called by several
// goroutines. The errors of all targets are joined.
func New(region string, targets []probes.Target, probe func(probes.Target) (probes.Func, error), send func(*probes.Run), o Options) (*Agent, error) {
	a := &Agent{region: region, send: send, parallel: cmp.Or(o.Parallel, DefaultParallel)}
	var errs []error
	for _, t := range targets {
		f, err := probe(t)
		if err != nil {
			errs = append(errs, fmt.Errorf("target %s: %w", t.Name, err))
			continue
		}
		if t.Interval <= 0 {
			t.Interval = probes.DefaultInterval
		}
		a.slots = append(a.slots, &slot{target: t, probe: f})
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return a, nil
}

// Stats returns how the agent does now.
func (a *Agent) Stats() Stats {
	return Stats{Targets: len(a.slots), InFlight: int(a.inFlight.Load()), Missed: a.missed.Load()}
}

// Run probes until ctx is canceled and what was in flight then has ended.
// Those runs are not sent: they were cut off by us. Run is to be called once.
func (a *Agent) Run(ctx context.Context) error {
	var runs sync.WaitGroup
	defer runs.Wait()
	due := a.schedule(time.Now())
	if len(due) == 0 {
		<-ctx.Done()
		return nil
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		timer.Reset(time.Until(due[0].due))
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
			a.start(ctx, &runs, due[0])
			a.missed.Add(due.advance(time.Now()))
		}
	}
}

// start runs s, unless its last run isn't over or too many are in flight: what
// can't start now is missed, never queued, so that an agent that is too slow
// says so and doesn't fall behind for good.
func (a *Agent) start(ctx context.Context, runs *sync.WaitGroup, s *slot) {
	if s.running.Load() || a.inFlight.Load() >= int64(a.parallel) {
		a.missed.Add(1)
		return
	}
	scheduled := s.due
	s.running.Store(true)
	a.inFlight.Add(1)
	runs.Go(func() {
		defer a.inFlight.Add(-1)
		defer s.running.Store(false)
		run := probes.Do(ctx, s.probe, s.target)
		run.Scheduled = scheduled
		if ctx.Err() == nil {
			a.send(run)
		}
	})
}

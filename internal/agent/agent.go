// Package agent runs a region's targets on schedule. It decides when; what a
// run does is its probe's, and where it goes is the receiver's.
package agent

import (
	"cmp"
	"context"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/sonde-media/sonde/probes"
)

// DefaultParallel is how many runs may be in flight at once.
const DefaultParallel = 128

// Options are choices of an agent.
type Options struct {
	Parallel int              // runs in flight at most; 0: DefaultParallel
	Now      func() time.Time // the clock that windows go by; nil: time.Now

	// Who is asked whether we are cut off, each host:port. Where Witnesses is
	// empty that is the hub, unless it is on this machine, and the resolvers.
	Witnesses []string
	Hub       string       // base URL; "": none
	Resolver  string       // host:port of the one that probes ask; "": the system's
	Sources   []netip.Addr // local addresses that probes bind to, one of each family at most
}

// An Agent probes targets on schedule.
type Agent struct {
	region string
	send   func(*probes.Run)
	o      Options
	begin  time.Time     // what the schedule counts from, by the monotonic clock
	wake   chan struct{} // tells Run that something may be due sooner

	watch   watch
	network network

	applying sync.Mutex // one plan at a time
	slots    []*slot    // one a target of the plan; guarded by applying

	mu       sync.Mutex // guards what follows, and what is in the slots
	plan     Plan
	due      schedule
	inFlight int
	missed   int64
	windows  windows
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

// New returns an agent that stands in region and has nothing to do yet: see
// [Agent.Apply]. It gives finished runs to send, which is called by several
// goroutines.
func New(region string, send func(*probes.Run), o Options) *Agent {
	o.Parallel = cmp.Or(o.Parallel, DefaultParallel)
	if o.Now == nil {
		o.Now = time.Now
	}
	a := &Agent{region: region, send: send, o: o, begin: time.Now(), wake: make(chan struct{}, 1)}
	a.network.sources, a.network.witnesses = o.Sources, o.witnesses()
	return a
}

// mostPaused is how many names of paused targets are told.
const mostPaused = 256

// Stats returns how the agent does now.
func (a *Agent) Stats() Stats {
	a.mu.Lock()
	s := Stats{Targets: len(a.plan.Targets), InFlight: a.inFlight, Missed: a.missed, Config: a.plan.Version}
	targets := a.plan.Targets
	a.mu.Unlock()
	s.Timers = a.watch.take()
	var w windows // of our own, so that many targets hold up no run
	now := a.o.Now()
	for i := range targets {
		if w.pause(&targets[i], now) {
			s.Paused = append(s.Paused, targets[i].Name)
		}
	}
	slices.Sort(s.Paused)
	s.Paused = s.Paused[:min(len(s.Paused), mostPaused)]
	return s
}

// Run probes until ctx is canceled and what was in flight then has ended.
// Those runs are not sent: they were cut off by us. Run is to be called once.
func (a *Agent) Run(ctx context.Context) error {
	var runs sync.WaitGroup
	defer runs.Wait()
	runs.Go(func() { a.watch.run(ctx) })
	runs.Go(func() { a.lookOut(ctx) })
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		case <-a.wake:
		}
		timer.Reset(a.startDue(ctx, &runs))
	}
}

// idle is how long an agent sleeps that has nothing to do.
const idle = time.Hour

// startDue starts all runs that are due and returns the time until the next is.
func (a *Agent) startDue(ctx context.Context, runs *sync.WaitGroup) time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	for len(a.due) > 0 {
		now := time.Since(a.begin)
		if left := a.due[0].at - now; left > 0 {
			return left
		}
		e := a.due[0]
		if a.may(e) {
			j := a.take(e)
			runs.Go(func() { a.run(ctx, j) })
		}
		a.missed += a.advance(now)
	}
	return idle
}

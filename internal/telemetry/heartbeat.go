package telemetry

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/sonde-media/sonde/probes"
)

// lateTimers is how late an agent's own timers may come before its heartbeat
// says that it lacks CPU: a listener wouldn't notice less, and a run's parts
// are off by no more.
const lateTimers = 250 * time.Millisecond

// A pulse gathers from one heartbeat to the next.
type pulse struct {
	mu       sync.Mutex // guards what follows
	lateness time.Duration
	timers   time.Duration
	missed   int64         // as the last heartbeat told it
	cpu      time.Duration // used until the last heartbeat
	at       time.Time     // of the last heartbeat
}

func (p *pulse) noteLateness(late time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lateness = max(p.lateness, late)
}

// heard returns agent with memory: who asks for metrics must not take from a
// heartbeat what is told once.
func (p *pulse) heard(agent func() Agent) func() Agent {
	return func() Agent {
		a := agent()
		p.mu.Lock()
		defer p.mu.Unlock()
		p.timers = max(p.timers, a.Timers)
		return a
	}
}

// heartbeat returns what the agent is and how it does as a run of one step,
// named "agent". It fails as lack of our own resources where runs were missed
// or timers came late since the last one.
func (e *Exporter) heartbeat(a Agent) *probes.Run {
	s := probes.NewStep("agent")
	s.Set(probes.AttrAgentVersion, e.opts.Resource.Version)
	s.Set(probes.AttrAgentConfig, cmp.Or(a.Config, e.opts.Config))
	s.Set(probes.AttrAgentStarted, e.started.UTC().Format(time.RFC3339))
	s.Set(probes.AttrAgentTargets, a.Targets)
	s.Set(probes.AttrAgentMissed, a.Missed)
	s.Set(probes.AttrAgentInFlight, a.InFlight)
	if len(a.Paused) > 0 {
		s.Set(probes.AttrAgentPaused, a.Paused)
	}
	s.Set(probes.AttrInterval, e.opts.Heartbeat.Seconds())
	spool := e.spools()
	s.Set(probes.AttrAgentSpoolBytes, spool.bytes)
	s.Set(probes.AttrAgentSpoolAge, spool.age.Seconds())
	s.Set(probes.AttrAgentDropped, spool.dropped)
	run := &probes.Run{ID: probes.NewTraceID(), Scheduled: s.Start, Root: s}
	if lack := e.pulse.beat(s, a); lack != "" {
		s.Fail = probes.AsFailure(probes.Fail(probes.LocalResources, errors.New(lack)))
		run.Code, run.Detail = s.Fail.Code, s.Fail.Detail
	}
	return run
}

// beat notes on s what happened since the last heartbeat, and returns what the
// agent lacks, in words; "" where it lacks nothing.
func (p *pulse) beat(s *probes.Step, a Agent) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	timers := max(p.timers, a.Timers)
	s.Set(probes.AttrAgentLateness, p.lateness.Milliseconds())
	s.Set(probes.AttrAgentTimers, timers.Milliseconds())
	p.noteMachine(s)
	missed := a.Missed - p.missed
	p.lateness, p.timers, p.missed, p.at = 0, 0, a.Missed, s.Start
	return lack(missed, a.InFlight, timers)
}

// noteMachine notes what the agent costs its machine. p.mu must be held.
func (p *pulse) noteMachine(s *probes.Step) {
	if load, ok := machineLoad(); ok {
		s.Set(probes.AttrAgentLoad, load)
	}
	s.Set(probes.AttrAgentMemory, memoryHeld())
	used, ok := cpuUsed()
	if since := s.Start.Sub(p.at); ok && !p.at.IsZero() && since > 0 {
		s.Set(probes.AttrAgentCPU, max(0, (used-p.cpu).Seconds()/since.Seconds()))
	}
	p.cpu = used
}

func lack(missed int64, flight int, timers time.Duration) string {
	var says []string
	switch {
	case missed == 1:
		says = append(says, fmt.Sprintf("1 run due wasn't started: %d were in flight", flight))
	case missed > 1:
		says = append(says, fmt.Sprintf("%d runs due weren't started: %d were in flight", missed, flight))
	}
	if timers >= lateTimers {
		says = append(says, fmt.Sprintf("the agent's timers came up to %d ms late: it lacked CPU", timers.Milliseconds()))
	}
	return strings.Join(says, "; ")
}

// spoolState is what waits on the disk, over all destinations.
type spoolState struct {
	bytes   int64
	age     time.Duration // of the oldest
	dropped int64         // runs lost to a destination
}

func (e *Exporter) spools() (sum spoolState) {
	for _, d := range e.destinations {
		bytes, age, dropped := d.spool.state()
		sum.bytes += bytes
		sum.age = max(sum.age, age)
		sum.dropped += dropped
	}
	return sum
}

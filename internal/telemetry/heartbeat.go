package telemetry

import (
	"time"

	"github.com/sonde-media/sonde/probes"
)

// heartbeat returns what the agent is and how it does as a run of one step,
// named "agent".
func (e *Exporter) heartbeat(a Agent) *probes.Run {
	s := probes.NewStep("agent")
	s.Set(probes.AttrAgentVersion, e.opts.Resource.Version)
	s.Set(probes.AttrAgentConfig, e.opts.Config)
	s.Set(probes.AttrAgentTargets, a.Targets)
	s.Set(probes.AttrAgentMissed, a.Missed)
	s.Set(probes.AttrAgentInFlight, a.InFlight)
	s.Set(probes.AttrAgentLateness, e.takeLateness().Milliseconds())
	s.Set(probes.AttrInterval, e.opts.Heartbeat.Seconds())
	spool := e.spools()
	s.Set(probes.AttrAgentSpoolBytes, spool.bytes)
	s.Set(probes.AttrAgentSpoolAge, spool.age.Seconds())
	s.Set(probes.AttrAgentDropped, spool.dropped)
	return &probes.Run{ID: probes.NewTraceID(), Scheduled: s.Start, Root: s}
}

// noteClock notes on a root how far our clock is ahead of the hub's, once that
// is known.
func (e *Exporter) noteClock(root *probes.Step) {
	if e.opts.Hub == "" {
		return // another receiver's clock says nothing
	}
	if offset := e.destinations[0].clockOffset.Load(); offset != 0 {
		root.Set(probes.AttrClockOff, time.Duration(offset).Milliseconds())
	}
}

func (e *Exporter) takeLateness() time.Duration {
	e.mu.Lock()
	defer e.mu.Unlock()
	late := e.lateness
	e.lateness = 0
	return late
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

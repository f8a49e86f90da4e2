package hub

import (
	"cmp"
	"time"

	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/sonde-media/sonde/internal/api"
	"github.com/sonde-media/sonde/probes"
)

// mostUptime is for how long an agent may run: years past 9999 are no JSON.
const mostUptime = 20 * 365 * 24 * time.Hour

// beat reads what a heartbeat tells.
func (f *fold) beat(from *observer, sp ptrace.Span) *api.Beat {
	s := facts{sp.Attributes()}
	b := &api.Beat{
		Interval: s.seconds(probes.AttrInterval), Config: s.text(probes.AttrAgentConfig),
		Targets: s.int(probes.AttrAgentTargets), Paused: s.list(probes.AttrAgentPaused),
		Missed: s.count(probes.AttrAgentMissed), InFlight: s.int(probes.AttrAgentInFlight),
		Lateness: s.float(probes.AttrAgentLateness), Timers: s.float(probes.AttrAgentTimers),
		SpoolBytes: s.count(probes.AttrAgentSpoolBytes), SpoolAge: s.float(probes.AttrAgentSpoolAge),
		Dropped: s.count(probes.AttrAgentDropped),
		Load:    s.float(probes.AttrAgentLoad), CPU: s.float(probes.AttrAgentCPU), Memory: s.count(probes.AttrAgentMemory),
	}
	if !f.received.IsZero() {
		received := f.received.UTC()
		b.Received = &received
	}
	if s.text(probes.AttrErrorType) != "" {
		b.Lacks = cmp.Or(s.text(probes.AttrDetail), probes.Bounded(sp.Status().Message()))
	}
	started, err := time.Parse(time.RFC3339Nano, s.text(probes.AttrAgentStarted))
	if started = started.UTC(); err == nil && sp.StartTimestamp().AsTime().Sub(started).Abs() < mostUptime {
		b.Started = &started
	}
	if offset := f.offset(from, sp); offset.Abs() >= leastOffset {
		b.ClockOffset = float64(offset) / float64(time.Millisecond)
	}
	return b
}

// count returns a number of something, 0 where there is none.
func (s facts) count(key string) int64 {
	const most = 1 << 53 // more isn't exact in JSON
	return int64(max(0, min(s.float(key), most)))
}

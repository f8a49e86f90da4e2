package api

import (
	"slices"
	"time"

	"github.com/sonde-media/sonde/probes"
)

// An Agent is one that reports to the hub, by its newest run or heartbeat. Two
// in one region are two.
type Agent struct {
	Agent       string     `json:"agent"` // service.instance.id
	Region      string     `json:"region"`
	Version     string     `json:"version"`
	LastSeen    time.Time  `json:"last_seen"`
	Silent      bool       `json:"silent"`                 // no sign of life for three of its heartbeats' intervals
	SilentSince *time.Time `json:"silent_since,omitempty"` // its last sign of life, where it is silent
	Beat
}

// A Beat is what an agent's newest heartbeat tells; all zero where none came.
type Beat struct {
	Heartbeat   *time.Time    `json:"last_heartbeat,omitempty"`
	Received    *time.Time    `json:"received,omitempty"` // by the hub: what waited in a spool comes late
	Interval    time.Duration `json:"interval_ns"`
	Started     *time.Time    `json:"started,omitempty"`
	Config      string        `json:"config_version"` // of the configuration that runs
	Targets     int           `json:"targets"`
	Paused      []string      `json:"paused"`      // targets not probed now, by pause or maintenance; [probes.MaxList] at most
	Missed      int64         `json:"missed_runs"` // since it started
	InFlight    int           `json:"in_flight"`
	Lateness    float64       `json:"lateness_ms"` // of the latest run since the heartbeat before
	Timers      float64       `json:"timers_ms"`   // how late the agent's own timers came since then
	SpoolBytes  int64         `json:"spool_bytes"`
	SpoolAge    float64       `json:"spool_age_s"` // of the oldest in the spool
	Dropped     int64         `json:"dropped"`     // runs lost to a destination, since it started
	ClockOffset float64       `json:"clock_offset_ms"`
	Load        float64       `json:"load"` // of its machine, a CPU
	CPU         float64       `json:"cpu"`  // seconds of CPU a second
	Memory      int64         `json:"memory_bytes"`
	Lacks       string        `json:"lacks"` // what it lacked since the heartbeat before, in words
}

// Agents is all agents that reported in the range or in the day before its
// end, by region, and what they are compared with.
type Agents struct {
	Agents  []Agent `json:"agents"`
	Config  string  `json:"config_version"` // of the configuration that the hub serves, or ""
	Version string  `json:"version"`        // of the hub
}

// SilentAfter is how many intervals an agent may be silent.
const SilentAfter = 3

// beatInterval is that of heartbeats that don't tell.
const beatInterval = time.Minute

// Judge says whether the agent is silent at a time.
func (a *Agent) Judge(now time.Time) {
	interval := a.Interval
	if interval <= 0 {
		interval = beatInterval
	}
	a.Silent, a.SilentSince = now.Sub(a.LastSeen) > SilentAfter*interval, nil
	if a.Silent {
		since := a.LastSeen
		a.SilentSince = &since
	}
}

// Pauses reports whether the agent tells, after the newest run of c, that it
// doesn't probe c's target now. A list that may have been cut covers what
// isn't heard of.
func (a *Agent) Pauses(c *Cell) bool {
	if a.Silent || a.Region != c.Region || a.Heartbeat == nil || a.Heartbeat.Before(c.Newest.Started) {
		return false
	}
	return slices.Contains(a.Paused, c.Target) || c.Silent && len(a.Paused) >= probes.MaxList
}

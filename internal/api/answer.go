package api

import (
	"time"

	"github.com/sonde-media/sonde/probes"
)

// A Matrix is region × target at a glance.
type Matrix struct {
	From    time.Time    `json:"from"`
	To      time.Time    `json:"to"`
	Regions []Region     `json:"regions"` // by name
	Targets []TargetInfo `json:"targets"` // by service, then name
	Cells   []Cell       `json:"cells"`   // only those with runs
}

// A Region is where agents stand.
type Region struct {
	Name string  `json:"name"`
	Lat  float64 `json:"lat"`
	Lon  float64 `json:"lon"`
}

// A TargetInfo is what the hub knows of a target from its runs.
type TargetInfo struct {
	Name    string `json:"name"`
	Kind    string `json:"kind"`
	Service string `json:"service"`
	URL     string `json:"url"` // redacted as the agent sent it
}

// A Cell is one target seen from one region. Confirming runs are in Newest
// but in no count.
type Cell struct {
	Region      string     `json:"region"`
	Target      string     `json:"target"`
	Counts      Counts     `json:"counts"`
	Newest      Run        `json:"newest"`                 // the newest run, of whatever outcome
	Failing     *Run       `json:"failing,omitempty"`      // the newest failed run in the range
	FailedSince *time.Time `json:"failed_since,omitempty"` // first of the failed runs that Newest ends, where it failed
	Silent      bool       `json:"silent"`                 // no run for three intervals before To, though not paused
	Paused      bool       `json:"paused"`                 // an agent there says that it isn't probed now
}

// Counts of runs by outcome.
type Counts struct {
	OK       int `json:"ok"`
	Degraded int `json:"degraded"`
	Failed   int `json:"failed"`
	Unknown  int `json:"unknown"`
}

// Total is the number of runs.
func (c Counts) Total() int { return c.OK + c.Degraded + c.Failed + c.Unknown }

// FailureRatio is failed runs over those that told something, 0 where none did.
func (c Counts) FailureRatio() float64 {
	told := c.OK + c.Degraded + c.Failed
	if told == 0 {
		return 0
	}
	return float64(c.Failed) / float64(told)
}

// A Run is one row of a list of runs.
type Run struct {
	TraceID   string           `json:"trace_id"`
	Region    string           `json:"region"`
	Agent     string           `json:"agent"` // service.instance.id
	Target    string           `json:"target"`
	Kind      string           `json:"kind"`
	Service   string           `json:"service"`
	Scheduled time.Time        `json:"scheduled"`
	Started   time.Time        `json:"started"`
	Received  time.Time        `json:"received"` // by the hub
	Interval  time.Duration    `json:"interval_ns"`
	Duration  time.Duration    `json:"duration_ns"`
	Outcome   probes.Outcome   `json:"outcome"`
	Code      probes.Code      `json:"code"`
	Culprit   string           `json:"culprit"`
	Cause     string           `json:"cause"`
	Detail    string           `json:"detail"`
	Confirms  string           `json:"confirms,omitempty"`
	Findings  []probes.Finding `json:"findings"`
}

// Runs is the newest runs of a selection.
type Runs struct {
	Runs  []Run `json:"runs"`
	Total int   `json:"total"` // of the selection, also beyond the limit
}

// Series is runs by outcome over time.
type Series struct {
	From   time.Time      `json:"from"`
	To     time.Time      `json:"to"`
	Step   time.Duration  `json:"step_ns"`
	Series []RegionSeries `json:"series"` // by region
}

// A RegionSeries has one point for each bucket that has runs.
type RegionSeries struct {
	Region string  `json:"region"`
	Points []Point `json:"points"`
}

// A Point is one bucket of a series.
type Point struct {
	Time   time.Time `json:"time"` // its begin, a multiple of the step since the epoch
	Counts Counts    `json:"counts"`
}

// A Trace is the spans of one run, parents first, children in the order in
// which they began.
type Trace struct {
	Run         Run    `json:"run"`
	Spans       []Span `json:"spans"`
	ConfirmedBy string `json:"confirmed_by,omitempty"` // trace ID of the run that was sent to confirm this one
}

// A Span is one step of a run.
type Span struct {
	ID       string         `json:"id"`
	Parent   string         `json:"parent"` // "" for the root
	Name     string         `json:"name"`
	Step     string         `json:"step"` // its step word
	Start    time.Time      `json:"start"`
	Duration time.Duration  `json:"duration_ns"`
	Code     probes.Code    `json:"code"` // "" where it went well
	Attrs    map[string]any `json:"attributes"`
}

// Labels is what can be filtered by.
type Labels struct {
	Regions  []string `json:"regions"`
	Targets  []string `json:"targets"`
	Services []string `json:"services"`
	Kinds    []string `json:"kinds"`
	Codes    []string `json:"codes"`
	Culprits []string `json:"culprits"`
}

// An Error is the body of an answer that isn't 2xx.
type Error struct {
	Error string `json:"error"` // what is wrong and what to do
}

package main

import (
	"time"

	"github.com/sonde-media/sonde/probes"
)

// A runDocument is a run as --json prints it, one a line. Its keys are a
// contract: they are only ever added to.
type runDocument struct {
	Target   string           `json:"target"`
	Kind     string           `json:"kind"`
	Outcome  probes.Outcome   `json:"outcome"`
	Code     probes.Code      `json:"code"`
	Culprit  string           `json:"culprit"`
	Detail   string           `json:"detail"`
	Started  time.Time        `json:"started"`
	Duration float64          `json:"duration_ms"`
	TraceID  string           `json:"trace_id"`
	Findings []probes.Finding `json:"findings"`
	Steps    []stepDocument   `json:"steps"` // in tree order
}

type stepDocument struct {
	ID       string         `json:"id"`
	Parent   string         `json:"parent"` // "" for the root
	Name     string         `json:"name"`   // the step word
	Start    float64        `json:"start_ms"`
	Duration float64        `json:"duration_ms"`
	Code     probes.Code    `json:"code"` // "" where it went well
	Attrs    map[string]any `json:"attributes"`
}

func document(run *probes.Run) runDocument {
	doc := runDocument{
		Target: run.Target.Name, Kind: run.Target.Kind,
		Outcome: run.Outcome, Code: run.Code, Culprit: run.Culprit, Detail: run.Detail,
		Started: run.Root.Start.UTC(), Duration: milliseconds(run.Root.Took), TraceID: run.ID.String(),
		Findings: append([]probes.Finding{}, run.Findings...),
	}
	doc.addSteps(run, run.Root, "")
	return doc
}

// addSteps appends s and what is below it. IDs and attributes are those of the
// spans that the run becomes.
func (doc *runDocument) addSteps(run *probes.Run, s *probes.Step, parent string) {
	code, _ := run.Why(s)
	d := stepDocument{
		ID: run.ID.Span(len(doc.Steps)).String(), Parent: parent, Name: s.Name,
		Start: milliseconds(s.Start.Sub(run.Root.Start)), Duration: milliseconds(s.Took),
		Code: code, Attrs: run.Facts(s),
	}
	doc.Steps = append(doc.Steps, d)
	for _, c := range s.Steps {
		doc.addSteps(run, c, d.ID)
	}
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

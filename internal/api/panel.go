package api

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// A Question is what a panel can ask.
type Question string

// The questions of panels and variables.
const (
	QuestionMatrix Question = "matrix" // region × target, now
	QuestionSeries Question = "series" // failure by region over time, fit for alerting
	QuestionRuns   Question = "runs"   // newest runs as a table
	QuestionTrace  Question = "trace"  // one run's steps
	QuestionLabels Question = "labels" // values of one label, for variables
)

// Questions lists all questions.
var Questions = []Question{QuestionMatrix, QuestionSeries, QuestionRuns, QuestionTrace, QuestionLabels}

// A Measure is what a series shows.
type Measure string

// The measures of a series.
const (
	MeasureFailureRatio Measure = "failure_ratio" // failed over told, 0 to 1; the default
	MeasureFailed       Measure = "failed"        // failed runs
	MeasureDegraded     Measure = "degraded"      // degraded runs
	MeasureRuns         Measure = "runs"          // all runs
)

// Measures lists all measures.
var Measures = []Measure{MeasureFailureRatio, MeasureFailed, MeasureDegraded, MeasureRuns}

// A Label is what variables can list.
type Label string

// The labels.
const (
	LabelRegion  Label = "region"
	LabelTarget  Label = "target"
	LabelService Label = "service"
	LabelKind    Label = "kind"
	LabelCode    Label = "code"
	LabelCulprit Label = "culprit"
)

// LabelNames lists all labels.
var LabelNames = []Label{LabelRegion, LabelTarget, LabelService, LabelKind, LabelCode, LabelCulprit}

// A PanelQuery is one query of a dashboard panel or variable, as it is saved
// in a dashboard. Filters left empty select everything.
type PanelQuery struct {
	Question Question `json:"question"`
	Regions  []string `json:"regions,omitempty"`
	Services []string `json:"services,omitempty"`
	Targets  []string `json:"targets,omitempty"`
	Kinds    []string `json:"kinds,omitempty"`
	Outcomes []string `json:"outcomes,omitempty"`
	Codes    []string `json:"codes,omitempty"`
	Culprits []string `json:"culprits,omitempty"`
	Measure  Measure  `json:"measure,omitempty"` // of a series; "": MeasureFailureRatio
	TraceID  string   `json:"traceId,omitempty"` // of a trace
	Label    Label    `json:"label,omitempty"`   // of labels
	Limit    int      `json:"limit,omitempty"`   // of runs; 0: DefaultLimit
}

// Check reports all that is wrong with q.
func (q PanelQuery) Check() error {
	var errs []error
	if !slices.Contains(Questions, q.Question) {
		errs = append(errs, fmt.Errorf("question: want one of %s, got %q", join(Questions), q.Question))
	}
	if q.Measure != "" && !slices.Contains(Measures, q.Measure) {
		errs = append(errs, fmt.Errorf("measure: want one of %s, got %q", join(Measures), q.Measure))
	}
	if q.Question == QuestionLabels && !slices.Contains(LabelNames, q.Label) {
		errs = append(errs, fmt.Errorf("label: want one of %s, got %q", join(LabelNames), q.Label))
	}
	if q.Question == QuestionTrace && q.TraceID == "" {
		errs = append(errs, errors.New("traceId: a trace is asked for by its ID"))
	}
	if q.Limit < 0 || q.Limit > MaxLimit {
		errs = append(errs, fmt.Errorf("limit: must be from 1 to %d", MaxLimit))
	}
	return errors.Join(errs...)
}

// Query is what q asks of the hub over a range.
func (q PanelQuery) Query(from, to time.Time, step time.Duration) Query {
	return Query{
		From: from, To: to, Step: step, Limit: q.Limit,
		Regions: q.Regions, Targets: q.Targets, Services: q.Services, Kinds: q.Kinds,
		Outcomes: q.Outcomes, Codes: q.Codes, Culprits: q.Culprits,
	}
}

func join[T ~string](words []T) string {
	texts := make([]string, len(words))
	for i, w := range words {
		texts[i] = string(w)
	}
	return strings.Join(texts, ", ")
}

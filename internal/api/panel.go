package api

// The data source's front end has these types in TypeScript.
//go:generate go test -run TestTypeScriptIsCurrent . -args -update

import (
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sonde-media/sonde/probes"
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

// A Format is the form that an answer takes.
type Format string

// The formats.
const (
	FormatTable      Format = "table"       // a row each
	FormatGrid       Format = "grid"        // of a matrix: a row a target, a column a region
	FormatTimeSeries Format = "time_series" // of a series: a measure over time, fit for alerting
	FormatState      Format = "state"       // of a series: the outcome over time, for a state timeline
	FormatTrace      Format = "trace"       // what a trace panel draws
)

// Formats says in which formats each question is answered, the default first.
var Formats = map[Question][]Format{
	QuestionMatrix: {FormatTable, FormatGrid},
	QuestionSeries: {FormatTimeSeries, FormatState},
	QuestionRuns:   {FormatTable},
	QuestionTrace:  {FormatTrace},
	QuestionLabels: {FormatTable},
}

// Silent is what panels show in an outcome's place where agents send nothing
// any more: no run for three intervals.
const Silent = "silent"

// Paused is what panels show in an outcome's place where a target isn't probed
// now, on purpose.
const Paused = "paused"

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
	Format   Format   `json:"format,omitempty"` // "": the question's first in Formats
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

// Settings are the data source's, as Grafana keeps them in jsonData, besides
// those of HTTP. URL and token stand where Grafana keeps such.
type Settings struct {
	PublicURL string `json:"publicUrl,omitempty"` // where a person's browser finds the hub; "": the data source's URL
	Timeout   int    `json:"timeout,omitempty"`   // seconds in which a question must be answered; 0: 10
}

// LabelValues is the values that one label has, as an editor's completion
// and variables ask for them.
type LabelValues struct {
	Label  Label    `json:"label"`
	Values []string `json:"values"`
	Total  int      `json:"total"` // of values, also beyond MaxLabelValues
}

// MaxLabelValues bounds a list of values.
const MaxLabelValues = 1_000

// Of returns the values of one label.
func (l Labels) Of(name Label) []string {
	switch name {
	case LabelRegion:
		return l.Regions
	case LabelTarget:
		return l.Targets
	case LabelService:
		return l.Services
	case LabelKind:
		return l.Kinds
	case LabelCode:
		return l.Codes
	case LabelCulprit:
		return l.Culprits
	}
	return nil
}

// Form is the format that q is answered in, its default where it asks for none.
func (q PanelQuery) Form() Format {
	if formats := Formats[q.Question]; q.Format == "" && len(formats) > 0 {
		return formats[0]
	}
	return q.Format
}

// Check reports all that is wrong with q, whose variables have been expanded.
func (q PanelQuery) Check() error {
	if !slices.Contains(Questions, q.Question) {
		return fmt.Errorf("question: want one of %s, got %q", join(Questions), q.Question)
	}
	var errs []error
	if formats := Formats[q.Question]; !slices.Contains(formats, q.Form()) {
		errs = append(errs, fmt.Errorf("format: %s is answered as %s, not as %q", q.Question, join(formats), q.Format))
	}
	for _, o := range q.Outcomes {
		if !slices.Contains(q.outcomes(), probes.Outcome(o)) {
			errs = append(errs, fmt.Errorf("outcomes: want some of %s, got %q", join(q.outcomes()), o))
		}
	}
	if q.Measure != "" && !slices.Contains(Measures, q.Measure) {
		errs = append(errs, fmt.Errorf("measure: want one of %s, got %q", join(Measures), q.Measure))
	}
	if q.Question == QuestionLabels && !slices.Contains(LabelNames, q.Label) {
		errs = append(errs, fmt.Errorf("label: want one of %s, got %q", join(LabelNames), q.Label))
	}
	if b, err := hex.DecodeString(q.TraceID); q.Question == QuestionTrace && (err != nil || len(b) != 16) {
		errs = append(errs, fmt.Errorf("traceId: want the 32 hexadecimal digits of a run's trace ID, got %q", q.TraceID))
	}
	if q.Limit < 0 || q.Limit > MaxLimit {
		errs = append(errs, fmt.Errorf("limit: must be from 1 to %d", MaxLimit))
	}
	return errors.Join(errs...)
}

// outcomes are what q can filter by: silence and pauses are nothing that a run
// comes to, but what the cell of a matrix shows.
func (q PanelQuery) outcomes() []probes.Outcome {
	if q.Question == QuestionMatrix {
		return append(slices.Clip(probes.Outcomes), Silent, Paused)
	}
	return probes.Outcomes
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

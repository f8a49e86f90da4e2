package drill

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sonde-media/sonde/internal/api"
	"github.com/sonde-media/sonde/probes"
)

// How soon a hub must tell, in intervals.
const (
	detectWithin  = 2 // after the failure could be confirmed
	recoverWithin = 4 // after the end of the outage
)

// A Result is what a drill came to. Its JSON is a contract: keys are only ever
// added to.
type Result struct {
	Drill             string      `json:"drill"`
	Title             string      `json:"title"`
	Correct           bool        `json:"correct"`
	Wrong             []string    `json:"wrong"` // what is, by the names of columns
	Expected          Answer      `json:"expected"`
	Reported          Answer      `json:"reported"` // of what was told what comes nearest; {}: nothing was told
	Interval          float64     `json:"interval_seconds"`
	SecondsToDetect   *float64    `json:"seconds_to_detect"`   // from the begin of the outage until the hub told it; null: never
	IntervalsToDetect *float64    `json:"intervals_to_detect"` // the same
	AfterConfirmable  *float64    `json:"intervals_after_confirmable"`
	SecondsToRun      *float64    `json:"seconds_to_detecting_run"` // from the begin until the hub had the run that told it
	IntervalsToEnd    *float64    `json:"intervals_to_recover"`     // from the end of the outage until the hub told that; null: never, or not to be
	ExtraIncidents    int         `json:"extra_incidents"`          // that should not exist, split ones included
	Extra             []Extra     `json:"extra"`
	Explained         []Extra     `json:"explained"` // warnings that were told first and then became part of the incident
	Incident          string      `json:"incident"`  // ID of what was told
	Begin             time.Time   `json:"begin"`     // of the outage
	End               time.Time   `json:"end"`
	Late              float64     `json:"late_seconds"`    // by which the drill's own timers came, at most: a machine with too much to do is an outage of its own
	Error             string      `json:"error,omitempty"` // why the drill could not be run
	Marks             []FieldMark `json:"-"`
}

// An Answer says what an outage is: the truth, or what the hub told.
type Answer struct {
	Code               probes.Code `json:"code"`
	Cause              string      `json:"cause"`
	Culprit            string      `json:"culprit"`
	Scope              string      `json:"scope"`
	Severity           string      `json:"severity"`
	Regions            []string    `json:"regions"`
	Services           []string    `json:"services"`
	ServicesUnaffected []string    `json:"services_unaffected"`
	Targets            []string    `json:"targets"`
}

// MarshalJSON writes {} for an answer that tells of nothing.
func (a Answer) MarshalJSON() ([]byte, error) {
	if a.Code == "" {
		return []byte("{}"), nil
	}
	type plain Answer
	return json.Marshal(plain(a))
}

// An Extra is an incident that should not exist.
type Extra struct {
	ID        string      `json:"id"`
	Code      probes.Code `json:"code"`
	Cause     string      `json:"cause"`
	Title     string      `json:"title"`
	Split     bool        `json:"split"`     // it is a part of the outage
	Withdrawn bool        `json:"withdrawn"` // it was told for a while only
}

// A FieldMark says whether one thing about a drill is right.
type FieldMark struct {
	Field          string
	Right          bool
	Want, Reported string
}

// Score compares what was told with the truth.
func Score(s Scenario, truth Truth, c Course) Result {
	r := Result{
		Drill: s.Name, Title: s.Title, Interval: c.Interval.Seconds(), Late: c.Late.Seconds(), Begin: c.Begin.UTC(), End: c.End.UTC(),
		Wrong: []string{}, Extra: []Extra{}, Explained: []Extra{}, Expected: truth.answer(""),
	}
	best := c.best(truth)
	r.extras(truth, c, best)
	if best >= 0 {
		r.compare(truth, c, c.Sightings[best])
	} else if !truth.None {
		r.mark("detected", false, "an incident", "none")
	}
	r.mark("extra", r.ExtraIncidents == 0, "0", fmt.Sprint(r.ExtraIncidents))
	r.Correct = len(r.Wrong) == 0
	return r
}

// Busy reports whether the machine had too much else to do for the result to
// say much where something is wrong.
func (r *Result) Busy() bool { return r.Late > r.Interval/4 }

func (r *Result) mark(field string, right bool, want, reported string) {
	r.Marks = append(r.Marks, FieldMark{field, right, want, reported})
	if !right {
		r.Wrong = append(r.Wrong, field)
	}
}

// extras notes all that was told but best, -1 for none.
func (r *Result) extras(truth Truth, c Course, best int) {
	for i, s := range c.Sightings {
		e := Extra{s.ID, s.Code, s.Cause, s.Title, truth.partly(s.Incident), s.Withdrawn}
		switch {
		case i == best:
		case best >= 0 && s.Withdrawn && (slices.Contains(truth.Warnings, string(s.Code)) || s.absorbed(c.Sightings[best])):
			r.Explained = append(r.Explained, e)
		default:
			r.Extra = append(r.Extra, e)
		}
	}
	r.ExtraIncidents = len(r.Extra)
}

// partly reports whether i is about the outage, or a part of it.
func (t Truth) partly(i api.Incident) bool {
	return !t.None && (i.Cause == t.Cause || string(i.Code) == t.Code && slices.ContainsFunc(i.Targets, in(t.Targets)))
}

func in(all []string) func(string) bool {
	return func(s string) bool { return slices.Contains(all, s) }
}

// best is the sighting of which most is right, of those that are still told;
// -1 where there is none, or where nothing may be told.
func (c *Course) best(truth Truth) int {
	best, most := -1, -1
	for i, s := range c.Sightings {
		if n := truth.right(s.Incident); !truth.None && !s.Withdrawn && n > most {
			best, most = i, n
		}
	}
	return best
}

// right counts what is right about an incident. Code and cause weigh more than
// all else together, for they say which outage it is.
func (t Truth) right(i api.Incident) (n int) {
	for _, m := range compared(t.answer(i.Culprit), answerOf(i)) {
		weight := 1
		if m.Field == "code" || m.Field == "cause" {
			weight = 10
		}
		if m.Right {
			n += weight
		}
	}
	return n
}

// compare notes what is right about s.
func (r *Result) compare(truth Truth, c Course, s Sighting) {
	r.Incident, r.Reported, r.Expected = s.ID, answerOf(s.Incident), truth.answer(s.Culprit)
	for _, m := range compared(r.Expected, r.Reported) {
		r.mark(m.Field, m.Right, m.Want, m.Reported)
	}
	r.detection(c, s)
	r.recovery(truth, c, s)
}

// detection marks whether s was told in time. An incident that was told before
// its outage began is told of something else.
func (r *Result) detection(c Course, s Sighting) {
	took, run := s.Told.Sub(c.Begin), s.Detected.Sub(c.Begin).Seconds()
	seconds, intervals := took.Seconds(), float64(took)/float64(c.Interval)
	r.SecondsToDetect, r.IntervalsToDetect, r.SecondsToRun = &seconds, &intervals, &run
	want, right := "after the begin", took >= 0
	if !c.Confirmable.IsZero() {
		after := float64(s.Told.Sub(c.Confirmable)) / float64(c.Interval)
		r.AfterConfirmable = &after
		right = right && after <= detectWithin
		want = fmt.Sprintf("%d intervals after %.1f s, when it could be confirmed", detectWithin, c.Confirmable.Sub(c.Begin).Seconds())
	}
	r.mark("detected", right, want, fmt.Sprintf("%.1f s", seconds))
}

// recovery marks whether the end of s was told in time, or not at all where it
// goes on.
func (r *Result) recovery(truth Truth, c Course, s Sighting) {
	if !truth.Recovers {
		r.mark("recovered", s.Resolved == nil, "open", state(s))
		return
	}
	if s.Resolved == nil {
		r.mark("recovered", false, api.EndRecovered, "open")
		return
	}
	after := float64(s.ToldResolved.Sub(c.End)) / float64(c.Interval)
	r.IntervalsToEnd = &after
	r.mark("recovered", s.End == api.EndRecovered && after <= recoverWithin,
		fmt.Sprintf("%s within %d intervals", api.EndRecovered, recoverWithin), fmt.Sprintf("%s after %.1f", s.End, after))
}

func state(s Sighting) string {
	if s.Resolved == nil {
		return "open"
	}
	return s.End
}

// answer is the truth as an answer. Of several hosts that a report may name,
// it has the one that was, where that is among them.
func (t Truth) answer(culprit string) Answer {
	if t.None {
		return Answer{}
	}
	if !slices.Contains(t.Culprits, culprit) && len(t.Culprits) > 0 {
		culprit = t.Culprits[0]
	}
	return Answer{
		Code: probes.Code(t.Code), Cause: t.Cause, Culprit: culprit, Scope: t.Scope, Severity: t.Severity,
		Regions: ordered(t.Regions), Services: ordered(t.Services), ServicesUnaffected: ordered(t.ServicesUnaffected), Targets: ordered(t.Targets),
	}
}

func answerOf(i api.Incident) Answer {
	return Answer{
		Code: i.Code, Cause: i.Cause, Culprit: i.Culprit, Scope: string(i.Scope), Severity: i.Severity,
		Regions: ordered(i.Regions), Services: ordered(i.Services), ServicesUnaffected: ordered(i.ServicesUnaffected), Targets: ordered(i.Targets),
	}
}

// ordered is a sorted copy, never nil.
func ordered(all []string) []string {
	return append([]string{}, slices.Sorted(slices.Values(all))...)
}

// compared says field by field what is right, in the order of the table.
func compared(want, got Answer) (marks []FieldMark) {
	one := func(field, want, got string) {
		marks = append(marks, FieldMark{field, want == got, want, got})
	}
	many := func(field string, want, got []string) {
		marks = append(marks, FieldMark{field, slices.Equal(want, got), strings.Join(want, ", "), strings.Join(got, ", ")})
	}
	one("code", string(want.Code), string(got.Code))
	one("cause", want.Cause, got.Cause)
	one("culprit", want.Culprit, got.Culprit)
	one("scope", want.Scope, got.Scope)
	one("severity", want.Severity, got.Severity)
	many("regions", want.Regions, got.Regions)
	many("services", want.Services, got.Services)
	many("unaffected", want.ServicesUnaffected, got.ServicesUnaffected)
	many("targets", want.Targets, got.Targets)
	return marks
}

package probes

import (
	"cmp"
	"iter"
	"slices"
)

// An Outcome is what a run comes to for the listener.
type Outcome string

// The outcomes. Unknown counts in no ratio.
const (
	OK       Outcome = "ok"
	Degraded Outcome = "degraded" // served, with a warning
	Failed   Outcome = "failed"   // not served
	Unknown  Outcome = "unknown"  // couldn't be told, by a fault of ours
)

// Outcomes lists all outcomes from best to worst, unknown last.
var Outcomes = []Outcome{OK, Degraded, Failed, Unknown}

// A Verdict is what a finished tree comes to.
type Verdict struct {
	Outcome  Outcome
	Code     Code      // of the step that decided; "" unless failed or unknown
	Culprit  string    // host at that step
	Cause    string    // what the failure is grouped by: certificate, zone or host
	Detail   string    // that step's failure in words
	Findings []Finding // of all steps, in tree order
}

// Judge computes the verdict of a finished tree. Code and culprit are those of
// the first critical failed leaf in tree order, a leaf being a failed step
// with no critical failed step below it. Only where no such leaf is the
// target's is one of ours taken, and the outcome unknown. A failure that a
// witness explains is not the target's: see [Run.Witness].
func Judge(root *Step) Verdict {
	v := Verdict{Outcome: OK}
	witness := witnessOf(root)
	var target, ours *leaf
	for l := range criticalLeaves(root) {
		switch code := l.step.Fail.Code; {
		case code.Ours():
			ours = cmp.Or(ours, &l)
		case witness == nil || !witness.step.Fail.Code.Explains(code):
			target = cmp.Or(target, &l)
		}
	}
	for s := range root.All() {
		v.Findings = append(v.Findings, s.Findings...)
	}
	switch ours = cmp.Or(witness, ours); {
	case target != nil:
		v.Outcome = Failed
		v.blame(target)
	case ours != nil:
		v.Outcome = Unknown
		v.blame(ours)
	case slices.ContainsFunc(v.Findings, Finding.Warns):
		v.Outcome = Degraded
	}
	return v
}

func (v *Verdict) blame(l *leaf) {
	v.Code, v.Detail = l.step.Fail.Code, l.step.Fail.Detail
	v.Culprit = l.host
	v.Cause = cmp.Or(l.step.Text(AttrFault), l.host)
}

type leaf struct {
	step *Step
	host string // server.address of the step or of its nearest ancestor that has one
}

// criticalLeaves yields the failed leaves whose path from the root is critical.
func criticalLeaves(root *Step) iter.Seq[leaf] {
	return func(yield func(leaf) bool) { walkLeaves(root, "", yield) }
}

// walkLeaves reports whether a critical failure stands at s or below it, and
// whether to go on.
func walkLeaves(s *Step, host string, yield func(leaf) bool) (failed, more bool) {
	if s.Attrs[AttrCritical] == false {
		return false, true
	}
	host = cmp.Or(s.Text(AttrServerAddress), host)
	for _, c := range s.Steps {
		f, more := walkLeaves(c, host, yield)
		failed = failed || f
		if !more {
			return failed, false
		}
	}
	if s.Fail == nil {
		return failed, true
	}
	if failed {
		return true, true
	}
	return true, yield(leaf{s, host})
}

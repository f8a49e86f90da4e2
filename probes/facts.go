package probes

import (
	"maps"
	"time"
)

// A Fact is an attribute of a step, by a key of attr.go.
type Fact struct {
	Key   string
	Value any
}

// Facts returns all that is told of s, a step of the run: what was noted, and
// what follows from the finished run. It is pure, and the map is the caller's.
func (r *Run) Facts(s *Step) map[string]any {
	facts := make(map[string]any, len(s.Attrs)+8)
	maps.Copy(facts, s.Attrs)
	for _, f := range r.AppendTold(nil, s) {
		facts[f.Key] = f.Value
	}
	return facts
}

// AppendTold appends to list what follows of s, a step of the run, from the
// finished run, each key once: it stands in place of what was noted by the
// same.
func (r *Run) AppendTold(list []Fact, s *Step) []Fact {
	f := factsOf(list)
	f.set(AttrStep, s.Name)
	findings := s.Findings
	switch {
	case s == r.Root:
		f.run(r)
		findings = r.Findings
	case s.Name == "hop" || s.Name == "asset": // rows of dashboards, each readable by itself
		f.set(AttrTarget, r.Target.Name)
		f.set(AttrKind, r.Target.Kind)
	}
	f.findings(findings)
	if code, detail := r.Why(s); code != "" {
		f.set(AttrErrorType, string(code))
		f.text(AttrDetail, detail)
	}
	return f
}

// Why returns why s, a step of the run, failed; "" where it didn't. Of the
// root it is the run's verdict. Of a hop or an asset whose failure a witness
// explains it is the fault of ours: what counts these alone must not blame their
// hosts. The operation below keeps the code it ended with.
func (r *Run) Why(s *Step) (code Code, detail string) {
	switch {
	case s == r.Root:
		return r.Code, r.Detail
	case s.Fail == nil:
		return "", ""
	}
	if s.Name == "hop" || s.Name == "asset" {
		if w := witnessOf(r.Root); w != nil && w.step.Fail.Code.Explains(s.Fail.Code) {
			return w.step.Fail.Code, s.Fail.Detail
		}
	}
	return s.Fail.Code, s.Fail.Detail
}

// factsOf are facts of one step.
type factsOf []Fact

func (f *factsOf) set(key string, v any) { *f = append(*f, Fact{key, v}) }

// run adds what the root alone tells.
func (f *factsOf) run(r *Run) {
	t := r.Target
	f.set(AttrScheduled, r.Scheduled.UTC().Format(time.RFC3339Nano))
	f.text(AttrTarget, t.Name) // a heartbeat has none
	f.text(AttrKind, t.Kind)
	f.text(AttrService, t.Service)
	f.text(AttrOutcome, string(r.Outcome))
	f.text(AttrCulprit, r.Culprit)
	f.text(AttrCause, r.Cause)
	f.text(AttrConfirms, r.Confirms)
	if n := hops(r.Root); n > 0 {
		f.set(AttrHopCount, n)
	}
	if t.Interval > 0 {
		f.set(AttrInterval, t.Interval.Seconds())
	}
	for name, value := range t.Labels {
		f.set(AttrLabel+name, value)
	}
}

// hops counts the exchanges of the longest chain that led to what was asked
// for, where it ended early too. Assets and links have chains of their own.
func hops(s *Step) (most int) {
	chain := 0
	for _, c := range s.Steps {
		switch c.Name {
		case "hop":
			chain++
		case "asset", "link":
		default:
			most = max(most, hops(c))
		}
	}
	return max(most, chain)
}

// findings adds findings as four lists of one length.
func (f *factsOf) findings(all []Finding) {
	if len(all) == 0 {
		return
	}
	var codes, severities, hosts, details []string
	for _, one := range all {
		codes = append(codes, string(one.Code))
		severities = append(severities, string(one.Severity))
		hosts = append(hosts, one.Host)
		details = append(details, one.Detail)
	}
	f.set(AttrFindings, codes)
	f.set(AttrFindingSeverities, severities)
	f.set(AttrFindingHosts, hosts)
	f.set(AttrFindingDetails, details)
}

func (f *factsOf) text(key, value string) {
	if value != "" {
		f.set(key, value)
	}
}

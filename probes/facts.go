package probes

import (
	"maps"
	"time"
)

// Facts returns all that is told of s, a step of the run, by the keys of
// attr.go: what was noted, and what follows from the finished run. Spans and
// documents are made of it. It is pure, and the map is the caller's.
func (r *Run) Facts(s *Step) map[string]any {
	facts := factsOf(maps.Clone(s.Attrs))
	if facts == nil {
		facts = factsOf{}
	}
	facts[AttrStep] = s.Name
	findings := s.Findings
	switch {
	case s == r.Root:
		facts.run(r)
		findings = r.Findings
	case s.Name == "hop" || s.Name == "asset": // rows of dashboards, each readable by itself
		facts[AttrTarget] = r.Target.Name
		facts[AttrKind] = r.Target.Kind
	}
	facts.findings(findings)
	if code, detail := r.Why(s); code != "" {
		facts[AttrErrorType] = string(code)
		facts.text(AttrDetail, detail)
	}
	return facts
}

// Why returns why s, a step of the run, failed; "" where it didn't. Of the
// root it is the run's verdict.
func (r *Run) Why(s *Step) (code Code, detail string) {
	switch {
	case s == r.Root:
		return r.Code, r.Detail
	case s.Fail == nil:
		return "", ""
	}
	return s.Fail.Code, s.Fail.Detail
}

type factsOf map[string]any

// run adds what the root alone tells.
func (f factsOf) run(r *Run) {
	t := r.Target
	f[AttrScheduled] = r.Scheduled.UTC().Format(time.RFC3339Nano)
	f.text(AttrTarget, t.Name) // a heartbeat has none
	f.text(AttrKind, t.Kind)
	f.text(AttrService, t.Service)
	f.text(AttrOutcome, string(r.Outcome))
	f.text(AttrCulprit, r.Culprit)
	f.text(AttrCause, r.Cause)
	f.text(AttrConfirms, r.Confirms)
	if n := hops(r.Root); n > 0 {
		f[AttrHopCount] = n
	}
	if t.Interval > 0 {
		f[AttrInterval] = t.Interval.Seconds()
	}
	for name, value := range t.Labels {
		f[AttrLabel+name] = value
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
func (f factsOf) findings(all []Finding) {
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
	f[AttrFindings], f[AttrFindingSeverities] = codes, severities
	f[AttrFindingHosts], f[AttrFindingDetails] = hosts, details
}

func (f factsOf) text(key, value string) {
	if value != "" {
		f[key] = value
	}
}

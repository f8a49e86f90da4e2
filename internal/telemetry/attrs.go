package telemetry

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"go.opentelemetry.io/otel/attribute"

	"github.com/sonde-media/sonde/probes"
)

// What one attribute may take. Strangers write feeds and headers, and a span
// must stay small enough to send.
const (
	maxText = 4 << 10 // bytes of one string
	maxList = 128     // entries of one list
)

// stepAttributes returns the attributes of the span of s, by key.
func stepAttributes(run *probes.Run, s *probes.Step) []attribute.KeyValue {
	facts := maps.Clone(s.Attrs)
	if facts == nil {
		facts = map[string]any{}
	}
	facts[probes.AttrStep] = s.Name
	findings := s.Findings
	switch {
	case s == run.Root:
		runFacts(run, facts)
		findings = run.Findings
	case s.Name == "hop" || s.Name == "asset": // rows of dashboards, each readable by itself
		facts[probes.AttrTarget] = run.Target.Name
		facts[probes.AttrKind] = run.Target.Kind
	}
	findingFacts(findings, facts)
	if code, detail := failure(run, s); code != "" {
		facts[probes.AttrErrorType] = string(code)
		setText(facts, probes.AttrDetail, detail)
	}
	return attributes(facts)
}

// runFacts adds what the root alone says.
func runFacts(run *probes.Run, facts map[string]any) {
	t := run.Target
	facts[probes.AttrScheduled] = run.Scheduled.UTC().Format(time.RFC3339Nano)
	setText(facts, probes.AttrTarget, t.Name) // a heartbeat has none
	setText(facts, probes.AttrKind, t.Kind)
	setText(facts, probes.AttrService, t.Service)
	setText(facts, probes.AttrOutcome, string(run.Outcome))
	setText(facts, probes.AttrCulprit, run.Culprit)
	setText(facts, probes.AttrCause, run.Cause)
	setText(facts, probes.AttrConfirms, run.Confirms)
	if t.Interval > 0 {
		facts[probes.AttrInterval] = t.Interval.Seconds()
	}
	for name, value := range t.Labels {
		facts[probes.AttrLabel+name] = value
	}
}

// findingFacts adds findings as four lists of one length.
func findingFacts(findings []probes.Finding, facts map[string]any) {
	if len(findings) == 0 {
		return
	}
	var found, severities, hosts, details []string
	for _, f := range findings {
		found = append(found, string(f.Code))
		severities = append(severities, string(f.Severity))
		hosts = append(hosts, f.Host)
		details = append(details, f.Detail)
	}
	facts[probes.AttrFindings] = found
	facts[probes.AttrFindingSeverities] = severities
	facts[probes.AttrFindingHosts] = hosts
	facts[probes.AttrFindingDetails] = details
}

func setText(facts map[string]any, key, value string) {
	if value != "" {
		facts[key] = value
	}
}

// attributes returns facts sorted by key, bounded and in valid UTF-8: one
// stray byte would make the whole request unreadable to its receiver.
func attributes(facts map[string]any) []attribute.KeyValue {
	attrs := make([]attribute.KeyValue, 0, len(facts))
	for _, key := range slices.Sorted(maps.Keys(facts)) {
		attrs = append(attrs, attribute.KeyValue{Key: attribute.Key(bounded(key)), Value: value(facts[key])})
	}
	return attrs
}

func value(v any) attribute.Value {
	switch v := v.(type) {
	case string:
		return attribute.StringValue(bounded(v))
	case bool:
		return attribute.BoolValue(v)
	case int:
		return attribute.IntValue(v)
	case int64:
		return attribute.Int64Value(v)
	case float64:
		return attribute.Float64Value(v)
	case []string:
		list := make([]string, 0, min(len(v), maxList))
		for _, text := range v[:min(len(v), maxList)] {
			list = append(list, bounded(text))
		}
		return attribute.StringSliceValue(list)
	default:
		return attribute.StringValue(bounded(fmt.Sprint(v)))
	}
}

// bounded returns text as valid UTF-8 of at most maxText bytes.
func bounded(text string) string {
	if len(text) > maxText {
		const mark = "…"
		end := maxText - len(mark)
		for end > maxText-len(mark)-utf8.UTFMax && !utf8.RuneStart(text[end]) {
			end--
		}
		text = text[:end] + mark
	}
	text = strings.ToValidUTF8(text, "\uFFFD")
	if len(text) > maxText { // replacing a byte makes it longer
		return bounded(text)
	}
	return text
}

package telemetry

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/sonde-media/sonde/probes"
)

// record walks the finished tree once.
func (m *metrics) record(run *probes.Run) {
	m.runs.add(run)
	t := run.Target
	w := walk{metrics: m, run: run, kind: probes.Bounded(t.Kind), service: probes.Bounded(t.Service), certificates: true}
	m.runSeries.of(runKey{w.kind, w.service, run.Outcome}, m.ofRun).record(&w, m.runDuration, run.Root.Took.Seconds())
	m.own.record(&w, m.lateness, max(0, run.Root.Start.Sub(run.Scheduled)).Seconds())
	for _, s := range run.Root.Steps {
		w.step(s, "")
	}
}

// A walk records the steps of one run.
type walk struct {
	*metrics
	run           *probes.Run
	kind, service string
	certificates  bool // whether hosts here are worth a series
	at            int  // the step, in tree order
}

// step records s and what is below it. host is the server's of the nearest
// step above that has one.
func (w *walk) step(s *probes.Step, host string) {
	w.at++
	host = cmp.Or(s.Text(probes.AttrServerAddress), host)
	var code probes.Code
	if s.Fail != nil {
		code = s.Fail.Code
	}
	w.stepSeries.of(stepKey{s.Name, w.kind, code}, w.ofStep).record(w, w.stepDuration, s.Took.Seconds())
	if ms, ok := number(s.Attrs[probes.AttrMediaStartup]); ok {
		w.services.of(w.service, w.ofService).record(w, w.startup, ms/1000)
	}
	if s.Name == "asset" { // a page's assets come from too many hosts
		w.certificates = false
	}
	if until := s.Text(probes.AttrCertNotAfter); w.certificates && host != "" && until != "" {
		if end, err := time.Parse(time.RFC3339, until); err == nil {
			w.certs.note(probes.Bounded(host), end, s.Start)
		}
	}
	for _, c := range s.Steps {
		w.step(c, host)
	}
}

// span is a context by which the step that w is at becomes the example of what
// is recorded.
func (w *walk) span() context.Context {
	return trace.ContextWithSpanContext(background, trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: trace.TraceID(w.run.ID), SpanID: trace.SpanID(w.run.ID.Span(w.at)), TraceFlags: trace.FlagsSampled,
	}))
}

// A runKey is what series of runs' durations differ by.
type runKey struct {
	kind, service string
	outcome       probes.Outcome
}

func (m *metrics) ofRun(key runKey) attribute.Set {
	return set(attribute.String("kind", key.kind), attribute.String("service", key.service), m.region, attribute.String("outcome", string(key.outcome)))
}

// A stepKey is what series of steps differ by; our code and the configuration
// bound how many there are.
type stepKey struct {
	step, kind string
	code       probes.Code
}

func (m *metrics) ofStep(key stepKey) attribute.Set {
	return set(attribute.String("step", probes.Bounded(key.step)), attribute.String("kind", key.kind), m.region, errorType(key.code))
}

func (m *metrics) ofService(service string) attribute.Set {
	return set(attribute.String("service", service), m.region)
}

func errorType(code probes.Code) attribute.KeyValue {
	return attribute.String(probes.AttrErrorType, string(code))
}

// set leaves out what is empty, such as error.type where nothing failed.
func set(attrs ...attribute.KeyValue) attribute.Set {
	return attribute.NewSet(slices.DeleteFunc(attrs, func(a attribute.KeyValue) bool { return a.Value.AsString() == "" })...)
}

func with(attrs ...attribute.KeyValue) metric.MeasurementOption {
	return metric.WithAttributeSet(set(attrs...))
}

func number(v any) (float64, bool) {
	switch v := v.(type) {
	case int:
		return float64(v), true
	case int64:
		return float64(v), true
	case float64:
		return v, true
	}
	return 0, false
}

// What is told of certificates is bounded: the hosts come from feeds and
// redirects, which strangers write.
const (
	maxCertificates   = 2_000
	certificateMemory = 25 * time.Hour // a host not met for so long is forgotten
)

// certificates remember what each host presented last.
type certificates struct {
	mu    sync.Mutex // guards hosts
	hosts map[string]certificate
}

type certificate struct {
	notAfter, seen time.Time
}

func (c *certificates) note(host string, notAfter, seen time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.hosts == nil {
		c.hosts = map[string]certificate{}
	}
	if _, known := c.hosts[host]; known || len(c.hosts) < maxCertificates {
		c.hosts[host] = certificate{notAfter, seen}
	}
}

// lifetimes returns what is left at now, by host.
func (c *certificates) lifetimes(now time.Time) map[string]time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	maps.DeleteFunc(c.hosts, func(_ string, h certificate) bool { return now.Sub(h.seen) > certificateMemory })
	left := make(map[string]time.Duration, len(c.hosts))
	for host, h := range c.hosts {
		left[host] = h.notAfter.Sub(now)
	}
	return left
}

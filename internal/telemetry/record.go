package telemetry

import (
	"cmp"
	"maps"
	"slices"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/sonde-media/sonde/probes"
)

// record walks the finished tree once.
func (m *metrics) record(run *probes.Run) {
	t := run.Target
	w := walk{
		metrics: m, kind: attribute.String("kind", probes.Bounded(t.Kind)), service: attribute.String("service", probes.Bounded(t.Service)),
		certificates: true,
	}
	outcome := attribute.String("outcome", string(run.Outcome))
	m.runs.Add(background, 1, with(
		attribute.String("target", probes.Bounded(t.Name)), w.kind, w.service, m.region, outcome, errorType(run.Code)))
	m.runDuration.Record(background, run.Root.Took.Seconds(), with(w.kind, w.service, m.region, outcome))
	late := max(0, run.Root.Start.Sub(run.Scheduled))
	m.lateness.Record(background, late.Seconds(), with(m.region))
	for _, s := range run.Root.Steps {
		w.step(s, "")
	}
}

// A walk records the steps of one run.
type walk struct {
	*metrics
	kind, service attribute.KeyValue
	certificates  bool // whether hosts here are worth a series
}

// step records s and what is below it. host is the server's of the nearest
// step above that has one.
func (w walk) step(s *probes.Step, host string) {
	host = cmp.Or(s.Text(probes.AttrServerAddress), host)
	var code probes.Code
	if s.Fail != nil {
		code = s.Fail.Code
	}
	w.stepDuration.Record(background, s.Took.Seconds(), w.of(stepKey{s.Name, w.kind.Value.AsString(), code}))
	if ms, ok := number(s.Attrs[probes.AttrMediaStartup]); ok {
		w.startup.Record(background, ms/1000, with(w.service, w.region))
	}
	if s.Name == "asset" { // a page's assets come from too many hosts
		w.certificates = false
	}
	if end, err := time.Parse(time.RFC3339, s.Text(probes.AttrCertNotAfter)); w.certificates && host != "" && err == nil {
		w.certs.note(probes.Bounded(host), end, s.Start)
	}
	for _, c := range s.Steps {
		w.step(c, host)
	}
}

// A stepKey is what series of steps differ by; our code and the configuration
// bound how many there are.
type stepKey struct {
	step, kind string
	code       probes.Code
}

func (m *metrics) of(key stepKey) metric.MeasurementOption {
	if option, ok := m.steps.Load(key); ok {
		return option.(metric.MeasurementOption)
	}
	option := with(attribute.String("step", probes.Bounded(key.step)), attribute.String("kind", key.kind), m.region, errorType(key.code))
	m.steps.Store(key, option)
	return option
}

func errorType(code probes.Code) attribute.KeyValue {
	return attribute.String(probes.AttrErrorType, string(code))
}

// with leaves out what is empty, such as error.type where nothing failed.
func with(attrs ...attribute.KeyValue) metric.MeasurementOption {
	attrs = slices.DeleteFunc(attrs, func(a attribute.KeyValue) bool { return a.Value.AsString() == "" })
	return metric.WithAttributeSet(attribute.NewSet(attrs...))
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

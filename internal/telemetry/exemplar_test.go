package telemetry

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/sonde-media/sonde/probes"
)

// openMetrics is what a Prometheus that asks for exemplars is told.
func openMetrics(t testing.TB, g prometheus.Gatherer) []string {
	t.Helper()
	w := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodGet, "/metrics", nil)
	r.Header.Set("Accept", "application/openmetrics-text; version=1.0.0")
	promhttp.HandlerFor(g, promhttp.HandlerOpts{EnableOpenMetrics: true}).ServeHTTP(w, r)
	return strings.Split(w.Body.String(), "\n")
}

// exemplar is that of the first line that holds all of parts.
func exemplar(lines []string, parts ...string) string {
line:
	for _, line := range lines {
		for _, p := range parts {
			if !strings.Contains(line, p) {
				continue line
			}
		}
		if _, found, ok := strings.Cut(line, " # "); ok {
			return found
		}
	}
	return ""
}

func TestExemplarsLeadToSpans(t *testing.T) {
	registry := prometheus.NewRegistry()
	e := open(t, Options{Registry: registry, Resource: Resource{Region: "eu-west"}})
	ok, failed := listen(t), failedRun()
	e.Send(ok)
	e.Send(failed)
	lines := openMetrics(t, registry)
	at := 0
	for s := range ok.Root.All() {
		if s.Name == "decode" {
			break
		}
		at++
	}
	for _, c := range []struct {
		name, want string
		parts      []string
	}{
		{"a run's duration leads to its root", ok.ID.Span(0).String(), []string{"sonde_run_duration_seconds_bucket", `kind="feed"`}},
		{"so does its lateness", ok.ID.Span(0).String(), []string{"sonde_agent_lateness_seconds_bucket"}},
		{"a step's to its span", ok.ID.Span(at).String(), []string{"sonde_step_duration_seconds_bucket", `step="decode"`}},
		{"startup to the span that noted it", ok.ID.Span(at).String(), []string{"sonde_media_startup_seconds_bucket"}},
		{"a failure to the run", failed.ID.Span(0).String(), []string{"sonde_runs_total", `outcome="failed"`}},
		{"a failed step", failed.ID.Span(4).String(), []string{"sonde_step_duration_seconds_bucket", `error_type="tls_expired"`, `step="tls"`}},
	} {
		trace := ok.ID
		if strings.Contains(c.name, "fail") {
			trace = failed.ID
		}
		if got := exemplar(lines, c.parts...); !strings.Contains(got, `trace_id="`+trace.String()) || !strings.Contains(got, `span_id="`+c.want) {
			t.Errorf("%s: got %q, want span %s of %s", c.name, got, c.want, trace)
		}
	}
	if got := exemplar(lines, "sonde_runs_total", `outcome="ok"`); got != "" {
		t.Errorf("what went well leads to %s", got)
	}
}

// A bucket gets a further example when the one before is old: runs may come by
// the thousand.
func TestExemplarsAreSpaced(t *testing.T) {
	registry := prometheus.NewRegistry()
	e := open(t, Options{Registry: registry})
	send := func(id byte, after, took time.Duration) string {
		root := step("probe page", after, took, nil)
		e.Send(finished(probes.Target{Name: "shop.example", Kind: "page"}, id, root))
		bucket := map[bool]string{true: `le="0.025"`, false: `le="10.0"`}[took < time.Second]
		got := exemplar(openMetrics(t, registry), "sonde_run_duration_seconds_bucket", bucket)
		_, got, _ = strings.Cut(got, `trace_id="`)
		return strings.TrimLeft(got, "0")[:1]
	}
	for _, c := range []struct {
		id          byte
		after, took time.Duration
		want        string
	}{
		{1, 0, 20 * time.Millisecond, "1"},
		{2, exampleEvery / 2, 20 * time.Millisecond, "1"},
		{3, exampleEvery / 2, 8 * time.Second, "3"}, // of another bucket
		{4, exampleEvery, 20 * time.Millisecond, "4"},
		{5, -time.Hour, 20 * time.Millisecond, "5"}, // the clock was set back
	} {
		if got := send(c.id, c.after, c.took); got != c.want {
			t.Errorf("run %d: the example is %s, want %s", c.id, got, c.want)
		}
	}
}

// A further target takes less than half a kilobyte of an agent that is asked
// for its metrics.
func TestSeriesOfTargetsAreSmall(t *testing.T) {
	registry := prometheus.NewRegistry()
	e := open(t, Options{Registry: registry, Resource: Resource{Region: "eu-west"}})
	run := okRun()
	const targets = 10_000
	send := func(from int) {
		for i := range targets {
			run.Target.Name = fmt.Sprintf("feeds.example.org/shows/%d.xml", from+i)
			e.Send(run)
		}
		promhttp.HandlerFor(registry, promhttp.HandlerOpts{}).ServeHTTP(&discard{}, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	}
	heap := func() uint64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	send(0)
	before := heap()
	send(targets)
	if bytes := (float64(heap()) - float64(before)) / targets; bytes > 512 {
		t.Errorf("%.0f bytes a target", bytes)
	} else {
		t.Logf("%.0f bytes a target", bytes)
	}
	if len(e.metrics.runs.series) != 2*targets {
		t.Errorf("%d series", len(e.metrics.runs.series))
	}
}

type discard struct{ header http.Header }

func (d *discard) Header() http.Header {
	if d.header == nil {
		d.header = http.Header{}
	}
	return d.header
}
func (d *discard) Write(p []byte) (int, error) { return io.Discard.Write(p) }
func (d *discard) WriteHeader(int)             {}

func TestRunsBeyondAllSeriesAreCounted(t *testing.T) {
	registry := prometheus.NewRegistry()
	e := open(t, Options{Registry: registry})
	e.metrics.runs.most = 1
	e.Send(okRun())
	e.Send(failedRun())
	e.Send(okRun())
	e.Send(failedRun())
	got := scrape(t, registry)
	if !strings.Contains(got, `sonde_runs_total{otel_metric_overflow="true"} 2`) || strings.Count(got, "sonde_runs_total") != 2 {
		t.Errorf("got %s", got)
	}
}

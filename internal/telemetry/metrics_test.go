package telemetry

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/sonde-media/sonde/probes"
)

// scrape returns the samples of Sonde's that /metrics shows, without buckets
// and certificates, sorted.
func scrape(t *testing.T, g prometheus.Gatherer) string {
	t.Helper()
	w := httptest.NewRecorder()
	promhttp.HandlerFor(g, promhttp.HandlerOpts{}).ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	var lines []string
	for line := range strings.Lines(w.Body.String()) {
		if strings.HasPrefix(line, "sonde_") && !strings.Contains(line, "_bucket{") && !strings.Contains(line, "certificate_lifetime") {
			lines = append(lines, line)
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "")
}

func TestMetrics(t *testing.T) {
	registry := prometheus.NewRegistry()
	e := open(t, Options{Registry: registry, Resource: Resource{Region: "eu-west"}})
	unregister, err := e.metrics.observeAgent(func() Agent { return Agent{InFlight: 2, Missed: 3} })
	if err != nil {
		t.Fatal(err)
	}
	defer unregister()
	e.Send(okRun())
	e.Send(okRun())
	e.Send(failedRun())
	want := `sonde_agent_dropped_total{region="eu-west"} 0
sonde_agent_in_flight{region="eu-west"} 2
sonde_agent_lateness_seconds_count{region="eu-west"} 3
sonde_agent_lateness_seconds_sum{region="eu-west"} 0.06
sonde_agent_missed_runs_total{region="eu-west"} 3
sonde_agent_spool_age_seconds{region="eu-west"} 0
sonde_agent_spool_bytes{region="eu-west"} 0
sonde_media_startup_seconds_count{region="eu-west",service="Podcasts"} 2
sonde_media_startup_seconds_sum{region="eu-west",service="Podcasts"} 0.241
sonde_run_duration_seconds_count{kind="enclosure",outcome="ok",region="eu-west",service="Podcasts"} 2
sonde_run_duration_seconds_count{kind="page",outcome="failed",region="eu-west"} 1
sonde_run_duration_seconds_sum{kind="enclosure",outcome="ok",region="eu-west",service="Podcasts"} 0.8
sonde_run_duration_seconds_sum{kind="page",outcome="failed",region="eu-west"} 0.09
sonde_runs_total{error_type="tls_expired",kind="page",outcome="failed",region="eu-west",target="shop.example"} 1
sonde_runs_total{kind="enclosure",outcome="ok",region="eu-west",service="Podcasts",target="cdn.example/ep1.mp3"} 2
sonde_step_duration_seconds_count{error_type="tls_expired",kind="page",region="eu-west",step="asset"} 1
sonde_step_duration_seconds_count{error_type="tls_expired",kind="page",region="eu-west",step="hop"} 1
sonde_step_duration_seconds_count{error_type="tls_expired",kind="page",region="eu-west",step="tls"} 1
sonde_step_duration_seconds_count{kind="enclosure",region="eu-west",step="decode"} 2
sonde_step_duration_seconds_count{kind="enclosure",region="eu-west",step="dns"} 2
sonde_step_duration_seconds_count{kind="enclosure",region="eu-west",step="hop"} 2
sonde_step_duration_seconds_count{kind="enclosure",region="eu-west",step="tls"} 2
sonde_step_duration_seconds_count{kind="page",region="eu-west",step="document"} 1
sonde_step_duration_seconds_sum{error_type="tls_expired",kind="page",region="eu-west",step="asset"} 0.03
sonde_step_duration_seconds_sum{error_type="tls_expired",kind="page",region="eu-west",step="hop"} 0.03
sonde_step_duration_seconds_sum{error_type="tls_expired",kind="page",region="eu-west",step="tls"} 0.01
sonde_step_duration_seconds_sum{kind="enclosure",region="eu-west",step="decode"} 0.01
sonde_step_duration_seconds_sum{kind="enclosure",region="eu-west",step="dns"} 0.04
sonde_step_duration_seconds_sum{kind="enclosure",region="eu-west",step="hop"} 0.6
sonde_step_duration_seconds_sum{kind="enclosure",region="eu-west",step="tls"} 0.04
sonde_step_duration_seconds_sum{kind="page",region="eu-west",step="document"} 0.03
`
	if diff := cmp.Diff(want, scrape(t, registry)); diff != "" {
		t.Errorf("metrics (-want +got):\n%s", diff)
	}
}

func TestCertificateLifetimes(t *testing.T) {
	registry := prometheus.NewRegistry()
	e := open(t, Options{Registry: registry, Resource: Resource{Region: "eu-west"}})
	cert := func(host string, left time.Duration) *probes.Step {
		tls := step("tls", 0, 0, map[string]any{probes.AttrCertNotAfter: time.Now().Add(left).UTC().Format(time.RFC3339)})
		tls.Start = time.Now()
		return step("hop", 0, 0, map[string]any{probes.AttrServerAddress: host}, tls)
	}
	e.Send(finished(probes.Target{Name: "p", Kind: "page"}, 1, step("probe page", 0, 0, nil,
		step("document", 0, 0, nil, cert("shop.example", 240*time.Hour), cert("old.example", -24*time.Hour)),
		step("asset", 0, 0, nil, cert("tracker.example", time.Hour)))))
	w := httptest.NewRecorder()
	promhttp.HandlerFor(registry, promhttp.HandlerOpts{}).ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	got := regexp.MustCompile(`sonde_certificate_lifetime_seconds\{.*`).FindAllString(w.Body.String(), -1)
	left := map[string]float64{}
	for _, line := range got {
		var seconds float64
		labels, value, _ := strings.Cut(line, "} ")
		if _, err := fmt.Sscan(value, &seconds); err != nil {
			t.Fatal(err)
		}
		left[labels] = seconds / 3600
	}
	good := left[`sonde_certificate_lifetime_seconds{region="eu-west",server_address="shop.example"`]
	old := left[`sonde_certificate_lifetime_seconds{region="eu-west",server_address="old.example"`]
	if len(left) != 2 || good < 239.9 || good > 240 || old > -24 || old < -24.1 {
		t.Errorf("got %v", left)
	}
}

func TestCertificatesAreForgotten(t *testing.T) {
	var c certificates
	now := time.Now()
	c.note("gone.example", now.Add(time.Hour), now.Add(-26*time.Hour))
	c.note("here.example", now.Add(time.Hour), now)
	if got := c.lifetimes(now); len(got) != 1 || got["here.example"] != time.Hour {
		t.Errorf("got %v", got)
	}
	for i := range 2 * maxCertificates {
		c.note(fmt.Sprint(i, ".example"), now, now)
	}
	if len(c.hosts) != maxCertificates {
		t.Errorf("%d hosts", len(c.hosts))
	}
}

func TestMetricsGoToAnotherReceiverToo(t *testing.T) {
	got := make(chan string, 10)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		got <- r.URL.Path + " " + r.Header.Get("X-Key")
	}))
	defer server.Close()
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", server.URL+"/base/")
	t.Setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-key=a%20b")
	e, err := Open(Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	stop := start(t, e, nil)
	e.Send(okRun())
	stop()
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	close(got)
	seen := map[string]bool{}
	for path := range got {
		seen[path] = true
	}
	if !seen["/base/v1/traces a b"] || !seen["/base/v1/metrics a b"] {
		t.Errorf("got %v", seen)
	}
}

func TestEndpoints(t *testing.T) {
	for _, c := range []struct {
		name, base string
		env        map[string]string
		want, err  string
	}{
		{name: "nothing"},
		{name: "flag", base: "http://otel:4318/", want: "http://otel:4318/v1/traces"},
		{name: "common", env: map[string]string{"ENDPOINT": "http://otel:4318"}, want: "http://otel:4318/v1/traces"},
		{name: "own is taken as it is", env: map[string]string{"ENDPOINT": "http://a", "TRACES_ENDPOINT": "http://b/in"}, want: "http://b/in"},
		{name: "flag comes first", base: "http://c", env: map[string]string{"TRACES_ENDPOINT": "http://b/in"}, want: "http://c/v1/traces"},
		{name: "grpc", env: map[string]string{"ENDPOINT": "http://a", "PROTOCOL": "grpc"}, err: "http/protobuf"},
		{name: "no URL", base: "otel:4318", err: "want an http or https URL"},
		{name: "bad header", base: "http://a", env: map[string]string{"HEADERS": "secret"}, err: "want key=value"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for key, value := range c.env {
				t.Setenv("OTEL_EXPORTER_OTLP_"+key, value)
			}
			e, err := otlpEndpoint(c.base, "traces")
			if err == nil && (c.err != "" || e.url != c.want) {
				t.Errorf("got %q, want %q", e.url, c.want)
			}
			if err != nil && (c.err == "" || !strings.Contains(err.Error(), c.err) || bytes.Contains([]byte(err.Error()), []byte("secret"))) {
				t.Errorf("got %v, want %q", err, c.err)
			}
		})
	}
}

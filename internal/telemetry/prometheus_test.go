package telemetry

import (
	"net/http"
	"net/http/httptest"
	"os/exec"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Prometheus' own tool has nothing to say against our metrics.
func TestPrometheusTakesTheMetrics(t *testing.T) {
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("no promtool here; Debian has it in the package prometheus")
	}
	registry := prometheus.NewRegistry()
	fill(t, open(t, Options{Registry: registry, Resource: Resource{Region: "eu-west"}}))
	page := httptest.NewRecorder()
	promhttp.HandlerFor(registry, promhttp.HandlerOpts{}).ServeHTTP(page, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	check := exec.CommandContext(t.Context(), promtool, "check", "metrics")
	check.Stdin = page.Body
	if says, err := check.CombinedOutput(); err != nil || len(says) > 0 {
		t.Errorf("promtool: %v\n%s", err, says)
	}
}

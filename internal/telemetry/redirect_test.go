package telemetry

import (
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// A receiver of metrics leads elsewhere: a key in a header of its own must not
// go along.
func TestMetricsFollowNoRedirect(t *testing.T) {
	var led atomic.Int32
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { led.Add(1) }))
	defer elsewhere.Close()
	receiver := httptest.NewServer(http.RedirectHandler(elsewhere.URL, http.StatusTemporaryRedirect))
	defer receiver.Close()
	x, err := newMetricExporter(endpoint{url: receiver.URL, headers: http.Header{"X-Api-Key": {"k"}}}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer x.Shutdown(t.Context())
	if err := x.(*loggedExporter).Exporter.Export(t.Context(), &metricdata.ResourceMetrics{}); err == nil {
		t.Error("a redirect was taken for success")
	}
	if led.Load() > 0 {
		t.Error("the redirect was followed")
	}
}

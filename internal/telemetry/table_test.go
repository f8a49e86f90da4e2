package telemetry

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	metricspb "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	metricpb "go.opentelemetry.io/proto/otlp/metrics/v1"
	"google.golang.org/protobuf/proto"
)

// tableHead begins the table of metrics in the README.
const tableHead = "| OTLP | Prometheus | type | unit | attributes | meaning |"

// The README's table of metrics is what OTLP and Prometheus really get.
func TestTheTableOfMetricsIsTrue(t *testing.T) {
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, after, ok := strings.Cut(string(text), tableHead+"\n")
	if !ok {
		t.Fatalf("no table of metrics: no line is\n%s", tableHead)
	}
	var table []string
	for line := range strings.Lines(after) {
		if !strings.HasPrefix(line, "|") {
			break
		}
		if line = strings.TrimSpace(line); !strings.HasPrefix(line, "|---") {
			table = append(table, line)
		}
	}
	want := exported(t)
	if diff := cmp.Diff(want, table); diff != "" {
		t.Errorf("the table in README.md isn't what is exported (-exported +table):\n%s\nwhat should stand there:\n%s", diff, strings.Join(want, "\n"))
	}
}

// exported returns the rows of all metrics that an exporter has.
func exported(t *testing.T) (rows []string) {
	t.Helper()
	var got metricspb.ExportMetricsServiceRequest
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		var plain bytes.Buffer
		got.Reset()
		if inflateAll(&plain, body) != nil || proto.Unmarshal(plain.Bytes(), &got) != nil {
			t.Error("unreadable metrics")
		}
	}))
	t.Cleanup(receiver.Close)
	t.Setenv("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", receiver.URL+"/v1/metrics")
	registry := prometheus.NewRegistry()
	e := open(t, Options{Registry: registry, Resource: Resource{Region: "eu-west"}})
	fill(t, e)
	if err := e.metrics.provider.ForceFlush(t.Context()); err != nil {
		t.Fatal(err)
	}
	names := scraped(t, registry)
	for _, scope := range got.ResourceMetrics[0].ScopeMetrics {
		for _, m := range scope.Metrics {
			kind, keys := shape(m)
			rows = append(rows, fmt.Sprintf("| `%s` | `%s` | %s | %s | %s | %s |",
				m.Name, names[m.Description], kind, m.Unit, keys, strings.TrimSuffix(m.Description, ".")))
		}
	}
	slices.Sort(rows)
	return rows
}

// fill gives each metric a value, with all attributes it can have.
func fill(t *testing.T, e *Exporter) {
	t.Helper()
	unregister, err := e.metrics.observeAgent(func() Agent { return Agent{} })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(unregister)
	now := time.Now()
	e.clock.note(now, now, http.Header{timeHeader: {now.Format(time.RFC3339Nano)}})
	ok := okRun()
	for s := range ok.Root.All() {
		s.Start = now // an older certificate is forgotten
	}
	e.Send(ok)
	e.Send(failedRun())
}

// scraped returns the names that Prometheus gets, by what they mean.
func scraped(t *testing.T, registry *prometheus.Registry) map[string]string {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]string{}
	for _, f := range families {
		names[f.GetHelp()] = f.GetName()
	}
	return names
}

// shape returns the type of m, and the keys of its attributes.
func shape(m *metricpb.Metric) (kind, keys string) {
	var all [][]*commonpb.KeyValue
	switch d := m.Data.(type) {
	case *metricpb.Metric_Sum:
		kind = "counter"
		for _, p := range d.Sum.DataPoints {
			all = append(all, p.Attributes)
		}
	case *metricpb.Metric_Gauge:
		kind = "gauge"
		for _, p := range d.Gauge.DataPoints {
			all = append(all, p.Attributes)
		}
	case *metricpb.Metric_Histogram:
		kind = "histogram"
		for _, p := range d.Histogram.DataPoints {
			all = append(all, p.Attributes)
		}
	}
	var list []string
	for _, a := range slices.Concat(all...) {
		list = append(list, "`"+a.Key+"`")
	}
	slices.Sort(list)
	return kind, strings.Join(slices.Compact(list), " ")
}

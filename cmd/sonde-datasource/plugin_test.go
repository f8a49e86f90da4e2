package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/backend/grpcplugin"
	"github.com/grafana/grafana-plugin-sdk-go/data"
	"github.com/grafana/grafana-plugin-sdk-go/genproto/pluginv2"
	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"

	"github.com/sonde-media/sonde/internal/api"
	"github.com/sonde-media/sonde/internal/datasource"
	"github.com/sonde-media/sonde/internal/hub"
	"github.com/sonde-media/sonde/internal/store"
	"github.com/sonde-media/sonde/internal/telemetry"
	"github.com/sonde-media/sonde/probes"
)

const token = "s3cret"

// A process is the built executable, spoken to as Grafana does.
type process struct {
	data      grpcplugin.DataClient
	health    grpcplugin.DiagnosticsClient
	resources grpcplugin.ResourceClient
	context   *pluginv2.PluginContext
}

// start builds the executable and starts it for a data source of the hub at url.
func start(t *testing.T, url string) *process {
	t.Helper()
	file := filepath.Join(t.TempDir(), "gpx_sonde")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", file, ".").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	client := plugin.NewClient(&plugin.ClientConfig{
		Cmd:              exec.CommandContext(t.Context(), file),
		AllowedProtocols: []plugin.Protocol{plugin.ProtocolGRPC},
		Logger:           hclog.NewNullLogger(),
		SyncStderr:       io.Discard,
		HandshakeConfig: plugin.HandshakeConfig{
			ProtocolVersion: grpcplugin.ProtocolVersion, MagicCookieKey: grpcplugin.MagicCookieKey, MagicCookieValue: grpcplugin.MagicCookieValue,
		},
		VersionedPlugins: map[int]plugin.PluginSet{grpcplugin.ProtocolVersion: {
			"data": &grpcplugin.DataGRPCPlugin{}, "diagnostics": &grpcplugin.DiagnosticsGRPCPlugin{}, "resource": &grpcplugin.ResourceGRPCPlugin{},
		}},
	})
	t.Cleanup(client.Kill)
	conn, err := client.Client()
	if err != nil {
		t.Fatal(err)
	}
	p := &process{
		data:      dispensed[grpcplugin.DataClient](t, conn, "data"),
		health:    dispensed[grpcplugin.DiagnosticsClient](t, conn, "diagnostics"),
		resources: dispensed[grpcplugin.ResourceClient](t, conn, "resource"),
	}
	p.context = backend.ToProto().PluginContext(backend.PluginContext{
		PluginID: datasource.ID,
		DataSourceInstanceSettings: &backend.DataSourceInstanceSettings{
			ID: 1, UID: "sonde", Type: datasource.ID, Name: "Sonde", URL: url, JSONData: []byte("{}"),
			DecryptedSecureJSONData: map[string]string{"token": token},
		},
	})
	return p
}

func dispensed[C any](t *testing.T, conn plugin.ClientProtocol, name string) C {
	t.Helper()
	c, err := conn.Dispense(name)
	if err != nil {
		t.Fatal(err)
	}
	return c.(C)
}

// query puts questions to the process, in the order of their names A, B and so on.
func (p *process) query(t *testing.T, questions ...string) backend.Responses {
	t.Helper()
	req := &pluginv2.QueryDataRequest{PluginContext: p.context}
	now := time.Now()
	for i, q := range questions {
		req.Queries = append(req.Queries, backend.ToProto().DataQuery(backend.DataQuery{
			RefID: string(rune('A' + i)), JSON: []byte(q), MaxDataPoints: 500, Interval: time.Second,
			TimeRange: backend.TimeRange{From: now.Add(-time.Hour), To: now},
		}))
	}
	answer, err := p.data.QueryData(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := backend.FromProto().QueryDataResponse(answer)
	if err != nil {
		t.Fatal(err)
	}
	return resp.Responses
}

// listen is a probe that fails at the CDN's certificate where it is expired.
func listen(expired bool) probes.Func {
	return func(_ context.Context, s *probes.Step, _ probes.Target) (err error) {
		hop := s.Begin("hop")
		defer hop.Done(&err)
		hop.Set(probes.AttrMethod, "GET")
		hop.Set(probes.AttrServerAddress, "cdn.example")
		if expired {
			return probes.Fail(probes.TLSExpired, errors.New("expired this morning"))
		}
		return nil
	}
}

// startHub returns the URL of a hub to which two regions have sent their runs.
func startHub(t *testing.T) (url string, failed probes.TraceID) {
	t.Helper()
	st, err := store.Open(t.TempDir(), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	server := httptest.NewServer(hub.New(st, hub.Options{Token: token}))
	t.Cleanup(server.Close)
	show := probes.Target{Name: "show", Kind: "enclosure", Service: "Podcasts", URL: "https://cdn.example/ep1.mp3", Interval: time.Minute}
	bad := probes.Do(t.Context(), listen(true), show)
	send(t, server.URL, "eu", bad)
	send(t, server.URL, "us", probes.Do(t.Context(), listen(false), show))
	return server.URL, bad.ID
}

// send sends a run as an agent of the region does.
func send(t *testing.T, url, region string, run *probes.Run) {
	t.Helper()
	e, err := telemetry.Open(telemetry.Options{
		Resource: telemetry.Resource{Version: "test", Instance: "agent-" + region, Region: region},
		Dir:      t.TempDir(), Hub: url, Token: token,
	})
	if err != nil {
		t.Fatal(err)
	}
	e.Send(run)
	// It delivers what it has when it is told to end.
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := e.Run(ctx, nil); err != nil {
		t.Fatal(err)
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
}

// The executable answers what Grafana asks, by a hub that holds real runs.
func TestPlugin(t *testing.T) {
	url, failed := startHub(t)
	p := start(t, url)
	t.Run("health", p.testHealth)
	t.Run("queries", func(t *testing.T) { p.testQueries(t, failed.String()) })
	t.Run("labels", p.testLabels)
}

func (p *process) testHealth(t *testing.T) {
	h, err := p.health.CheckHealth(t.Context(), &pluginv2.CheckHealthRequest{PluginContext: p.context})
	if err != nil || h.Status != pluginv2.CheckHealthResponse_OK || !strings.HasPrefix(h.Message, "Sonde hub reached: 2 regions, 1 target, newest run ") {
		t.Errorf("got %v, %v", h, err)
	}
}

func (p *process) testQueries(t *testing.T, failed string) {
	got := p.query(
		t, `{"question":"matrix"}`, `{"question":"series"}`, `{"question":"series","format":"state"}`, `{"question":"runs","outcomes":["failed"]}`,
		`{"question":"trace","traceId":"`+failed+`"}`, `{"question":"labels","label":"region"}`, `{"question":"weather"}`,
	)
	matrix, runs, trace := only(t, got["A"]), only(t, got["D"]), only(t, got["E"])
	for want, have := range map[string]string{
		"eu show failed tls_expired cdn.example": values(t, matrix, 0, "region", "target", "outcome", "code", "culprit"),
		"us show ok":                             values(t, matrix, 1, "region", "target", "outcome"),
		"failed " + failed:                       values(t, runs, 0, "outcome", "trace_id"),
		failed + " GET cdn.example client tls_expired: expired this morning": values(t, trace, 1, "traceID", "operationName", "kind", "statusMessage"),
		"eu": values(t, only(t, got["F"]), 0, "region"),
	} {
		if have != want {
			t.Errorf("got %q, want %q", have, want)
		}
	}
	if runs.Rows() != 1 || trace.Meta.PreferredVisualization != data.VisTypeTrace {
		t.Errorf("got %d runs, %+v", runs.Rows(), trace.Meta)
	}
	testSeries(t, got["B"], only(t, got["C"]))
	if r := got["G"]; r.Status != backend.StatusBadRequest || r.ErrorSource != backend.ErrorSourcePlugin || !strings.Contains(r.Error.Error(), "weather") {
		t.Errorf("got %+v", r)
	}
}

// testSeries finds one bucket with runs in each region, and null in others.
func testSeries(t *testing.T, r backend.DataResponse, state *data.Frame) {
	t.Helper()
	if r.Error != nil || len(r.Frames) != 2 {
		t.Fatalf("got %+v", r)
	}
	for i, want := range []float64{1, 0} {
		f := r.Frames[i].Fields[1]
		told := 0
		for row := range f.Len() {
			if v, ok := f.ConcreteAt(row); ok {
				told++
				if v != want {
					t.Errorf("%v: got %v, want %v", f.Labels, v, want)
				}
			}
		}
		if told != 1 || f.Len() < 60 {
			t.Errorf("%v: got %d buckets with runs of %d", f.Labels, told, f.Len())
		}
	}
	last := state.Rows() - 1
	if got := fmt.Sprint(state.Fields[1].Labels, state.Fields[2].Labels); got != "region=eu region=us" {
		t.Errorf("got %s", got)
	}
	for i, want := range []string{"failed", "ok"} {
		if v, _ := state.Fields[i+1].ConcreteAt(last); v != want {
			t.Errorf("got %v, want %s", v, want)
		}
	}
}

func only(t *testing.T, r backend.DataResponse) *data.Frame {
	t.Helper()
	if r.Error != nil || len(r.Frames) != 1 {
		t.Fatalf("got %+v", r)
	}
	return r.Frames[0]
}

// values joins fields of one row by spaces.
func values(t *testing.T, f *data.Frame, row int, names ...string) string {
	t.Helper()
	var all []string
	for _, name := range names {
		field, _ := f.FieldByName(name)
		if field == nil || row >= field.Len() {
			t.Fatalf("no %s in row %d of %s", name, row, f.Name)
		}
		all = append(all, fmt.Sprint(field.At(row)))
	}
	return strings.Join(all, " ")
}

func (p *process) testLabels(t *testing.T) {
	stream, err := p.resources.CallResource(t.Context(), &pluginv2.CallResourceRequest{
		PluginContext: p.context, Method: "GET", Path: "labels", Url: "labels?label=culprit&from=-1h",
	})
	if err != nil {
		t.Fatal(err)
	}
	resp, err := stream.Recv()
	if err != nil {
		t.Fatal(err)
	}
	var v api.LabelValues
	if err := json.Unmarshal(resp.Body, &v); err != nil || resp.Code != 200 || len(v.Values) != 1 || v.Values[0] != "cdn.example" {
		t.Errorf("got %d %s", resp.Code, resp.Body)
	}
}

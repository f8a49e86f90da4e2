package datasource

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"

	"github.com/sonde-media/sonde/internal/api"
	"github.com/sonde-media/sonde/probes"
)

// noon is the end of all ranges here.
var noon = time.Date(2026, 6, 8, 12, 0, 0, 0, time.UTC)

// A hub answers what a test made by hand, by path.
type hub struct {
	*httptest.Server
	answers map[string]any
	asked   chan *url.URL
}

func newHub(t *testing.T, answers map[string]any) *hub {
	h := &hub{answers: answers, asked: make(chan *url.URL, 100)}
	h.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.asked <- r.URL
		answer := h.answers[strings.TrimPrefix(r.URL.Path, "/api/v1/")]
		if f, ok := answer.(func(url.Values) any); ok {
			answer = f(r.URL.Query())
		}
		json.NewEncoder(w).Encode(answer)
	}))
	t.Cleanup(h.Close)
	return h
}

// source returns a data source of the hub at url. Its jsonData begins with json.
func source(t *testing.T, url, json, token string) *Source {
	t.Helper()
	instance, err := New(t.Context(), backend.DataSourceInstanceSettings{
		UID: "sonde-uid", Type: ID, Name: "Sonde", URL: url,
		JSONData:                []byte("{" + json + `"publicUrl":"https://hub.example/"}`),
		DecryptedSecureJSONData: map[string]string{"token": token},
	})
	if err != nil {
		t.Fatal(err)
	}
	d := instance.(*Source)
	t.Cleanup(d.Dispose)
	return d
}

func query(json string, since time.Duration) backend.DataQuery {
	return backend.DataQuery{
		RefID: "A", JSON: []byte(json), MaxDataPoints: 1000, Interval: time.Second,
		TimeRange: backend.TimeRange{From: noon.Add(-since), To: noon},
	}
}

// ask puts queries, named A, B and so on.
func ask(t *testing.T, d *Source, queries ...backend.DataQuery) backend.Responses {
	t.Helper()
	for i := range queries {
		queries[i].RefID = string(rune('A' + i))
	}
	resp, err := d.QueryData(t.Context(), &backend.QueryDataRequest{Queries: queries})
	if err != nil {
		t.Fatal(err)
	}
	return resp.Responses
}

// lastAnswer keeps what a resource answered.
type lastAnswer struct{ *backend.CallResourceResponse }

func (l *lastAnswer) Send(r *backend.CallResourceResponse) error {
	l.CallResourceResponse = r
	return nil
}

func resource(ctx context.Context, t *testing.T, d *Source, path string) (int, string) {
	t.Helper()
	u, err := url.Parse(path)
	if err != nil {
		t.Fatal(err)
	}
	var l lastAnswer
	if err := d.CallResource(ctx, &backend.CallResourceRequest{Method: "GET", Path: u.Path, URL: path}, &l); err != nil {
		t.Fatal(err)
	}
	return l.Status, string(l.Body)
}

func run(region, target string, n int, o probes.Outcome) api.Run {
	r := api.Run{
		TraceID: fmt.Sprintf("%032x", n), Region: region, Agent: "agent-" + region, Target: target, Kind: "feed", Service: "Podcasts",
		Scheduled: noon.Add(-30 * time.Second), Started: noon.Add(-30 * time.Second), Received: noon, Interval: time.Minute,
		Duration: 412500 * time.Microsecond, Outcome: o, Findings: []probes.Finding{},
	}
	if o == probes.Failed {
		r.Code, r.Culprit, r.Cause, r.Detail = probes.TLSExpired, "cdn.example", "9F86D081", "expired on 2026-06-08"
	}
	return r
}

// outage is two regions of three: eu fails, us is well, ap has fallen silent.
func outage() api.Matrix {
	since, failing := noon.Add(-18*time.Minute), run("eu", "show", 1, probes.Failed)
	silent := run("ap", "show", 3, probes.OK)
	silent.Started = noon.Add(-10 * time.Hour)
	return api.Matrix{
		From: noon.Add(-time.Hour), To: noon,
		Regions: []api.Region{{Name: "ap"}, {Name: "eu", Lat: 53.3, Lon: -6.3}, {Name: "us"}},
		Targets: []api.TargetInfo{
			{Name: "show", Kind: "feed", Service: "Podcasts", URL: "https://feeds.example/show.xml"},
			{Name: "www", Kind: "page", Service: "Storefront", URL: "https://www.example/"},
		},
		Cells: []api.Cell{
			{Region: "ap", Target: "show", Counts: api.Counts{}, Newest: silent, Silent: true},
			{Region: "eu", Target: "show", Counts: api.Counts{OK: 42, Failed: 18}, Newest: failing, Failing: &failing, FailedSince: &since},
			{Region: "us", Target: "show", Counts: api.Counts{OK: 59, Degraded: 1}, Newest: run("us", "show", 2, probes.OK)},
			{Region: "us", Target: "www", Counts: api.Counts{Unknown: 5}, Newest: run("us", "www", 4, probes.Unknown)},
		},
	}
}

// tenMinutes of runs: eu fails from the fifth on and misses one, us is well.
func tenMinutes(q url.Values) any {
	s := api.Series{From: noon.Add(-10 * time.Minute), To: noon, Step: time.Minute}
	at := func(i int) time.Time { return s.From.Add(time.Duration(i) * time.Minute) }
	eu, us := api.RegionSeries{Region: "eu"}, api.RegionSeries{Region: "us"}
	for i := range 10 {
		c := api.Counts{OK: 2}
		if i >= 5 {
			c = api.Counts{OK: 1, Failed: 1}
		}
		if q.Has("code") {
			c.OK = 0
		}
		if i != 3 && c != (api.Counts{}) {
			eu.Points = append(eu.Points, api.Point{Time: at(i), Counts: c})
		}
		if !q.Has("code") {
			us.Points = append(us.Points, api.Point{Time: at(i), Counts: api.Counts{OK: 1}})
		}
	}
	s.Series = []api.RegionSeries{eu, us}
	return s
}

// trace is a failed hop, and a finding.
func trace() api.Trace {
	begin := noon.Add(-30 * time.Second)
	return api.Trace{Run: run("eu", "show", 1, probes.Failed), Spans: []api.Span{
		{
			ID: "a000000000000001", Name: "probe feed", Step: "probe feed", Start: begin, Duration: 412 * time.Millisecond, Code: probes.TLSExpired,
			Attrs: map[string]any{
				"sonde.target": "show", "sonde.findings": []any{"cert_weak"}, "sonde.finding_hosts": []any{"cdn.example"},
			},
		},
		{
			ID: "a000000000000002", Parent: "a000000000000001", Name: "GET", Step: "hop", Start: begin.Add(time.Millisecond),
			Duration: 1500 * time.Microsecond, Code: probes.TLSExpired,
			Attrs: map[string]any{"server.address": "cdn.example", "sonde.detail": "expired on 2026-06-08", "sonde.hop.index": 0},
		},
	}}
}

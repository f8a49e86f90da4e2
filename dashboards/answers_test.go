package dashboards_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/sonde-media/sonde/internal/api"
	"github.com/sonde-media/sonde/internal/config"
	"github.com/sonde-media/sonde/internal/datasource"
	"github.com/sonde-media/sonde/internal/drill"
	"github.com/sonde-media/sonde/internal/hub"
	"github.com/sonde-media/sonde/internal/store"
	"github.com/sonde-media/sonde/internal/telemetry"
	"github.com/sonde-media/sonde/internal/wire"
	"github.com/sonde-media/sonde/probes"
)

// worldRegions are probed from; in the first a certificate has expired.
var worldRegions = []string{"us-east", "eu-west"}

// TestPanelsAreAnswered puts each query of the dashboard, with its variables
// filled in, to the data source on a hub that has seen an outage.
func TestPanelsAreAnswered(t *testing.T) {
	hub := hubOfWorld(t)
	source := sourceOf(t, hub.URL)
	run := failedRun(t, hub.URL)
	d, _ := overview(t)
	for _, p := range d.Panels {
		for _, text := range p.Targets {
			frames := ask(t, source, text, run)
			if wrong := p.Type == "stat" && (p.Title == "Degraded now" || p.Title == "Silent or unknown"); rows(frames) == 0 != wrong {
				t.Errorf("%s: got %d rows", p.Title, rows(frames))
			}
			p.columns(t, frames)
		}
	}
	for _, v := range d.Templating.List {
		if v.Type == "query" && rows(ask(t, source, v.Query, run)) == 0 {
			t.Errorf("variable %s has no value", v.Name)
		}
	}
}

// What the dashboard knows by name must be there: Grafana says nothing of what
// isn't.
func (p panel) columns(t *testing.T, frames data.Frames) {
	t.Helper()
	var names []string
	for _, f := range frames {
		for _, field := range f.Fields {
			names = append(names, field.Name)
		}
	}
	var wanted []string
	for _, tr := range p.Transformations {
		wanted = append(wanted, tr.Options.Include.Names...)
	}
	for _, o := range p.FieldConfig.Overrides {
		if o.Matcher.ID == "byName" {
			wanted = append(wanted, o.Matcher.Options)
		}
	}
	if text := strings.Trim(p.Options.ReduceOptions.Fields, "/^$i"); text != "" {
		re := regexp.MustCompile("(?i)" + strings.TrimSuffix(strings.TrimPrefix(p.Options.ReduceOptions.Fields, "/"), "/i"))
		if !slices.ContainsFunc(names, re.MatchString) {
			t.Errorf("%s reduces %s; there is only %v", p.Title, re, names)
		}
	}
	for _, name := range wanted {
		if !slices.Contains(names, name) {
			t.Errorf("%s wants the column %s; there is only %v", p.Title, name, names)
		}
	}
}

// A row that is clicked leads to the run it tells of.
func TestTablesKnowTheTrace(t *testing.T) {
	d, _ := overview(t)
	for _, p := range d.Panels {
		if q := readTarget(t, p.Targets[0]); p.Type != "table" || q.Format == api.FormatGrid {
			continue
		}
		if len(p.Transformations) != 1 || !slices.Contains(p.Transformations[0].Options.Include.Names, "trace_id") {
			t.Errorf("%s: its links need the column trace_id", p.Title)
		}
	}
}

func rows(frames data.Frames) (n int) {
	for _, f := range frames {
		n += f.Rows()
	}
	return n
}

func ask(t *testing.T, source *datasource.Source, text json.RawMessage, trace string) data.Frames {
	t.Helper()
	q := filled(readTarget(t, text))
	if q.TraceID != "" {
		q.TraceID = trace
	}
	body, err := json.Marshal(q)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	resp, err := source.QueryData(t.Context(), &backend.QueryDataRequest{Queries: []backend.DataQuery{{
		RefID: "A", JSON: body, Interval: 10 * time.Second, MaxDataPoints: 240,
		TimeRange: backend.TimeRange{From: now.Add(-6 * time.Hour), To: now},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	answer := resp.Responses["A"]
	if answer.Error != nil {
		t.Errorf("%s: %v", body, answer.Error)
	}
	return answer.Frames
}

func sourceOf(t *testing.T, url string) *datasource.Source {
	t.Helper()
	s, err := datasource.New(t.Context(), backend.DataSourceInstanceSettings{UID: "sonde", Name: "Sonde", URL: url, JSONData: []byte("{}")})
	if err != nil {
		t.Fatal(err)
	}
	source := s.(*datasource.Source)
	t.Cleanup(source.Dispose)
	return source
}

func failedRun(t *testing.T, url string) (traceID string) {
	t.Helper()
	list := asked(t, url, api.Query{Outcomes: []string{string(probes.Failed)}})
	if len(list.Runs) == 0 {
		t.Fatal("want a failed run")
	}
	return list.Runs[0].TraceID
}

// hubOfWorld is a hub that has one run of each target from each region of a
// simulated world.
func hubOfWorld(t *testing.T) *httptest.Server {
	t.Helper()
	st, err := store.Open(t.TempDir(), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	h, stored := hub.New(st, hub.Options{}), make(chan struct{}, 100)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.ServeHTTP(w, r)
		if r.Method == http.MethodPost {
			stored <- struct{}{}
		}
	}))
	t.Cleanup(func() {
		s.Close()
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	})
	world := openWorld(t)
	for _, region := range worldRegions {
		var runs []*probes.Run
		for _, target := range []probes.Target{
			{Name: "Castle Nights", Kind: "feed", URL: world.URL(drill.CastleFeeds, drill.CastlePath), Service: "Podcasts"},
			{Name: "Harbour Talk", Kind: "feed", URL: world.URL(drill.HarbourFeeds, drill.HarbourPath), Service: "Podcasts"},
			{Name: "The Shop", Kind: "page", URL: world.URL(drill.Shop, "/"), Service: "Storefront"},
		} {
			target.Interval = time.Minute
			runs = append(runs, probe(t, world, region, target))
		}
		deliver(t, s.URL, region, runs, stored)
	}
	return s
}

func openWorld(t *testing.T) *drill.World {
	t.Helper()
	world, err := drill.Open(worldRegions...)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- world.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil && !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
	if err := world.ExpireCertificate(drill.CastleCDN, worldRegions[:1], time.Now().Add(-time.Hour)); err != nil {
		t.Fatal(err)
	}
	return world
}

func probe(t *testing.T, world *drill.World, region string, target probes.Target) *probes.Run {
	t.Helper()
	n, err := wire.New(wire.Options{Resolver: world.Resolver(region), Roots: world.Roots(), AllowPrivate: true})
	if err != nil {
		t.Fatal(err)
	}
	f, err := config.NewProbe(n, target)
	if err != nil {
		t.Fatal(err)
	}
	return probes.Do(t.Context(), f, target)
}

// deliver sends runs as the agent of region and returns when the hub has them;
// stored tells that it has taken something in.
func deliver(t *testing.T, url, region string, runs []*probes.Run, stored <-chan struct{}) {
	t.Helper()
	e, err := telemetry.Open(telemetry.Options{
		Resource: telemetry.Resource{Version: "v0", Instance: "agent-" + region, Region: region},
		Dir:      t.TempDir(), Hub: url, Batch: time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- e.Run(ctx, func() telemetry.Agent { return telemetry.Agent{} }) }()
	for _, run := range runs {
		e.Send(run)
	}
	for count(t, url, region) < len(runs) {
		select {
		case <-stored:
		case <-time.After(time.Minute):
			t.Fatal("the hub has not got the runs")
		}
	}
	cancel()
	if err := errors.Join(<-done, e.Close()); err != nil {
		t.Fatal(err)
	}
}

func count(t *testing.T, url, region string) int {
	t.Helper()
	return asked(t, url, api.Query{Regions: []string{region}}).Total
}

func asked(t *testing.T, url string, q api.Query) api.Runs {
	t.Helper()
	c, err := api.NewClient(url, "")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	runs, err := c.Runs(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	return runs
}

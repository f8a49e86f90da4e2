package dashboards_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"

	"github.com/sonde-media/sonde/internal/datasource"
	"github.com/sonde-media/sonde/internal/hub"
	"github.com/sonde-media/sonde/internal/store"
	"github.com/sonde-media/sonde/internal/telemetry"
	"github.com/sonde-media/sonde/probes"
)

const hubToken = "let-me-in"

// startHubWithRuns starts a hub with runs of the last minutes: two regions, of which
// us-east can't reach the show's CDN.
func startHubWithRuns(t *testing.T) (url string) {
	t.Helper()
	st, err := store.Open(t.TempDir(), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(hub.New(st, hub.Options{Token: hubToken}))
	t.Cleanup(func() {
		s.Close()
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	})
	for _, region := range []string{"eu-west", "us-east"} {
		sendAgentsRuns(t, s.URL, region)
	}
	return s.URL
}

// sendAgentsRuns sends what an agent of region would have sent.
func sendAgentsRuns(t *testing.T, hub, region string) {
	t.Helper()
	e, err := telemetry.Open(telemetry.Options{
		Resource: telemetry.Resource{Version: "v1", Instance: "agent-" + region, Region: region},
		Dir:      t.TempDir(), Hub: hub, Token: hubToken,
	})
	if err != nil {
		t.Fatal(err)
	}
	for minute := range 5 {
		at := time.Now().Add(-time.Duration(minute+1) * time.Minute)
		e.Send(pluginRun(probes.Target{Name: "show", Kind: "enclosure", Service: "Podcasts", Interval: time.Minute}, at, region == "us-east"))
		e.Send(pluginRun(probes.Target{Name: "shop", Kind: "page", Service: "Storefront", Interval: time.Minute}, at, false))
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel() // what is left to do is to deliver
	if err := e.Run(gone, nil); err != nil && !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
}

func pluginRun(target probes.Target, at time.Time, fails bool) *probes.Run {
	tls := &probes.Step{Name: "tls", Start: at, Took: 20 * time.Millisecond, Attrs: map[string]any{}}
	hop := &probes.Step{Name: "hop", Start: at, Took: 30 * time.Millisecond, Steps: []*probes.Step{tls}, Attrs: map[string]any{
		probes.AttrMethod: "GET", probes.AttrServerAddress: "cdn.example", probes.AttrHopIndex: 0,
	}}
	root := &probes.Step{Name: "probe " + target.Kind, Start: at, Took: 40 * time.Millisecond, Steps: []*probes.Step{hop}, Attrs: map[string]any{}}
	if fails {
		for _, s := range []*probes.Step{tls, hop, root} {
			s.Fail = probes.AsFailure(probes.Fail(probes.TLSExpired, errors.New("the certificate expired yesterday")))
		}
	}
	return &probes.Run{Target: target, ID: probes.NewTraceID(), Scheduled: at, Root: root, Verdict: probes.Judge(root)}
}

// A pluginSource is what Grafana's server asks of a data source.
type pluginSource interface {
	backend.QueryDataHandler
	backend.CheckHealthHandler
	backend.CallResourceHandler
}

// A grafana does for a page what Grafana's server does: it hands files out
// and requests on to data sources, which it knows by their UIDs.
type grafana map[string]pluginSource

// startGrafana serves three data sources: "sonde" asks the hub, "away" one
// that isn't there, and "denied" shows the hub a token that it doesn't know.
func startGrafana(t *testing.T, hub string) (url string) {
	t.Helper()
	nobody := httptest.NewServer(http.NotFoundHandler())
	nobody.Close()
	g := grafana{
		"sonde":  newPluginSource(t, "sonde", hub, hubToken),
		"away":   newPluginSource(t, "away", nobody.URL, hubToken),
		"denied": newPluginSource(t, "denied", hub, "wrong"),
	}
	s := httptest.NewServer(g.routes())
	t.Cleanup(s.Close)
	return s.URL
}

func newPluginSource(t *testing.T, uid, hub, token string) pluginSource {
	t.Helper()
	d, err := datasource.New(t.Context(), backend.DataSourceInstanceSettings{
		UID: uid, Name: uid, Type: datasource.ID, URL: hub, JSONData: []byte(`{}`),
		DecryptedSecureJSONData: map[string]string{"token": token},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.(interface{ Dispose() }).Dispose)
	return d.(pluginSource)
}

func (g grafana) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /api/ds/query", g.query)
	mux.HandleFunc("GET /api/datasources/uid/{uid}/resources/{path...}", g.resource)
	mux.HandleFunc("GET /api/datasources/uid/{uid}/health", g.health)
	mux.Handle("GET /module.js", http.FileServer(http.Dir(filepath.Join(pluginDir, "dist"))))
	mux.Handle("GET /public/build/", http.StripPrefix("/public/build/", http.FileServer(http.Dir(filepath.Join(pluginDir, "node_modules/@grafana/ui/dist/public")))))
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		http.ServeFile(w, r, filepath.Join(pluginDir, "dist-test", "host.html"))
	})
	mux.Handle("GET /", http.FileServer(http.Dir(filepath.Join(pluginDir, "dist-test"))))
	return mux
}

func (g grafana) query(w http.ResponseWriter, r *http.Request) {
	var body struct {
		From, To string // milliseconds
		Queries  []json.RawMessage
	}
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	req := &backend.QueryDataRequest{}
	uid := ""
	for _, text := range body.Queries {
		q, of, err := readAsked(text, body.From, body.To)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		req.Queries, uid = append(req.Queries, q), of
	}
	resp, err := g[uid].QueryData(r.Context(), req)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	status := http.StatusOK
	for _, one := range resp.Responses {
		if one.Error != nil {
			status = http.StatusBadRequest
		}
	}
	writeAnswer(w, status, resp)
}

// readAsked returns a query as Grafana hands it on, and of which data source.
func readAsked(text json.RawMessage, from, to string) (q backend.DataQuery, uid string, err error) {
	var known struct {
		RefID         string
		IntervalMS    int64
		MaxDataPoints int64
		Datasource    struct{ UID string }
	}
	err = json.Unmarshal(text, &known)
	begin, fromErr := strconv.ParseInt(from, 10, 64)
	end, toErr := strconv.ParseInt(to, 10, 64)
	return backend.DataQuery{
		RefID: known.RefID, JSON: text, MaxDataPoints: known.MaxDataPoints,
		Interval:  time.Duration(known.IntervalMS) * time.Millisecond,
		TimeRange: backend.TimeRange{From: time.UnixMilli(begin), To: time.UnixMilli(end)},
	}, known.Datasource.UID, errors.Join(err, fromErr, toErr)
}

func (g grafana) resource(w http.ResponseWriter, r *http.Request) {
	path := r.PathValue("path")
	req := &backend.CallResourceRequest{Path: path, Method: r.Method, URL: path + "?" + r.URL.RawQuery, Headers: r.Header}
	err := g[r.PathValue("uid")].CallResource(r.Context(), req, backend.CallResourceResponseSenderFunc(func(resp *backend.CallResourceResponse) error {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(resp.Status)
		_, err := w.Write(resp.Body)
		return err
	}))
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
	}
}

func (g grafana) health(w http.ResponseWriter, r *http.Request) {
	h, err := g[r.PathValue("uid")].CheckHealth(r.Context(), &backend.CheckHealthRequest{})
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	status := http.StatusOK
	if h.Status != backend.HealthStatusOk {
		status = http.StatusBadRequest
	}
	writeAnswer(w, status, map[string]string{"status": h.Status.String(), "message": h.Message})
}

func writeAnswer(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	w.Write(body)
}

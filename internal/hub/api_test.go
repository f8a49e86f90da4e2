package hub

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sonde-media/sonde/internal/api"
	"github.com/sonde-media/sonde/internal/store"
	"github.com/sonde-media/sonde/probes"
)

func TestRunFromPostToAnswers(t *testing.T) {
	h := startHub(t, Options{}, store.Options{})
	h.mustPost(t, protoBody(t, export(1)))
	c := h.client(t, "")
	runs, err := c.Runs(t.Context(), api.Query{})
	if err != nil {
		t.Fatal(err)
	}
	start := began.Add(time.Millisecond + 1)
	want := api.Run{
		TraceID: traceID(1).String(), Region: "eu", Agent: "agent-1", Target: "show", Kind: "feed", Service: "Podcasts",
		Started: start, Scheduled: start, Interval: 30 * time.Second, Duration: time.Second,
		Outcome: probes.Failed, Code: probes.TLSExpired, Culprit: "cdn.example",
		Findings: []probes.Finding{{Code: probes.CertWeak, Severity: probes.Notice, Host: "cdn.example", Detail: "RSA-1024"}},
	}
	if len(runs.Runs) != 1 {
		t.Fatalf("got %+v, want one run", runs)
	}
	got := runs.Runs[0]
	if got.Received.Before(began) {
		t.Errorf("received %v", got.Received)
	}
	got.Received = time.Time{}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	trace, err := c.Trace(t.Context(), strings.ToUpper(want.TraceID))
	if err != nil || len(trace.Spans) != 3 || trace.Spans[2].Attrs[probes.AttrServerAddress] != "feeds.example" {
		t.Errorf("got %+v and %v", trace, err)
	}
	m, err := c.Matrix(t.Context(), api.Query{Regions: []string{"eu"}})
	if err != nil || len(m.Cells) != 1 || m.Regions[0] != (api.Region{Name: "eu", Lat: 53.3, Lon: -6.3}) {
		t.Errorf("got %+v and %v", m, err)
	}
	s, err := c.Series(t.Context(), api.Query{Step: time.Hour})
	if err != nil || s.Series[0].Points[0].Counts.Failed != 1 {
		t.Errorf("got %+v and %v", s, err)
	}
	l, err := c.Labels(t.Context(), api.Query{})
	if err != nil || !slices.Equal(l.Codes, []string{"tls_expired"}) {
		t.Errorf("got %+v and %v", l, err)
	}
	a, err := c.Agents(t.Context(), api.Query{})
	if err != nil || len(a.Agents) != 1 || a.Agents[0].Version != "v1" {
		t.Errorf("got %+v and %v", a, err)
	}
}

func TestBadQuestions(t *testing.T) {
	h := startHub(t, Options{}, store.Options{})
	for path, want := range map[string]struct {
		status int
		says   string
	}{
		"/api/v1/runs?limit=many&from=yesterday":    {400, "from: want RFC 3339"},
		"/api/v1/matrix?colour=red":                 {400, "colour: unknown parameter"},
		"/api/v1/series?step=1ns":                   {400, "at most 2000 buckets"},
		"/api/v1/traces/xyz":                        {400, "32 hexadecimal digits"},
		"/api/v1/traces/" + strings.Repeat("0", 32): {404, "no run has the trace ID"},
		"/api/v1/incidentz":                         {404, "nothing at /api/v1/incidentz"},
	} {
		code, head, body := h.get(t, path)
		var e api.Error
		if err := json.Unmarshal([]byte(body), &e); err != nil || code != want.status || !strings.Contains(e.Error, want.says) {
			t.Errorf("%s: got %d %s, want %d %q", path, code, body, want.status, want.says)
		}
		if head.Get("Content-Type") != "application/json" {
			t.Errorf("%s: got %q", path, head.Get("Content-Type"))
		}
	}
	resp, err := h.Client().Post(h.URL+"/api/v1/runs", "application/json", nil)
	if err != nil || resp.StatusCode != 405 || resp.Header.Get("Allow") == "" {
		t.Errorf("got %+v and %v, want 405", resp, err)
	}
	resp.Body.Close()
	resp, err = h.Client().Post(h.URL+"/v1/metrics", string(protobufs), nil)
	if err != nil || resp.StatusCode != 404 {
		t.Errorf("got %+v and %v, want 404", resp, err)
	}
	resp.Body.Close()
}

func TestClientTellsWhatTheHubSaid(t *testing.T) {
	h := startHub(t, Options{Token: "secret"}, store.Options{})
	_, err := h.client(t, "wrong").Runs(t.Context(), api.Query{})
	if e, ok := errors.AsType[*api.StatusError](err); !ok || e.Status != 401 || !strings.Contains(err.Error(), "SONDE_TOKEN") {
		t.Errorf("got %v", err)
	}
	_, err = h.client(t, "secret").Trace(t.Context(), traceID(1).String())
	if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "no run has the trace ID") {
		t.Errorf("got %v", err)
	}
	_, err = h.client(t, "secret").Runs(t.Context(), api.Query{Limit: 1e6})
	if err == nil || !strings.Contains(err.Error(), "limit: must be from 1") {
		t.Errorf("got %v", err)
	}
}

func TestToken(t *testing.T) {
	h := startHub(t, Options{Token: "secret"}, store.Options{})
	for _, path := range []string{"/", "/runs", "/api/v1/matrix", "/v1/traces", "/metrics"} {
		for _, auth := range []string{"", "Bearer wrong", "Bearer ", "Basic OnNlY3JldDE="} {
			code, head, _ := h.get(t, path, "Authorization", auth)
			if code != 401 || head.Get("WWW-Authenticate") == "" {
				t.Errorf("%s as %q: got %d, want 401", path, auth, code)
			}
		}
	}
	for _, auth := range []string{"Bearer secret", "bearer secret", "Basic OnNlY3JldA=="} { // ":secret"
		if code, _, body := h.get(t, "/api/v1/matrix", "Authorization", auth); code != 200 {
			t.Errorf("as %q: got %d %s, want 200", auth, code, body)
		}
	}
	for _, path := range []string{"/healthz", "/readyz"} {
		if code, _, _ := h.get(t, path); code != 200 {
			t.Errorf("%s: got %d, want 200", path, code)
		}
	}
	if code, _, _ := h.post(t, protoBody(t, export(1)), "Authorization", "Bearer secret"); code != 200 {
		t.Errorf("got %d, want 200", code)
	}
	_, head, _ := h.get(t, "/", "Authorization", "Bearer secret")
	if !strings.Contains(head.Get("Content-Security-Policy"), "default-src 'none'") || head.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("got %v", head)
	}
}

func TestOtherOriginsCantWrite(t *testing.T) {
	h := startHub(t, Options{}, store.Options{})
	if code, _, _ := h.post(t, protoBody(t, export(1)), "Sec-Fetch-Site", "cross-site"); code != 403 {
		t.Errorf("got %d, want 403", code)
	}
}

func TestReadyTellsOfAClosedStore(t *testing.T) {
	h := startHub(t, Options{}, store.Options{})
	h.st.Close()
	if code, _, _ := h.get(t, "/readyz"); code != 503 {
		t.Errorf("got %d, want 503", code)
	}
	if code, head, _ := h.post(t, protoBody(t, export(1))); code != 503 || head.Get("Retry-After") == "" {
		t.Errorf("got %d, want 503", code)
	}
}

// A request that is under way when the hub stops gets its answer.
func TestServeDrains(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	inside := make(chan struct{})
	h := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(inside)
		<-ctx.Done()
		fmt.Fprint(w, "answered")
	})
	served := make(chan error, 1)
	go func() { served <- Serve(ctx, ln, h, nil) }()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	answer := make(chan string, 1)
	go func() {
		resp, err := client.Get("http://" + ln.Addr().String())
		if err != nil {
			answer <- err.Error()
			return
		}
		defer resp.Body.Close()
		body, _ := io.ReadAll(resp.Body)
		answer <- string(body)
	}()
	<-inside
	stop()
	if got := <-answer; got != "answered" {
		t.Errorf("got %q", got)
	}
	if err := <-served; err != nil {
		t.Error(err)
	}
}

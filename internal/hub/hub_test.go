package hub

import (
	"bytes"
	"compress/gzip"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/sonde-media/sonde/internal/api"
	"github.com/sonde-media/sonde/internal/store"
	"github.com/sonde-media/sonde/probes"
)

// A testHub is a hub on a real port, with its files.
type testHub struct {
	*httptest.Server
	st  *store.Store
	dir string
}

func startHub(t testing.TB, o Options, so store.Options) *testHub {
	t.Helper()
	h := &testHub{dir: t.TempDir()}
	var err error
	if h.st, err = store.Open(h.dir, so); err != nil {
		t.Fatal(err)
	}
	h.Server = httptest.NewServer(New(h.st, o))
	t.Cleanup(func() {
		h.Close()
		h.st.Close()
	})
	return h
}

// began is when the runs of tests began: a while ago, within one day.
var began = time.Now().Add(-time.Minute).UTC()

// export returns a request with the n-th run: root, feed and hop. With the
// same n it is the same to the byte.
func export(n int) ptraceotlp.ExportRequest {
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	ra := rs.Resource().Attributes()
	ra.PutStr("service.instance.id", "agent-1")
	ra.PutStr("service.version", "v1")
	ra.PutStr("sonde.region", "eu")
	ra.PutDouble("geo.location.lat", 53.3)
	ra.PutDouble("geo.location.lon", -6.3)
	spans := rs.ScopeSpans().AppendEmpty().Spans()
	root := addSpan(spans, n, 1, 0, "probe feed")
	root.Attributes().PutStr(probes.AttrTarget, "show")
	root.Attributes().PutStr(probes.AttrKind, "feed")
	root.Attributes().PutStr(probes.AttrService, "Podcasts")
	root.Attributes().PutStr(probes.AttrOutcome, "failed")
	root.Attributes().PutStr(probes.AttrErrorType, "tls_expired")
	root.Attributes().PutStr(probes.AttrCulprit, "cdn.example")
	root.Attributes().PutDouble(probes.AttrInterval, 30)
	for key, value := range map[string]string{
		probes.AttrFindings: "cert_weak", probes.AttrFindingSeverities: "notice",
		probes.AttrFindingHosts: "cdn.example", probes.AttrFindingDetails: "RSA-1024",
	} {
		root.Attributes().PutEmptySlice(key).AppendEmpty().SetStr(value)
	}
	addSpan(spans, n, 2, 1, "feed")
	hop := addSpan(spans, n, 3, 2, "hop")
	hop.SetName("GET")
	hop.Attributes().PutStr(probes.AttrServerAddress, "feeds.example")
	hop.Attributes().PutInt(probes.AttrStatus, 200)
	return ptraceotlp.NewExportRequestFromTraces(td)
}

func addSpan(to ptrace.SpanSlice, run, n, parent int, step string) ptrace.Span {
	sp := to.AppendEmpty()
	sp.SetTraceID(traceID(run))
	sp.SetSpanID(pcommon.SpanID{0: 1, 7: byte(n)})
	if parent > 0 {
		sp.SetParentSpanID(pcommon.SpanID{0: 1, 7: byte(parent)})
	}
	sp.SetName(step)
	start := began.Add(time.Duration(run)*time.Millisecond + time.Duration(n))
	sp.SetStartTimestamp(pcommon.NewTimestampFromTime(start))
	sp.SetEndTimestamp(pcommon.NewTimestampFromTime(start.Add(time.Second)))
	sp.Attributes().PutStr(probes.AttrStep, step)
	return sp
}

func traceID(run int) pcommon.TraceID {
	return pcommon.TraceID{0: 7, 14: byte(run >> 8), 15: byte(run)}
}

func protoBody(t testing.TB, req ptraceotlp.ExportRequest) []byte {
	t.Helper()
	body, err := req.MarshalProto()
	if err != nil {
		t.Fatal(err)
	}
	return body
}

func zip(plain []byte) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	z.Write(plain)
	z.Close()
	return b.Bytes()
}

// post sends a body and returns status, header and answer. It may be called
// off the test's goroutine.
func (h *testHub) post(t testing.TB, body []byte, header ...string) (int, http.Header, []byte) {
	req, err := http.NewRequest("POST", h.URL+"/v1/traces", bytes.NewReader(body))
	if err != nil {
		t.Error(err)
		return 0, nil, nil
	}
	req.Header.Set("Content-Type", string(protobufs))
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := h.Client().Do(req)
	if err != nil {
		t.Error(err)
		return 0, nil, nil
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Error(err)
	}
	return resp.StatusCode, resp.Header, answer
}

func (h *testHub) mustPost(t testing.TB, body []byte, header ...string) ptraceotlp.ExportResponse {
	status, head, answer := h.post(t, body, header...)
	resp := ptraceotlp.NewExportResponse()
	err := resp.UnmarshalProto(answer)
	if head.Get("Content-Type") == string(jsons) {
		err = resp.UnmarshalJSON(answer)
	}
	if status != http.StatusOK || err != nil {
		t.Errorf("got %d %q and %v, want 200", status, answer, err)
	}
	return resp
}

func (h *testHub) get(t testing.TB, path string, header ...string) (int, http.Header, string) {
	t.Helper()
	req, err := http.NewRequest("GET", h.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := h.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, resp.Header, string(body)
}

func (h *testHub) client(t testing.TB, token string) *api.Client {
	t.Helper()
	c, err := api.NewClient(h.URL, token)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

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

func TestEncodings(t *testing.T) {
	h := startHub(t, Options{}, store.Options{})
	asJSON, err := export(2).MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	h.mustPost(t, asJSON, "Content-Type", "application/json; charset=utf-8")
	h.mustPost(t, zip(asJSON), "Content-Type", "application/json", "Content-Encoding", "gzip")
	h.mustPost(t, zip(protoBody(t, export(2))), "Content-Encoding", "gzip")
	if runs, err := h.client(t, "").Runs(t.Context(), api.Query{}); err != nil || runs.Total != 1 {
		t.Errorf("got %d and %v, want the one run once", runs.Total, err)
	}
}

func TestHeartbeat(t *testing.T) {
	h := startHub(t, Options{}, store.Options{})
	req := export(3)
	spans := req.Traces().ResourceSpans().At(0).ScopeSpans().At(0).Spans()
	spans.RemoveIf(func(ptrace.Span) bool { return true })
	beat := addSpan(spans, 3, 1, 0, "agent")
	beat.Attributes().PutInt(probes.AttrAgentTargets, 12)
	h.mustPost(t, protoBody(t, req))
	a, err := h.client(t, "").Agents(t.Context(), api.Query{})
	want := []api.Agent{{Agent: "agent-1", Region: "eu", Version: "v1", Targets: 12, LastSeen: began.Add(3*time.Millisecond + 1)}}
	if d := cmp.Diff(want, a.Agents); d != "" || err != nil {
		t.Error(d, err)
	}
}

// A run in two pieces, its root last and everything twice, is the run in one.
func TestPiecesOutOfOrderAndTwice(t *testing.T) {
	h := startHub(t, Options{}, store.Options{})
	whole, late := export(4), export(4)
	keep := func(req ptraceotlp.ExportRequest, root bool) []byte {
		req.Traces().ResourceSpans().At(0).ScopeSpans().At(0).Spans().RemoveIf(func(sp ptrace.Span) bool {
			return sp.ParentSpanID().IsEmpty() != root
		})
		return protoBody(t, req)
	}
	below, root := keep(whole, false), keep(late, true)
	for _, body := range [][]byte{below, below, root, protoBody(t, export(4)), root} {
		h.mustPost(t, body)
	}
	c := h.client(t, "")
	trace, err := c.Trace(t.Context(), traceID(4).String())
	if err != nil || len(trace.Spans) != 3 || trace.Run.Target != "show" {
		t.Errorf("got %+v and %v", trace, err)
	}
	if m, err := c.Matrix(t.Context(), api.Query{}); err != nil || m.Cells[0].Counts.Total() != 1 {
		t.Errorf("got %+v and %v", m.Cells, err)
	}
}

func TestForeignAndUntimelySpansAreRejected(t *testing.T) {
	h := startHub(t, Options{}, store.Options{})
	req := export(5)
	spans := req.Traces().ResourceSpans().At(0).ScopeSpans().At(0).Spans()
	addSpan(spans, 5, 9, 1, "")
	addSpan(spans, 5, 10, 1, "hop").SetStartTimestamp(1)
	p := h.mustPost(t, protoBody(t, req)).PartialSuccess()
	if p.RejectedSpans() != 2 || !strings.Contains(p.ErrorMessage(), "1 spans have no sonde.step") ||
		!strings.Contains(p.ErrorMessage(), "check the agent's clock") {
		t.Errorf("got %d, %q", p.RejectedSpans(), p.ErrorMessage())
	}
	_, _, numbers := h.get(t, "/metrics")
	for _, want := range []string{"sonde_hub_spans_received_total 3", "sonde_hub_spans_rejected_total 2", `sonde_hub_requests_total{code="200",handler="ingest"} 1`} {
		if !strings.Contains(numbers, want) {
			t.Errorf("%q is not in %s", want, numbers)
		}
	}
}

// Strangers may send any type and number; answers stay JSON.
func TestStrangeAttributes(t *testing.T) {
	h := startHub(t, Options{}, store.Options{})
	req := export(6)
	rs := req.Traces().ResourceSpans().At(0)
	rs.Resource().Attributes().PutDouble("geo.location.lat", math.NaN())
	attrs := rs.ScopeSpans().At(0).Spans().At(0).Attributes()
	attrs.PutStr(probes.AttrInterval, "often")
	attrs.PutDouble(probes.AttrHopCount, math.Inf(1))
	attrs.PutInt(probes.AttrTarget, 5)
	attrs.PutStr(probes.AttrOutcome, "splendid")
	attrs.PutStr(probes.AttrFindings, "no list")
	h.mustPost(t, protoBody(t, req))
	c := h.client(t, "")
	trace, err := c.Trace(t.Context(), traceID(6).String())
	if err != nil || trace.Run.Outcome != probes.Unknown || trace.Spans[0].Attrs[probes.AttrHopCount] != "+Inf" {
		t.Errorf("got %+v and %v", trace, err)
	}
	if _, err := c.Matrix(t.Context(), api.Query{}); err != nil {
		t.Error(err)
	}
}

// nested returns a request whose one attribute is a list in a list …
func nested(levels int) []byte {
	var b []byte // back to front, as a length stands before what it counts
	put := func(field protowire.Number) {
		head := protowire.AppendTag(nil, field, protowire.BytesType)
		head = protowire.AppendVarint(head, uint64(len(b)))
		slices.Reverse(head)
		b = append(b, head...)
	}
	for range levels {
		put(1)
		put(5)
	}
	for _, field := range []protowire.Number{2, 9, 2, 2, 1} {
		put(field)
	}
	slices.Reverse(b)
	return b
}

func TestRefusals(t *testing.T) {
	h := startHub(t, Options{}, store.Options{})
	plain := protoBody(t, export(7))
	deepJSON := `{"resourceSpans":[{"resource":{"attributes":[{"key":"k","value":` + strings.Repeat(`{"arrayValue":{"values":[`, 1e5)
	for name, c := range map[string]struct {
		body   []byte
		header []string
		status int
		says   string
	}{
		"garbage":         {[]byte("garbage, no protobuf"), nil, 400, "no OTLP as application/x-protobuf"},
		"garbage as JSON": {[]byte(`{"resourceSpans": 7}`), []string{"Content-Type", "application/json"}, 400, "no OTLP"},
		"nested":          {nested(1e6), nil, 400, "nested deeper than 64 levels"},
		"nested JSON":     {[]byte(deepJSON), []string{"Content-Type", "application/json"}, 400, "nested deeper"},
		"no gzip":         {plain, []string{"Content-Encoding", "gzip"}, 400, "no gzip"},
		"half a gzip":     {zip(plain)[:40], []string{"Content-Encoding", "gzip"}, 400, "no gzip"},
		"gzip bomb":       {zip(make([]byte, maxInflated+1)), []string{"Content-Encoding", "gzip"}, 413, "larger than 64 MiB"},
		"large":           {make([]byte, maxBody+1), nil, 413, "larger than 16 MiB"},
		"other coding":    {plain, []string{"Content-Encoding", "br"}, 415, `not as "br"`},
		"other type":      {plain, []string{"Content-Type", "text/xml"}, 415, `text/xml`},
	} {
		t.Run(name, func(t *testing.T) {
			code, _, answer := h.post(t, c.body, c.header...)
			if code != c.status || !bytes.Contains(answer, []byte(c.says)) {
				t.Errorf("got %d %q, want %d %q", code, answer, c.status, c.says)
			}
		})
	}
	_, _, answer := h.post(t, []byte("garbage"))
	var s status.Status
	if err := proto.Unmarshal(answer, &s); err != nil || s.Code != 3 {
		t.Errorf("got %v and %v, want a google.rpc.Status", &s, err)
	}
	if runs, err := h.client(t, "").Runs(t.Context(), api.Query{}); err != nil || runs.Total != 0 {
		t.Errorf("got %d runs and %v, want none", runs.Total, err)
	}
}

func TestFullStoreAsksToComeBack(t *testing.T) {
	h := startHub(t, Options{}, store.Options{Queue: 1})
	h.mustPost(t, protoBody(t, export(1)))
	files, _ := filepath.Glob(filepath.Join(h.dir, "*.db"))
	db, err := sql.Open("sqlite", files[0])
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	if _, err := db.Exec("BEGIN IMMEDIATE"); err != nil { // no other commit gets through
		t.Fatal(err)
	}
	type reply struct {
		status int
		retry  string
	}
	replies := make(chan reply, 2)
	bodies := [][]byte{protoBody(t, export(2)), protoBody(t, export(3))}
	for _, body := range bodies {
		go func() {
			status, head, _ := h.post(t, body)
			replies <- reply{status, head.Get("Retry-After")}
		}()
	}
	if got := <-replies; got != (reply{429, "1"}) {
		t.Errorf("got %+v, want 429 with Retry-After", got)
	}
	if _, err := db.Exec("ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	if got := <-replies; got.status != 200 {
		t.Errorf("got %+v, want 200", got)
	}
}

// Each acknowledged run is in the files although nobody closed them.
func TestConcurrentPostsSurvive(t *testing.T) {
	h := startHub(t, Options{}, store.Options{})
	const posts = 64
	var bodies [][]byte
	for n := range posts {
		bodies = append(bodies, zip(protoBody(t, export(n))))
	}
	var wg sync.WaitGroup
	for _, body := range bodies {
		wg.Go(func() { h.mustPost(t, body, "Content-Encoding", "gzip") })
		wg.Go(func() { h.mustPost(t, body, "Content-Encoding", "gzip") })
	}
	wg.Wait()
	second, err := store.Open(h.dir, store.Options{}) // while the first still has them open
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	if runs, err := second.Runs(t.Context(), api.Query{}); err != nil || runs.Total != posts {
		t.Errorf("got %d and %v, want %d", runs.Total, err, posts)
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

// BenchmarkIngest posts requests of a hundred runs of three spans each.
func BenchmarkIngest(b *testing.B) {
	h := startHub(b, Options{}, store.Options{})
	spans := 0
	for b.Loop() {
		b.StopTimer()
		td := ptrace.NewTraces()
		for n := range 100 {
			req := export(n)
			for i, sp := range req.Traces().ResourceSpans().At(0).ScopeSpans().At(0).Spans().All() {
				id := sp.TraceID()
				id[1], id[2], id[3] = byte(spans>>16), byte(spans>>8), byte(spans)
				sp.SetTraceID(id)
				spans += i / 2 // once a run
			}
			req.Traces().ResourceSpans().MoveAndAppendTo(td.ResourceSpans())
		}
		body := zip(protoBody(b, ptraceotlp.NewExportRequestFromTraces(td)))
		b.StartTimer()
		h.mustPost(b, body, "Content-Encoding", "gzip")
	}
	b.ReportMetric(float64(300*b.N)/b.Elapsed().Seconds(), "spans/s")
}

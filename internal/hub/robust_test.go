package hub

import (
	"bytes"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/collector/pdata/ptrace"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/sonde-media/sonde/internal/api"
	"github.com/sonde-media/sonde/internal/store"
	"github.com/sonde-media/sonde/probes"
)

// wrapped returns b as a field of a message that is a field of a message …,
// outermost last.
func wrapped(b []byte, fields ...protowire.Number) []byte {
	for _, field := range fields {
		b = protowire.AppendBytes(protowire.AppendTag(nil, field, protowire.BytesType), b)
	}
	return b
}

// Empty messages take two bytes as sent and two hundred decoded.
func TestManyMessages(t *testing.T) {
	h := startHub(t, Options{}, store.Options{})
	empty := protowire.AppendTag(nil, 2, protowire.BytesType)
	empty = append(empty, 0)
	many := maxMessages + 1
	for name, body := range map[string][]byte{
		"spans":      wrapped(bytes.Repeat(empty, many), 2, 1),
		"attributes": wrapped(bytes.Repeat([]byte{9<<3 | 2, 0}, many), 2, 2, 1),
		"entities":   wrapped(bytes.Repeat([]byte{3<<3 | 2, 0}, many), 1, 1),
		"keys":       wrapped(bytes.Repeat([]byte{3<<3 | 2, 0}, many), 3, 1, 1),
	} {
		if code, _, answer := h.post(t, zip(body), "Content-Encoding", "gzip"); code != 413 || !bytes.Contains(answer, []byte("more than 1048576 messages")) {
			t.Errorf("%s: got %d %q", name, code, answer)
		}
	}
	text := []byte(`{"resourceSpans":[{"scopeSpans":[{"spans":[` + strings.Repeat("{},", many) + `{}]}]}]}`)
	if code, _, answer := h.post(t, zip(text), "Content-Encoding", "gzip", "Content-Type", "application/json"); code != 413 {
		t.Errorf("JSON: got %d %q", code, answer)
	}
}

func TestTextsAreBounded(t *testing.T) {
	h := startHub(t, Options{}, store.Options{})
	req := export(1)
	root := req.Traces().ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).Attributes()
	root.PutStr(probes.AttrTarget, strings.Repeat("x", 1<<20))
	root.PutStr(probes.AttrService, "Pod\xffcasts\x00")
	for _, key := range []string{probes.AttrFindings, probes.AttrFindingSeverities, probes.AttrFindingHosts, probes.AttrFindingDetails} {
		list := root.PutEmptySlice(key)
		for range 10_000 {
			list.AppendEmpty().SetStr("warning")
		}
	}
	for i := range 10_000 {
		root.PutStr(probes.AttrLabel+strconv.Itoa(i), "x")
	}
	h.mustPost(t, protoBody(t, req))
	runs, err := h.client(t, "").Runs(t.Context(), api.Query{})
	if err != nil {
		t.Fatal(err)
	}
	if r := runs.Runs[0]; len(r.Target) != probes.MaxText || len(r.Findings) != maxList || r.Service != "Pod\uFFFDcasts\x00" {
		t.Errorf("got a name of %d bytes, %d findings, service %q", len(r.Target), len(r.Findings), r.Service)
	}
}

// Requests that come slowly must not fill the memory together: past the bound
// a request is told to come back.
func TestSlowBodiesAreBounded(t *testing.T) {
	h := New(nil, Options{})
	h.held.Store(maxHeld)
	req, err := http.NewRequest("POST", "/v1/traces", bytes.NewReader(make([]byte, 100)))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := h.receive(req, protobufs, sender{}); !errors.Is(err, store.ErrFull) {
		t.Errorf("got %v, want %v", err, store.ErrFull)
	}
	if got := h.held.Load(); got != maxHeld {
		t.Errorf("%d bytes are held afterwards, want %d", got, maxHeld)
	}
}

// A stranger's texts are neither run as SQL nor as HTML.
func TestInjection(t *testing.T) {
	h := startHub(t, Options{}, store.Options{})
	const evil = `'; DROP TABLE runs; -- "><script>alert(1)</script><img src=x onerror=alert(1)>javascript:alert(1)`
	req := export(1)
	for _, rs := range req.Traces().ResourceSpans().All() {
		rs.Resource().Attributes().PutStr("service.instance.id", evil)
		rs.Resource().Attributes().PutStr("sonde.region", evil)
		for _, sp := range rs.ScopeSpans().At(0).Spans().All() {
			poison(sp, evil)
		}
	}
	h.mustPost(t, protoBody(t, req))
	q := api.Query{Targets: []string{evil}, Regions: []string{evil}, Services: []string{evil}, Culprits: []string{evil}, Codes: []string{evil}}
	runs, err := h.client(t, "").Runs(t.Context(), q)
	if err != nil || runs.Total != 1 {
		t.Fatalf("got %d runs and %v, want the one", runs.Total, err)
	}
	values := "?" + q.Values().Encode()
	for _, path := range []string{"/", "/" + values, "/agents", "/runs", "/runs" + values, "/runs/" + traceID(1).String(), "/runs/" + evil[:20], "/no/<script>"} {
		_, head, body := h.get(t, strings.ReplaceAll(strings.ReplaceAll(path, " ", "%20"), `"`, "%22"))
		if head.Get("Content-Security-Policy") == "" {
			t.Errorf("%s has no policy", path)
		}
		for _, bad := range []string{"<script>alert", "<img src=x", `-- "><`, `href="javascript`} {
			if strings.Contains(strings.ToLower(body), bad) {
				t.Errorf("%s holds %s", path, bad)
			}
		}
	}
}

// poison puts text wherever a span has one, but for what makes it a run's.
func poison(sp ptrace.Span, text string) {
	a := sp.Attributes()
	for _, key := range []string{
		probes.AttrTarget, probes.AttrKind, probes.AttrService, probes.AttrErrorType, probes.AttrCulprit, probes.AttrCause,
		probes.AttrDetail, probes.AttrConfirms, probes.AttrURL, probes.AttrServerAddress, probes.AttrLabel + text, text,
		probes.AttrCertSubject, probes.AttrFault, probes.AttrFeedTitle, probes.AttrAssetRole, probes.AttrLocation,
	} {
		a.PutStr(key, text)
	}
	for _, key := range []string{
		probes.AttrFindings, probes.AttrFindingSeverities, probes.AttrFindingHosts, probes.AttrFindingDetails,
		probes.AttrDNSAnswers, probes.AttrTLSSubject, probes.AttrTLSEnd,
	} {
		a.PutEmptySlice(key).AppendEmpty().SetStr(text)
	}
	sp.SetName(text)
	sp.Status().SetMessage(text)
}

func TestPathsLeadNowhere(t *testing.T) {
	h := startHub(t, Options{}, store.Options{})
	for _, path := range []string{"/static/../hub.go", "/static/%2e%2e/templates/layout.html", "/static/", "/static/..%2ftemplates%2flayout.html", "/../../etc/passwd"} {
		if code, _, body := h.get(t, path); code == http.StatusOK && strings.Contains(body, "define") || strings.Contains(body, "root:") {
			t.Errorf("%s: got %d %.80s", path, code, body)
		}
	}
	for _, id := range []string{"%00", "..", "%2e%2e%2f", strings.Repeat("f", 33), "é", strings.Repeat("%20", 32)} {
		if code, _, body := h.get(t, "/api/v1/traces/"+id); code != 400 && code != 404 {
			t.Errorf("trace %s: got %d %.80s", id, code, body)
		}
	}
}

// Who only opens connections, or never ends a header, keeps nobody else out.
func TestSlowloris(t *testing.T) {
	h := startHub(t, Options{}, store.Options{})
	for range 200 {
		conn, err := net.Dial("tcp", h.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		conn.Write([]byte("POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\nContent-Length: 1000\r\n\r\nx"))
	}
	begin := time.Now()
	h.mustPost(t, protoBody(t, export(1)))
	if took := time.Since(begin); took > patience {
		t.Errorf("an agent waited for %v", took)
	}
}

// FuzzIngest feeds what a stranger may post through decoding and folding.
func FuzzIngest(f *testing.F) {
	plain, err := export(1).MarshalProto()
	if err != nil {
		f.Fatal(err)
	}
	text, err := export(1).MarshalJSON()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(plain, false)
	f.Add(text, true)
	f.Add(nested(10), false)
	f.Fuzz(func(t *testing.T, body []byte, asJSON bool) {
		enc := protobufs
		if asJSON {
			enc = jsons
		}
		req, err := parse(enc, body)
		if err != nil {
			return
		}
		spans := req.Traces().SpanCount()
		batch, became, err := rows(req.Traces(), sender{received: began}, func(at time.Time) bool { return at.Year() > 2000 })
		if err != nil {
			t.Fatal(err)
		}
		if became.kept+became.total() != spans {
			t.Errorf("%d spans became %+v", spans, became)
		}
		for _, r := range batch.Runs {
			if len(r.Target) > probes.MaxText || r.Duration < 0 || r.Interval < 0 {
				t.Errorf("got %+v", r)
			}
		}
	})
}

// Who asks for much and reads nothing keeps nobody else from asking.
func TestReadersWhoDontRead(t *testing.T) {
	large := strings.Repeat("x", 1<<20)
	turn := make(turns, 1)
	s := httptest.NewServer(turn.taken(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for range 16 { // more than sockets hold
			w.Write([]byte(large))
		}
	})))
	defer s.Close()
	h := &testHub{Server: s}
	for range 3 {
		conn, err := net.Dial("tcp", h.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		conn.Write([]byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n"))
	}
	if code, _, body := h.get(t, "/"); code != http.StatusOK || len(body) != 16<<20 {
		t.Errorf("got %d, %d bytes", code, len(body))
	}
}

// A query that takes too long is told so; the store's reading ends with it.
func TestQueriesEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turn := make(turns, 1)
		w := httptest.NewRecorder()
		turn.taken(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			<-r.Context().Done()
		})).ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
		if w.Code != http.StatusServiceUnavailable || len(turn) != 0 {
			t.Errorf("got %d, %d turns taken", w.Code, len(turn))
		}
	})
}

// FuzzQuestion asks with what a stranger may write behind the question mark:
// it is answered or refused, never a fault.
func FuzzQuestion(f *testing.F) {
	for _, raw := range []string{"from=-15m&to=0", "from=9999-01-01T00:00:00Z&to=9999-01-02T00:00:00Z", "step=1ns&limit=-1", "region=%00&region='", "from=NaN", "to=1e300"} {
		f.Add(raw)
	}
	st, err := store.Open(f.TempDir(), store.Options{})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { st.Close() })
	h := New(st, Options{})
	f.Fuzz(func(t *testing.T, raw string) {
		for _, path := range []string{"/api/v1/runs", "/api/v1/series", "/api/v1/matrix", "/", "/runs"} {
			r := httptest.NewRequest("GET", path, nil)
			r.URL.RawQuery = raw
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if w.Code >= 500 {
				t.Errorf("%s?%s: %d %s", path, raw, w.Code, w.Body)
			}
		}
	})
}

package hub

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"go.uber.org/goleak"

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

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

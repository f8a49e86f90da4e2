package hub

import (
	"bytes"
	"database/sql"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/sonde-media/sonde/internal/api"
	"github.com/sonde-media/sonde/internal/store"
	"github.com/sonde-media/sonde/probes"
)

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
	copied := t.TempDir() // as a killed process leaves it
	if err := os.CopyFS(copied, os.DirFS(h.dir)); err != nil {
		t.Fatal(err)
	}
	second, err := store.Open(copied, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	if runs, err := second.Runs(t.Context(), api.Query{}); err != nil || runs.Total != posts {
		t.Errorf("got %d and %v, want %d", runs.Total, err, posts)
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

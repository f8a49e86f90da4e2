package telemetry

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/hex"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"go.uber.org/goleak"
	"google.golang.org/protobuf/proto"

	"github.com/sonde-media/sonde/probes"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(doomedDir); dir != "" {
		doomed(dir, os.Getenv(doomedHub))
		return
	}
	goleak.VerifyTestMain(m)
}

var begin = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func step(name string, at, took time.Duration, attrs map[string]any, children ...*probes.Step) *probes.Step {
	if attrs == nil {
		attrs = map[string]any{}
	}
	return &probes.Step{Name: name, Start: begin.Add(at), Took: took, Attrs: attrs, Steps: children}
}

func failing(s *probes.Step, code probes.Code, detail string) *probes.Step {
	s.Fail = probes.AsFailure(probes.Fail(code, errors.New(detail)))
	return s
}

func finished(t probes.Target, id byte, root *probes.Step) *probes.Run {
	run := &probes.Run{Target: t, ID: probes.TraceID{15: id}, Scheduled: begin.Add(-20 * time.Millisecond), Root: root}
	run.Verdict = probes.Judge(root)
	return run
}

// okRun is a listen that went well but for a certificate about to expire.
func okRun() *probes.Run {
	tls := step("tls", 30*time.Millisecond, 20*time.Millisecond, map[string]any{probes.AttrCertNotAfter: "2026-03-10T12:00:00Z"})
	tls.Findings = []probes.Finding{{Code: probes.CertExpiring, Severity: probes.Notice, Host: "cdn.example", Detail: "9 days left"}}
	hop := step("hop", 10*time.Millisecond, 300*time.Millisecond, map[string]any{
		probes.AttrMethod: "GET", probes.AttrServerAddress: "cdn.example", probes.AttrStatus: 206, probes.AttrHopIndex: 0,
	}, step("dns", 10*time.Millisecond, 20*time.Millisecond, map[string]any{probes.AttrDNSAnswers: []string{"192.0.2.1", "192.0.2.2"}}), tls)
	decode := step("decode", 310*time.Millisecond, 5*time.Millisecond, map[string]any{probes.AttrMediaStartup: 120.5, probes.AttrMediaCodec: "mp3"})
	root := step("probe enclosure", 0, 400*time.Millisecond, map[string]any{probes.AttrHopCount: 1}, hop, decode)
	run := finished(probes.Target{
		Name: "cdn.example/ep1.mp3", Kind: "enclosure", Service: "Podcasts", Interval: time.Minute, Labels: map[string]string{"team": "audio"},
	}, 1, root)
	run.Confirms = "00000000000000000000000000000009"
	return run
}

// failedRun is a page whose blocking stylesheet's host has a bad certificate.
func failedRun() *probes.Run {
	tls := failing(step("tls", 50*time.Millisecond, 10*time.Millisecond, map[string]any{
		probes.AttrFault: "AB12", probes.AttrCertNotAfter: "2026-02-01T00:00:00Z",
	}), probes.TLSExpired, "certificate expired on 2026-02-01")
	hop := failing(step("hop", 40*time.Millisecond, 30*time.Millisecond, map[string]any{
		probes.AttrMethod: "GET", probes.AttrServerAddress: "static.example",
	}, tls), probes.TLSExpired, "certificate expired on 2026-02-01")
	asset := failing(step("asset", 40*time.Millisecond, 30*time.Millisecond, map[string]any{probes.AttrAssetBlocking: true}, hop), probes.TLSExpired, "certificate expired on 2026-02-01")
	asset.Findings = []probes.Finding{{Code: probes.PageBlocking, Severity: probes.Warning, Host: "static.example", Detail: "a stylesheet"}}
	document := step("document", 0, 30*time.Millisecond, nil)
	root := failing(step("probe page", 0, 90*time.Millisecond, nil, document, asset), probes.PageBlocking, "a blocking asset failed")
	return finished(probes.Target{Name: "shop.example", Kind: "page"}, 2, root)
}

// namedRun is a small run that a test's hub can tell from others.
func namedRun(id byte) *probes.Run {
	return finished(probes.Target{Name: "shop.example", Kind: "page"}, id,
		step("probe page", 0, time.Millisecond, nil, step("document", 0, time.Millisecond, nil)))
}

// A sink is a receiver of traces that does as it is told.
type sink struct {
	*httptest.Server
	changed chan struct{}

	mu       sync.Mutex // guards what follows
	act      func(w http.ResponseWriter, r *http.Request) bool
	traces   map[string]int // spans by trace ID
	names    map[string]int // spans by name
	requests int
	clock    func(http.Header) // tells the time in an answer; nil: Date does
	all      []*tracepb.ResourceSpans
	header   http.Header // of the newest request
}

// newSink starts a sink. act may answer a request; it returns false where the
// sink is to take it.
func newSink(t *testing.T, act func(w http.ResponseWriter, r *http.Request) bool) *sink {
	s := &sink{act: act, traces: map[string]int{}, names: map[string]int{}, changed: make(chan struct{}, 1)}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

func (s *sink) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.tell(w)
	if r.Method == http.MethodGet { // for the time
		return
	}
	body, err := io.ReadAll(r.Body)
	s.mu.Lock()
	defer s.mu.Unlock()
	defer signal(s.changed)
	s.requests++
	s.header = r.Header
	if s.act != nil && s.act(w, r) {
		return
	}
	if err == nil {
		err = s.take(body)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
	}
}

// tell tells the sink's clock, where it has one.
func (s *sink) tell(w http.ResponseWriter) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.clock != nil {
		s.clock(w.Header())
	}
}

func (s *sink) take(body []byte) error {
	z, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		return err
	}
	plain, err := io.ReadAll(z)
	if err != nil {
		return err
	}
	var req v1.ExportTraceServiceRequest
	if err := proto.Unmarshal(plain, &req); err != nil {
		return err
	}
	s.all = append(s.all, req.ResourceSpans...)
	for _, rs := range req.ResourceSpans {
		for _, ss := range rs.ScopeSpans {
			for _, span := range ss.Spans {
				s.traces[hex.EncodeToString(span.TraceId)]++
				s.names[span.Name]++
			}
		}
	}
	return nil
}

func (s *sink) set(act func(w http.ResponseWriter, r *http.Request) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.act = act
}

// await waits until ok holds of the sink.
func (s *sink) await(t *testing.T, what string, ok func() bool) {
	t.Helper()
	await(t, what, s.changed, func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return ok()
	})
}

// awaitRuns waits until the sink has the runs of namedRun with these IDs, both spans of each.
func (s *sink) awaitRuns(t *testing.T, ids ...byte) {
	t.Helper()
	s.await(t, "runs to arrive", func() bool {
		for _, id := range ids {
			if s.traces[probes.TraceID{15: id}.String()] < 2 {
				return false
			}
		}
		return true
	})
}

func status(code int) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, _ *http.Request) bool {
		http.Error(w, "no", code)
		return true
	}
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

func await(t *testing.T, what string, changed <-chan struct{}, ok func() bool) {
	t.Helper()
	bound := time.After(20 * time.Second)
	for !ok() {
		select {
		case <-changed:
		case <-bound:
			t.Fatalf("gave up waiting for %s", what)
		}
	}
}

// A logbook keeps what is logged.
type logbook struct {
	changed chan struct{}
	mu      sync.Mutex // guards text
	text    strings.Builder
}

func newLogbook() *logbook { return &logbook{changed: make(chan struct{}, 1)} }

func (l *logbook) logger() *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }

func (l *logbook) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	defer signal(l.changed)
	return l.text.Write(p)
}

func (l *logbook) count(text string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.text.String(), text)
}

func (l *logbook) await(t *testing.T, text string) {
	t.Helper()
	await(t, "the log line "+text, l.changed, func() bool { return l.count(text) > 0 })
}

// open returns an exporter that is quick to flush and to try again.
func open(t *testing.T, o Options) *Exporter {
	t.Helper()
	if o.Dir == "" {
		o.Dir = t.TempDir()
	}
	o.Batch = 5 * time.Millisecond
	e, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range e.destinations {
		d.retry = retryTimes{first: time.Millisecond, most: 10 * time.Millisecond, slow: 10 * time.Millisecond}
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return e
}

// start runs e and returns what stops it and waits for its end.
func start(t *testing.T, e *Exporter, agent func() Agent) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- e.Run(ctx, agent) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	t.Cleanup(stop)
	return stop
}

package hub

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/binary"
	"io"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding/gzip"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/sonde-media/sonde/internal/api"
	"github.com/sonde-media/sonde/internal/store"
)

// A grpcHub is a hub that takes calls too.
type grpcHub struct {
	*testHub
	addr string
	conn *grpc.ClientConn
	stop func() error // ends the serving of calls, once
}

func startGRPC(t *testing.T, o Options, so store.Options) *grpcHub {
	t.Helper()
	dir := t.TempDir()
	st, err := store.Open(dir, so)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	h := New(st, o)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- h.ServeGRPC(ctx, ln) }()
	conn, err := grpc.NewClient(ln.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(h)
	g := &grpcHub{testHub: &testHub{Server: web, st: st, dir: dir}, addr: ln.Addr().String(), conn: conn}
	g.stop = sync.OnceValue(func() error {
		cancel()
		return <-served
	})
	t.Cleanup(func() {
		web.Close()
		conn.Close()
		if err := g.stop(); err != nil {
			t.Error(err)
		}
	})
	return g
}

func (g *grpcHub) export(ctx context.Context, n int, opts ...grpc.CallOption) (ptraceotlp.ExportResponse, error) {
	return ptraceotlp.NewGRPCClient(g.conn).Export(ctx, export(n), opts...)
}

func (g *grpcHub) total(t *testing.T) int {
	t.Helper()
	runs, err := g.client(t, "").Runs(t.Context(), api.Query{})
	if err != nil {
		t.Fatal(err)
	}
	return runs.Total
}

// What came by gRPC is what came over HTTP: the same run is there once.
func TestGRPC(t *testing.T) {
	g := startGRPC(t, Options{}, store.Options{})
	var head metadata.MD
	for _, opts := range [][]grpc.CallOption{{grpc.Header(&head)}, {grpc.UseCompressor(gzip.Name)}} {
		if resp, err := g.export(t.Context(), 1, opts...); err != nil || resp.PartialSuccess().RejectedSpans() != 0 {
			t.Errorf("got %v and %v", resp.PartialSuccess(), err)
		}
	}
	if got := head.Get(timeHeader); len(got) != 1 {
		t.Errorf("our clock is told by %v", got)
	}
	g.mustPost(t, protoBody(t, export(1)))
	if got := g.total(t); got != 1 {
		t.Errorf("got %d runs, want 1", got)
	}
	if _, _, numbers := g.get(t, "/metrics"); !strings.Contains(numbers, `sonde_hub_requests_total{code="OK",handler="grpc"} 2`) {
		t.Errorf("got %s", numbers)
	}
}

func TestGRPCPartialSuccess(t *testing.T) {
	g := startGRPC(t, Options{}, store.Options{})
	req := export(1)
	addSpan(req.Traces().ResourceSpans().At(0).ScopeSpans().At(0).Spans(), 1, 9, 1, "")
	resp, err := ptraceotlp.NewGRPCClient(g.conn).Export(t.Context(), req)
	if p := resp.PartialSuccess(); err != nil || p.RejectedSpans() != 1 || !strings.Contains(p.ErrorMessage(), "sonde.step") {
		t.Errorf("got %d %q and %v", p.RejectedSpans(), p.ErrorMessage(), err)
	}
}

// A sender whose clock is an hour ahead says so.
func TestGRPCClock(t *testing.T) {
	g := startGRPC(t, Options{}, store.Options{})
	ahead := time.Now().Add(time.Hour).UTC().Format(time.RFC3339Nano)
	if _, err := g.export(metadata.AppendToOutgoingContext(t.Context(), timeHeader, ahead), 1); err != nil {
		t.Fatal(err)
	}
	runs, err := g.client(t, "").Runs(t.Context(), api.Query{From: time.Now().Add(-2 * time.Hour)})
	if err != nil || len(runs.Runs) != 1 {
		t.Fatalf("got %+v and %v", runs, err)
	}
	if off := began.Sub(runs.Runs[0].Started).Round(time.Minute); off != time.Hour {
		t.Errorf("it was corrected by %v", off)
	}
}

func TestGRPCTokens(t *testing.T) {
	records, err := store.OpenRecords(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer records.Close()
	g := startGRPC(t, Options{Token: "secret", Records: records}, store.Options{})
	issue := func(role Role, region string) string {
		_, secret, err := records.CreateToken(role, region)
		if err != nil {
			t.Fatal(err)
		}
		return "Bearer " + secret
	}
	for name, c := range map[string]struct {
		shows string
		want  codes.Code
		says  string
	}{
		"nothing":         {"", codes.Unauthenticated, "missing, wrong or revoked"},
		"wrong":           {"Bearer wrong", codes.Unauthenticated, "set SONDE_TOKEN"},
		"viewer":          {issue(RoleViewer, ""), codes.PermissionDenied, "needs agent or admin"},
		"agent elsewhere": {issue(RoleAgent, "us"), codes.PermissionDenied, `bound to the region "us"`},
		"agent":           {issue(RoleAgent, "eu"), codes.OK, ""},
		"admin":           {"Bearer secret", codes.OK, ""},
	} {
		t.Run(name, func(t *testing.T) {
			ctx := t.Context()
			if c.shows != "" {
				ctx = metadata.AppendToOutgoingContext(ctx, "authorization", c.shows)
			}
			_, err := g.export(ctx, 1)
			if s := status.Convert(err); s.Code() != c.want || !strings.Contains(s.Message(), c.says) {
				t.Errorf("got %v, want %v %q", err, c.want, c.says)
			}
		})
	}
}

func TestGRPCOtherSignals(t *testing.T) {
	g := startGRPC(t, Options{}, store.Options{})
	_, metrics := pmetricotlp.NewGRPCClient(g.conn).Export(t.Context(), pmetricotlp.NewExportRequest())
	_, logs := plogotlp.NewGRPCClient(g.conn).Export(t.Context(), plogotlp.NewExportRequest())
	none := g.conn.Invoke(t.Context(), "/no.Service/Call", raw("x"), new(raw), grpc.ForceCodec(rawCodec{}))
	for _, err := range []error{metrics, logs, none} {
		if s := status.Convert(err); s.Code() != codes.Unimplemented || !strings.Contains(s.Message(), "spans only") {
			t.Errorf("got %v", err)
		}
	}
}

// Raw is a message as it is sent.
type raw []byte

type rawCodec struct{}

func (rawCodec) Name() string                  { return "proto" }
func (rawCodec) Marshal(v any) ([]byte, error) { b, _ := v.(raw); return b, nil }
func (rawCodec) Unmarshal(b []byte, v any) error {
	*v.(*raw) = bytes.Clone(b)
	return nil
}

const exportCall = grpcServices + "trace.v1.TraceService/Export"

// What is no request, or too much of one, is refused for good.
func TestGRPCRefusals(t *testing.T) {
	g := startGRPC(t, Options{}, store.Options{})
	for name, c := range map[string]struct {
		body raw
		opts []grpc.CallOption
		says string
	}{
		"garbage": {raw("garbage, no protobuf"), nil, "no OTLP"},
		"nested":  {nested(1e5), nil, "nested deeper than 64 levels"},
		"large":   {make(raw, maxBody+1), nil, "larger than 16 MiB"},
		"bomb":    {make(raw, maxInflated+1), []grpc.CallOption{grpc.UseCompressor(gzip.Name)}, "larger than 64 MiB"},
	} {
		t.Run(name, func(t *testing.T) {
			opts := append(c.opts, grpc.ForceCodec(rawCodec{}), grpc.MaxCallSendMsgSize(math.MaxInt32))
			err := g.conn.Invoke(t.Context(), exportCall, c.body, new(raw), opts...)
			s := status.Convert(err)
			if s.Code() != codes.InvalidArgument || !strings.Contains(s.Message(), c.says) || len(s.Details()) > 0 {
				t.Errorf("got %v", err)
			}
		})
	}
	if _, err := g.export(t.Context(), 1); err != nil || g.total(t) != 1 {
		t.Errorf("afterwards: %v, %d runs", err, g.total(t))
	}
}

// call sends what no client would and returns the trailers.
func (g *grpcHub) call(t *testing.T, body []byte, header ...string) http.Header {
	t.Helper()
	req, err := http.NewRequest("POST", "http://"+g.addr+exportCall, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/grpc")
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	return trailers(t, req)
}

// trailers sends a request over HTTP/2 and returns what ends its answer. It may
// be called off the test's goroutine.
func trailers(t *testing.T, req *http.Request) http.Header {
	transport := &http.Transport{Protocols: new(http.Protocols), ExpectContinueTimeout: time.Minute}
	transport.Protocols.SetUnencryptedHTTP2(true)
	defer transport.CloseIdleConnections()
	resp, err := (&http.Client{Transport: transport}).Do(req)
	if err != nil {
		t.Error(err)
		return nil
	}
	defer resp.Body.Close()
	if _, err := io.ReadAll(resp.Body); err != nil {
		t.Error(err)
	}
	return resp.Trailer
}

func TestGRPCHostile(t *testing.T) {
	g := startGRPC(t, Options{}, store.Options{})
	message := func(flag byte, length int, body []byte) []byte {
		return append(binary.BigEndian.AppendUint32([]byte{flag}, uint32(length)), body...)
	}
	whole := protoBody(t, export(1))
	first := protoBody(t, export(2))
	for name, c := range map[string]struct {
		body   []byte
		header []string
		want   string
	}{
		"empty":          {nil, nil, "3"},
		"half a prefix":  {[]byte{0, 0}, nil, "3"},
		"no flag":        {message(7, len(whole), whole), nil, "3"},
		"cut":            {message(0, len(whole)+len(first), whole), nil, "3"},
		"says 4 GiB":     {message(0, math.MaxUint32, whole), nil, "3"},
		"other coding":   {message(1, len(whole), whole), []string{"Grpc-Encoding", "br"}, "12"},
		"no gzip":        {message(1, len(whole), whole), []string{"Grpc-Encoding", "gzip"}, "3"},
		"HTTP's coding":  {message(0, len(whole), whole), []string{"Content-Encoding", "gzip"}, "0"},
		"what else came": {append(message(0, len(whole), whole), first...), nil, "0"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := g.call(t, c.body, c.header...); got.Get("Grpc-Status") != c.want {
				t.Errorf("got %v, want %s", got, c.want)
			}
		})
	}
	if got := g.total(t); got != 1 {
		t.Errorf("got %d runs, want 1", got)
	}
	resp, err := http.Post("http://"+g.addr+exportCall, "application/grpc", bytes.NewReader(message(0, len(first), first)))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if says, _ := io.ReadAll(resp.Body); resp.StatusCode != http.StatusUnsupportedMediaType || !strings.Contains(string(says), "4318") {
		t.Errorf("over HTTP/1.1: got %s %s", resp.Status, says)
	}
}

// When there is too much, and when the store is gone, it is told when to come
// back.
func TestGRPCComeBack(t *testing.T) {
	g := startGRPC(t, Options{}, store.Options{Queue: 1})
	if _, err := g.export(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	files, _ := filepath.Glob(filepath.Join(g.dir, "*.db"))
	db, err := sql.Open("sqlite", files[0])
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	if _, err := db.Exec("BEGIN IMMEDIATE"); err != nil { // no other commit gets through
		t.Fatal(err)
	}
	errs := make(chan error, 2)
	for n := range 2 {
		go func() {
			_, err := g.export(t.Context(), 2+n)
			errs <- err
		}()
	}
	wantRetry(t, <-errs, codes.ResourceExhausted, time.Second)
	if _, err := db.Exec("ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	if err := <-errs; err != nil {
		t.Error(err)
	}
	if err := g.st.Close(); err != nil {
		t.Fatal(err)
	}
	_, err = g.export(t.Context(), 4)
	wantRetry(t, err, codes.Unavailable, 5*time.Second)
}

func wantRetry(t *testing.T, err error, want codes.Code, after time.Duration) {
	t.Helper()
	s := status.Convert(err)
	if s.Code() != want || len(s.Details()) != 1 {
		t.Fatalf("got %v %v, want %v", err, s.Details(), want)
	}
	if retry, ok := s.Details()[0].(*errdetails.RetryInfo); !ok || retry.RetryDelay.AsDuration() != after {
		t.Errorf("got %v, want %v", s.Details()[0], after)
	}
}

// A call under way is answered when the hub stops.
func TestGRPCStopsGracefully(t *testing.T) {
	g := startGRPC(t, Options{}, store.Options{})
	body := protoBody(t, export(1))
	body = append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(body))), body...)
	r, w := io.Pipe()
	under := make(chan struct{})
	ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{Got100Continue: func() { close(under) }})
	req, err := http.NewRequestWithContext(ctx, "POST", "http://"+g.addr+exportCall, r)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/grpc")
	req.Header.Set("Expect", "100-continue")
	statuses, stopped := make(chan string, 1), make(chan error, 1)
	go func() { statuses <- trailers(t, req).Get("Grpc-Status") }()
	<-under
	go func() { stopped <- g.stop() }()
	for conn, err := net.Dial("tcp", g.addr); err == nil; conn, err = net.Dial("tcp", g.addr) {
		conn.Close() // it still listens
	}
	w.Write(body)
	w.Close()
	if got := <-statuses; got != "0" {
		t.Errorf("got %q, want 0", got)
	}
	if err := <-stopped; err != nil || g.total(t) != 1 {
		t.Errorf("got %v and %d runs", err, g.total(t))
	}
}

func TestEscaped(t *testing.T) {
	for text, want := range map[string]string{"plain": "plain", "50 %\né": "50 %25%0A%C3%A9"} {
		if got := escaped(text); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

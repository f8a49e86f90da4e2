package telemetry

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	v1 "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/sonde-media/sonde/probes"
)

// empty waits until nothing is left in the first spool of e.
func empty(t *testing.T, e *Exporter, hub *sink) {
	t.Helper()
	start := time.Now()
	for len(e.destinations[0].spool.oldest(1, 1)) > 0 {
		if time.Since(start) > 20*time.Second {
			t.Fatal("gave up waiting for an empty spool")
		}
		select { // the acknowledgement comes after the answer
		case <-hub.changed:
		case <-time.After(time.Millisecond):
		}
	}
}

func dropped(e *Exporter) int64 { return e.spools().dropped }

func TestRunsArriveWithTheToken(t *testing.T) {
	hub := newSink(t, nil)
	e := open(t, Options{Hub: hub.URL + "/", Token: "s3cret"})
	start(t, e, nil)
	e.Send(namedRun(1))
	e.Send(namedRun(2))
	hub.awaitRuns(t, 1, 2)
	if got := hub.header.Get("Authorization"); got != "Bearer s3cret" {
		t.Errorf("Authorization: %q", got)
	}
	empty(t, e, hub)
}

// TestAHubThatIsAway keeps a port that refuses connections, as a hub that is
// down does, and starts to listen on it later.
func TestAHubThatIsAway(t *testing.T) {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	f := os.NewFile(uintptr(fd), "port")
	defer f.Close()
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	name, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	addr := net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: name.(*syscall.SockaddrInet4).Port}

	log := newLogbook()
	e := open(t, Options{Hub: "http://" + addr.String(), Log: log.logger()})
	start(t, e, nil)
	e.Send(namedRun(1))
	log.await(t, "receiver is away")
	e.Send(namedRun(2))

	hub := &sink{traces: map[string]int{}, names: map[string]int{}, changed: make(chan struct{}, 1)}
	if err := syscall.Listen(fd, 16); err != nil {
		t.Fatal(err)
	}
	l, err := net.FileListener(f)
	if err != nil {
		t.Fatal(err)
	}
	hub.Server = &httptest.Server{Listener: l, Config: &http.Server{Handler: hub}}
	hub.Start()
	t.Cleanup(hub.Close)
	hub.awaitRuns(t, 1, 2)
	log.await(t, "runs are sent again")
	if n := log.count("receiver is away"); n != 1 {
		t.Errorf("logged %d times", n)
	}
}

func TestWhatIsTriedAgain(t *testing.T) {
	reset := func(w http.ResponseWriter, _ *http.Request) bool {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err == nil {
			conn.(*net.TCPConn).SetLinger(0)
			conn.Close()
		}
		return true
	}
	redirect := func(w http.ResponseWriter, r *http.Request) bool {
		http.Redirect(w, r, "/login", http.StatusFound)
		return true
	}
	for _, c := range []struct {
		name string
		act  func(http.ResponseWriter, *http.Request) bool
		log  string
	}{
		{"503", status(503), "receiver is busy"},
		{"429", status(429), "receiver is busy"},
		{"reset", reset, "receiver is away"},
		{"401", status(401), "set SONDE_TOKEN"},
		{"403", status(403), "set SONDE_TOKEN"},
		{"404", status(404), "check the URL"},
		{"redirect", redirect, "check the URL"},
	} {
		t.Run(c.name, func(t *testing.T) {
			log := newLogbook()
			hub := newSink(t, c.act)
			e := open(t, Options{Hub: hub.URL, Log: log.logger()})
			start(t, e, nil)
			e.Send(namedRun(1))
			log.await(t, c.log)
			hub.await(t, "several attempts", func() bool { return hub.requests >= 3 })
			hub.set(nil)
			hub.awaitRuns(t, 1)
			empty(t, e, hub)
			if dropped(e) != 0 || log.count(c.log) != 1 {
				t.Errorf("dropped %d, logged %d times", dropped(e), log.count(c.log))
			}
		})
	}
}

func TestWhatIsNotTriedAgain(t *testing.T) {
	halfway := func(w http.ResponseWriter, _ *http.Request) bool {
		body, _ := proto.Marshal(&v1.ExportTraceServiceResponse{
			PartialSuccess: &v1.ExportTracePartialSuccess{RejectedSpans: 1, ErrorMessage: "too old"},
		})
		w.Header().Set("Content-Type", "application/x-protobuf")
		w.Write(body)
		return true
	}
	for _, c := range []struct {
		name string
		act  func(http.ResponseWriter, *http.Request) bool
	}{{"400", status(400)}, {"413", status(413)}, {"500", status(500)}, {"partial success", halfway}} {
		t.Run(c.name, func(t *testing.T) {
			log := newLogbook()
			hub := newSink(t, c.act)
			e := open(t, Options{Hub: hub.URL, Log: log.logger()})
			start(t, e, nil)
			e.Send(namedRun(1))
			log.await(t, "refused for good")
			hub.set(nil)
			e.Send(namedRun(2))
			hub.awaitRuns(t, 2)
			empty(t, e, hub)
			dead, err := os.ReadDir(filepath.Join(e.destinations[0].spool.dir, deadDir))
			if err != nil || len(dead) != 1 || dropped(e) != 1 {
				t.Errorf("%d dead letters, %d dropped, %v", len(dead), dropped(e), err)
			}
			if hub.requests != 2 {
				t.Errorf("%d requests, want 2", hub.requests)
			}
		})
	}
}

// backlog fills the spool of an agent whose hub is away, and returns its
// directory.
func backlog(t *testing.T, ids ...byte) string {
	t.Helper()
	e, err := Open(Options{Hub: "http://127.0.0.1:1", Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range ids {
		e.Send(namedRun(id))
		e.flush()
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	return e.opts.Dir
}

func TestARestartSendsWhatWaitedInFewRequests(t *testing.T) {
	var ids []byte
	for id := range byte(100) {
		ids = append(ids, id+1)
	}
	hub := newSink(t, nil)
	e := open(t, Options{Hub: hub.URL, Dir: backlog(t, ids...)})
	start(t, e, nil)
	hub.awaitRuns(t, ids...)
	empty(t, e, hub)
	if hub.requests != 2 {
		t.Errorf("%d requests for 100 batches, want 2", hub.requests)
	}
}

func TestABadBatchTakesNoneWithIt(t *testing.T) {
	hub := newSink(t, nil)
	log := newLogbook()
	e := open(t, Options{Hub: hub.URL, Dir: backlog(t, 1, 2, 3), Log: log.logger()})
	s := e.destinations[0].spool
	if err := os.WriteFile(filepath.Join(s.dir, s.files[1].name), []byte("garbage"), 0o600); err != nil {
		t.Fatal(err)
	}
	start(t, e, nil)
	hub.awaitRuns(t, 1, 3)
	empty(t, e, hub)
	if dropped(e) != 1 || log.count("refused for good") != 1 {
		t.Errorf("dropped %d, logged %d times; want 1 and 1", dropped(e), log.count("refused for good"))
	}
}

func TestAStoppingAgentSendsWhatItHas(t *testing.T) {
	hub := newSink(t, nil)
	e := open(t, Options{Hub: hub.URL})
	stop := start(t, e, nil)
	for id := range byte(50) {
		e.Send(namedRun(id + 1))
	}
	stop()
	if len(hub.traces) != 50 || len(e.destinations[0].spool.files) != 0 {
		t.Errorf("hub has %d of 50 runs, %d batches in the spool", len(hub.traces), len(e.destinations[0].spool.files))
	}
}

func TestAStoppingAgentKeepsWhatItCanNotSend(t *testing.T) {
	hub := newSink(t, status(503))
	dir := t.TempDir()
	e, err := Open(Options{Hub: hub.URL, Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	e.Send(namedRun(1))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := e.Run(ctx, nil); err != nil {
		t.Fatal(err)
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	hub.set(nil)
	start(t, open(t, Options{Hub: hub.URL, Dir: dir}), nil)
	hub.awaitRuns(t, 1)
}

func TestTwoProcessesDoNotShareASpool(t *testing.T) {
	e := open(t, Options{Hub: "http://127.0.0.1:1"})
	_, err := Open(Options{Hub: "http://127.0.0.1:1", Dir: e.opts.Dir})
	if err == nil || !strings.Contains(err.Error(), "another process") {
		t.Errorf("got %v", err)
	}
}

func TestBackoffIsJitteredAndBounded(t *testing.T) {
	d := destination{retry: defaultRetry}
	answer := func(code int, after string) *http.Response {
		return &http.Response{StatusCode: code, Header: http.Header{"Retry-After": {after}, "Date": {"Sun, 01 Mar 2026 12:00:00 GMT"}}}
	}
	for _, c := range []struct {
		name     string
		attempt  int
		resp     *http.Response
		min, max time.Duration
	}{
		{"first", 0, nil, 100 * time.Millisecond, 200 * time.Millisecond},
		{"fourth", 3, nil, 800 * time.Millisecond, 1600 * time.Millisecond},
		{"thousandth", 1000, nil, 5 * time.Second, 10 * time.Second},
		{"asked to wait", 0, answer(429, "4"), 4 * time.Second, 4400 * time.Millisecond},
		{"asked to wait until", 0, answer(429, "Sun, 01 Mar 2026 12:01:00 GMT"), time.Minute, 66 * time.Second},
		{"asked to wait until long ago", 0, answer(429, "Sun, 01 Mar 2026 11:00:00 GMT"), 100 * time.Millisecond, 200 * time.Millisecond},
		{"asked to wait for long", 0, answer(503, "86400"), 10 * time.Minute, 11 * time.Minute},
		{"asked to wait less than none", 0, answer(503, "-5"), 100 * time.Millisecond, 200 * time.Millisecond},
		{"bad token", 0, answer(401, ""), 15 * time.Second, 30 * time.Second},
	} {
		seen := map[time.Duration]bool{}
		for range 50 {
			wait := d.backoff(0, 0, c.attempt, c.resp)
			seen[wait] = true
			if wait < c.min || wait > c.max {
				t.Errorf("%s: %v, want %v to %v", c.name, wait, c.min, c.max)
			}
		}
		if len(seen) < 10 {
			t.Errorf("%s: no jitter", c.name)
		}
	}
}

func TestHeartbeat(t *testing.T) {
	hub := newSink(t, nil)
	e := open(t, Options{Hub: hub.URL, Resource: Resource{Version: "v1"}, Config: "c0ffee"})
	e.Send(namedRun(1)) // 20 ms late
	start(t, e, func() Agent { return Agent{Targets: 7, InFlight: 2, Missed: 3} })
	hub.await(t, "a heartbeat", func() bool { return hub.names["agent"] > 0 })

	e.Send(namedRun(2))
	beat := e.heartbeat(Agent{Targets: 7, InFlight: 2, Missed: 3})
	if beat.Root.Attrs[probes.AttrAgentSpoolBytes] == nil || beat.Root.Attrs[probes.AttrAgentSpoolAge] == nil {
		t.Error("the spool is missing")
	}
	got := draw(Spans(beat, e.opts.Resource))
	for _, want := range []string{
		"agent [internal", "sonde.step=agent", "sonde.agent.version=v1", "sonde.agent.config_version=c0ffee", "sonde.agent.targets=7",
		"sonde.agent.missed_runs=3", "sonde.agent.in_flight=2", "sonde.agent.lateness_ms=20", "sonde.agent.dropped=0",
		"sonde.interval=30",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %s in\n%s", want, got)
		}
	}
}

// A lack of files is ours and passes; only a file that can't be read is given up.
func TestWantOfFilesBuriesNothing(t *testing.T) {
	for _, c := range []struct {
		err  error
		gone bool
	}{{syscall.EMFILE, false}, {syscall.ENFILE, false}, {syscall.ENOMEM, false}, {syscall.EIO, true}, {os.ErrNotExist, true}} {
		err := unreadable(spoolFile{name: "x"}, &os.PathError{Op: "open", Path: "x", Err: c.err})
		if _, gone := errors.AsType[*refusal](err); gone != c.gone {
			t.Errorf("%v: given up is %v, want %v", c.err, gone, c.gone)
		}
	}
}

// The URL of a receiver may hold a key; so do the errors of net/http.
func TestLogsTellNoURL(t *testing.T) {
	t.Setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://user:hush@127.0.0.1:1/v1/traces?key=hush")
	t.Setenv("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "http://user:hush@127.0.0.1:1/v1/metrics?key=hush")
	log := newLogbook()
	e := open(t, Options{Log: log.logger()})
	stop := start(t, e, nil)
	e.Send(namedRun(1))
	log.await(t, "receiver is away")
	stop()
	if err := e.metrics.provider.ForceFlush(t.Context()); err != nil {
		t.Error(err)
	}
	log.await(t, "runs stay in the spool")
	log.await(t, "metrics not sent")
	if n := log.count("hush"); n > 0 {
		t.Errorf("the key is told %d times:\n%s", n, log.text.String())
	}
}

package telemetry

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	metricspb "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	metricpb "go.opentelemetry.io/proto/otlp/metrics/v1"
	"google.golang.org/protobuf/proto"
)

// What a crash, a disk or a person leaves in a spool keeps no run from being
// sent, and no receiver gets what isn't whole.
func TestADamagedSpool(t *testing.T) {
	dir := backlog(t, 1, 2, 3)
	spool := filepath.Join(dir, "spool", "hub")
	write := func(name string, body []byte) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(spool, name), body, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	names, err := filepath.Glob(filepath.Join(spool, "*"+spoolExt))
	if err != nil || len(names) != 3 {
		t.Fatal(names, err)
	}
	whole, err := os.ReadFile(names[0])
	if err != nil {
		t.Fatal(err)
	}
	name := func(seq, runs int) string { return newSpoolFile(time.Now(), seq, runs, 0).name }
	write(name(900001, 2), whole[:len(whole)-9]) // cut short
	write(name(900002, 4), nil)
	write(name(900003, 1), bytes.Repeat([]byte{0xff}, 99))
	write("12-34"+spoolExt, whole)
	write(fmt.Sprintf("%020d-000001-%d%s", 1, -5, spoolExt), whole)
	write(strings.Repeat("9", 40)+"-000001-1"+spoolExt, whole)
	if err := os.MkdirAll(filepath.Join(spool, name(900004, 1), "below"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(spool, name(900005, 1)+".tmp", "below"), 0o700); err != nil {
		t.Fatal(err)
	}
	hub := newSink(t, nil)
	e := open(t, Options{Hub: hub.URL, Dir: dir})
	start(t, e, nil)
	hub.awaitRuns(t, 1, 2, 3)
	e.Send(namedRun(4))
	hub.awaitRuns(t, 4)
	empty(t, e, hub)
	if got := dropped(e); got != 7 {
		t.Errorf("dropped %d runs, want the 7 of three damaged files", got)
	}
	dead, err := os.ReadDir(filepath.Join(spool, deadDir))
	if err != nil || len(dead) != 3 {
		t.Errorf("%d dead letters, %v", len(dead), err)
	}
}

// A file too large to be one of ours isn't read into memory.
func TestAGiantInASpool(t *testing.T) {
	s := newSpool(t, t.TempDir(), 1<<40, time.Hour)
	f := newSpoolFile(time.Now(), 1, 1, maxInflated+1)
	if _, err := s.read(f); err != errLarge { //nolint:errorlint // it is that one
		t.Errorf("got %v", err)
	}
}

// A request holds as many batches as fit, and the rest goes with the next.
func TestLargeBatchesAreNotTakenApart(t *testing.T) {
	dir := t.TempDir()
	s := newSpool(t, dir, 1<<30, time.Hour)
	large, err := deflate(make([]byte, maxInflated/3))
	if err != nil {
		t.Fatal(err)
	}
	put(t, s, string(large), string(large), string(large), string(large))
	d := destination{spool: s, log: slog.New(slog.DiscardHandler)}
	_, n, err := d.join(s.oldest(joinFiles, joinBytes))
	if n != 3 || err != nil {
		t.Errorf("%d in one request, %v; want 3", n, err)
	}
}

// Of a partial success no more runs are lost than spans were refused.
func TestAPartialSuccessLosesNoMoreRunsThanSpans(t *testing.T) {
	s := newSpool(t, t.TempDir(), 1<<20, time.Hour)
	d := destination{spool: s, log: slog.New(slog.DiscardHandler)}
	put(t, s, "a", "b", "c")
	d.bury(s.oldest(9, 1<<20), &refusal{spans: 2})
	if _, _, lost := s.state(); lost != 2 {
		t.Errorf("lost %d runs, want 2", lost)
	}
}

// A disk that is full before the spool is at its limit: the newest runs are
// kept, the oldest given up and counted, and all is well when there is room.
func TestAFullDisk(t *testing.T) {
	dir := t.TempDir()
	if err := mountSmall(dir); err != nil {
		t.Skipf("a small file system can't be mounted here (that takes root on Linux): %v", err)
	}
	t.Cleanup(func() {
		if err := unmount(dir); err != nil {
			t.Error(err)
		}
	})
	s := newSpool(t, dir, 1<<30, time.Hour)
	d := destination{spool: s, log: slog.New(slog.DiscardHandler)}
	const batches = 100
	for i := range batches {
		body := bytes.Repeat([]byte{byte(i)}, 16<<10)
		d.save(batch{body: body, runs: 1})
	}
	_, _, lost := s.state()
	files := s.oldest(batches, 1<<30)
	if len(files) == 0 || len(files)+len(d.unsaved)+int(lost) != batches {
		t.Fatalf("%d on disk, %d in memory, %d lost: want %d together", len(files), len(d.unsaved), lost, batches)
	}
	for i, f := range files {
		body, err := s.read(f)
		if err != nil || len(body) != 16<<10 || int(body[0]) != int(lost)+i {
			t.Fatalf("file %d holds batch %d of %d bytes, %v; want %d", i, body[0], len(body), err, int(lost)+i)
		}
	}
	for _, f := range files {
		s.done(f)
	}
	d.save(batch{})
	if got := len(s.oldest(batches, 1<<30)); got != batches-int(lost)-len(files) || len(d.unsaved) != 0 {
		t.Errorf("with room: %d on disk, %d in memory", got, len(d.unsaved))
	}
}

// Each destination has a spool of its own: one that is dead, or never answers,
// keeps nothing from the other.
func TestADeadDestinationHoldsUpNobody(t *testing.T) {
	hang := make(chan struct{})
	dead := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		select {
		case <-hang:
		case <-r.Context().Done():
		}
	}))
	t.Cleanup(dead.Close)
	defer close(hang)
	for _, swap := range []bool{false, true} {
		live := newSink(t, nil)
		o := Options{Hub: live.URL, OTLP: dead.URL}
		if swap {
			o.Hub, o.OTLP = o.OTLP, o.Hub
		}
		e := open(t, o)
		stop := start(t, e, nil)
		for id := range byte(20) {
			e.Send(namedRun(id + 1))
			e.flush()
		}
		live.awaitRuns(t, 1, 20)
		live.await(t, "all runs", func() bool { return len(live.traces) == 20 })
		stuck := e.destinations[1]
		if swap {
			stuck = e.destinations[0]
		}
		runs := 0
		for _, f := range stuck.spool.oldest(99, 1<<30) {
			runs += f.runs
		}
		if runs != 20 || dropped(e) != 0 {
			t.Errorf("%d of 20 runs wait for the dead one, %d dropped", runs, dropped(e))
		}
		stop()
	}
}

// Metrics are cumulative, so a receiver that was away has all counts with the
// first request it gets, and nothing of them waits on the disk.
func TestMetricsAfterAnOutage(t *testing.T) {
	away := true
	var got []*metricpb.ResourceMetrics
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if away || r.URL.Path != "/v1/metrics" {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		var plain bytes.Buffer
		var req metricspb.ExportMetricsServiceRequest
		if inflateAll(&plain, body) != nil || proto.Unmarshal(plain.Bytes(), &req) != nil {
			t.Error("unreadable metrics")
		}
		got = append(got, req.ResourceMetrics...)
	}))
	t.Cleanup(receiver.Close)
	t.Setenv("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", receiver.URL+"/v1/metrics")
	e := open(t, Options{})
	for id := range byte(5) {
		e.Send(namedRun(id + 1))
		if err := e.metrics.provider.ForceFlush(t.Context()); err != nil {
			t.Error(err)
		}
	}
	away = false
	if err := e.metrics.provider.ForceFlush(t.Context()); err != nil {
		t.Error(err)
	}
	if len(got) != 1 {
		t.Fatalf("%d requests were taken, want 1", len(got))
	}
	counts := map[string]int64{}
	for _, scope := range got[0].ScopeMetrics {
		for _, m := range scope.Metrics {
			for _, p := range m.GetSum().GetDataPoints() {
				counts[m.Name] += p.GetAsInt()
			}
			for _, p := range m.GetHistogram().GetDataPoints() {
				counts[m.Name] += int64(p.Count)
			}
		}
	}
	if counts["sonde.runs"] != 5 || counts["sonde.run.duration"] != 5 || counts["sonde.step.duration"] != 5 {
		t.Errorf("counts are %v, want 5 runs", counts)
	}
	if waits, err := filepath.Glob(filepath.Join(e.opts.Dir, "spool", "*", "*"+spoolExt)); err != nil || len(waits) > 0 {
		t.Errorf("on disk wait %v, %v", waits, err)
	}
}

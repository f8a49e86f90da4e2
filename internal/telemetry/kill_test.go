package telemetry

import (
	"bufio"
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	v1 "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/sonde-media/sonde/internal/api"
	"github.com/sonde-media/sonde/internal/hub"
	"github.com/sonde-media/sonde/internal/store"
	"github.com/sonde-media/sonde/probes"
)

// A process of this binary with these variables is a doomed agent.
const (
	doomedDir = "SONDE_TEST_SPOOL"
	doomedHub = "SONDE_TEST_HUB"
)

// doomedRuns bounds what one life of an agent makes, so that ten fit an answer.
const doomedRuns = 900

// doomed makes runs and writes the trace ID of each kept one to standard
// output, until it is killed.
func doomed(dir, hub string) {
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError}))
	e, err := Open(Options{Dir: dir, Hub: hub, Batch: 3 * time.Millisecond, Log: log})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	e.destinations[0].retry = retryTimes{first: time.Millisecond, most: 10 * time.Millisecond, slow: 10 * time.Millisecond}
	go e.Run(context.Background(), nil)
	random := rand.New(rand.NewPCG(4, 2))
	for made := 0; made < doomedRuns; {
		var kept bytes.Buffer
		for range 1 + random.IntN(8) {
			run := namedRun(0)
			run.ID, run.Scheduled = probes.NewTraceID(), time.Now()
			for s := range run.Root.All() {
				s.Start = run.Scheduled
			}
			e.Send(run)
			fmt.Fprintln(&kept, run.ID)
			made++
		}
		e.flush()
		if len(e.destinations[0].unsaved) == 0 {
			os.Stdout.Write(kept.Bytes())
		}
	}
	io.Copy(io.Discard, os.Stdin) // which ends with the parent
}

// A village is a hub that comes and goes, and counts what reached it.
type village struct {
	*httptest.Server
	dir string

	mu      sync.Mutex // guards what follows
	store   *store.Store
	hub     http.Handler   // nil: away
	stored  map[string]int // times that a run was stored, by trace ID
	last    int            // requests to be stored until, after one more, the agent is killed unanswered; negative: none
	kill    func()
	changed chan struct{}
}

func newVillage(t *testing.T) *village {
	v := &village{dir: t.TempDir(), stored: map[string]int{}, last: -1, changed: make(chan struct{}, 1)}
	v.Server = httptest.NewServer(v)
	t.Cleanup(func() {
		v.Close()
		v.leave(t)
	})
	return v
}

// arrive starts the hub on what it had stored, leave ends it.
func (v *village) arrive(t *testing.T) {
	t.Helper()
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.hub != nil {
		return
	}
	st, err := store.Open(v.dir, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	v.store, v.hub = st, hub.New(st, hub.Options{})
}

func (v *village) leave(t *testing.T) {
	t.Helper()
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.hub == nil {
		return
	}
	v.hub = nil
	if err := v.store.Close(); err != nil {
		t.Error(err)
	}
}

func (v *village) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.hub == nil || err != nil {
		panic(http.ErrAbortHandler) // the connection breaks off
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	answer := httptest.NewRecorder()
	v.hub.ServeHTTP(answer, r)
	if r.Method == http.MethodPost && answer.Code == http.StatusOK {
		v.note(body)
		if v.last--; v.last == -1 {
			v.kill()
			panic(http.ErrAbortHandler)
		}
	}
	for key, values := range answer.Header() {
		w.Header()[key] = values
	}
	w.WriteHeader(answer.Code)
	w.Write(answer.Body.Bytes())
	signal(v.changed)
}

// note counts the runs of a stored request. v.mu must be held.
func (v *village) note(body []byte) {
	var plain bytes.Buffer
	var req v1.ExportTraceServiceRequest
	if inflateAll(&plain, body) != nil || proto.Unmarshal(plain.Bytes(), &req) != nil {
		return // the hub has taken it, so it is none of these
	}
	for _, rs := range req.ResourceSpans {
		for _, span := range rs.ScopeSpans[0].Spans {
			if len(span.ParentSpanId) == 0 {
				v.stored[hex.EncodeToString(span.TraceId)]++
			}
		}
	}
}

// live runs an agent until it has told of so many kept runs, or the village
// kills it, and returns all that it told.
func live(t *testing.T, dir string, v *village, runs int) (kept []string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), doomedDir+"="+dir, doomedHub+"="+v.URL)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	v.mu.Lock()
	v.kill = func() { cmd.Process.Kill() }
	err = cmd.Start()
	v.mu.Unlock()
	if err != nil {
		t.Fatal(err)
	}
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if kept = append(kept, lines.Text()); len(kept) == runs {
			cmd.Process.Kill()
		}
	}
	cmd.Wait() // says that it was killed
	return kept
}

// An agent is killed and restarted ten times while the hub goes away for long
// stretches, restarts, and once takes what the agent never hears of. Every run
// that was kept is in the hub then, and once.
func TestAKilledAgentLosesNothingKept(t *testing.T) {
	dir, v := t.TempDir(), newVillage(t)
	random := rand.New(rand.NewPCG(31, 5))
	var kept []string
	for life, there := range []bool{true, false, false, true, false, true, true, false, false, true} {
		runs := 20 + random.IntN(300)
		if there {
			v.arrive(t)
		} else {
			v.leave(t)
		}
		if life == 3 || life == 9 { // killed between storing and answering
			v.mu.Lock()
			v.last = random.IntN(4)
			v.mu.Unlock()
			runs = -1
		}
		told := live(t, dir, v, runs)
		if len(told) == 0 {
			t.Fatalf("life %d kept nothing", life)
		}
		kept = append(kept, told...)
	}
	v.arrive(t)
	e := open(t, Options{Dir: dir, Hub: v.URL})
	start(t, e, nil)
	await(t, "an empty spool", v.changed, func() bool {
		signal(v.changed) // the acknowledgement comes after the answer
		return len(e.destinations[0].spool.oldest(1, 1)) == 0
	})
	v.judge(t, kept)
	dead, err := os.ReadDir(filepath.Join(e.destinations[0].spool.dir, deadDir))
	if err != nil || len(dead) > 0 {
		t.Errorf("%d dead letters, %v", len(dead), err)
	}
}

// judge compares the hub's runs with those that were kept.
func (v *village) judge(t *testing.T, kept []string) {
	t.Helper()
	v.mu.Lock()
	defer v.mu.Unlock()
	all, err := v.store.Runs(t.Context(), api.Query{From: time.Now().Add(-time.Hour), To: time.Now().Add(time.Hour), Limit: api.MaxLimit})
	if err != nil {
		t.Fatal(err)
	}
	has := map[string]int{}
	for _, r := range all.Runs {
		has[r.TraceID]++
	}
	for _, id := range kept {
		if has[id] != 1 {
			t.Errorf("kept run %s is %d times in the hub", id, has[id])
		}
	}
	sent, twice := 0, 0
	for _, n := range v.stored {
		sent += n
		if n > 1 {
			twice++
		}
	}
	t.Logf("kept %d, in the hub %d, sent %d, of these more than once %d", len(kept), all.Total, sent, twice)
	if all.Total != len(v.stored) || twice == 0 {
		t.Errorf("the hub has %d runs of %d, %d came more than once", all.Total, len(v.stored), twice)
	}
}

package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.uber.org/goleak"

	"github.com/sonde-media/sonde/internal/api"
	"github.com/sonde-media/sonde/probes"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func openTest(t *testing.T, o Options) *Store {
	t.Helper()
	s, err := Open(t.TempDir(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// midnight is yesterday's end: tests have a day on both sides of it.
var midnight = time.Now().UTC().Truncate(24 * time.Hour)

func hexID(n, digits int) string { return fmt.Sprintf("%0*x", digits, n) }

// run returns a run that began so long after midnight.
func run(n int, after time.Duration, outcome probes.Outcome) Run {
	r := Run{Run: api.Run{
		TraceID: hexID(n, 32), Region: "eu", Agent: "a1", Target: "show", Kind: "feed", Service: "Podcasts",
		Started: midnight.Add(after), Scheduled: midnight.Add(after), Received: midnight.Add(after + time.Second),
		Interval: time.Minute, Duration: time.Second, Outcome: outcome, Findings: []probes.Finding{},
	}, URL: "https://feeds.example/show.xml"}
	if outcome == probes.Failed {
		r.Code, r.Culprit = probes.TLSExpired, "cdn.example"
	}
	return r
}

func write(t *testing.T, s *Store, b Batch) {
	t.Helper()
	if err := s.Write(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
}

// around selects the day before and the day after midnight.
var around = api.Query{From: midnight.Add(-24 * time.Hour), To: midnight.Add(24 * time.Hour)}

func matrixCell(t *testing.T, s *Store, q api.Query) api.Cell {
	t.Helper()
	m, err := s.Matrix(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	if len(m.Cells) != 1 {
		t.Fatalf("got %d cells, want 1: %+v", len(m.Cells), m)
	}
	return m.Cells[0]
}

func TestMatrixOverMidnight(t *testing.T) {
	s := openTest(t, Options{})
	confirming := run(6, 3*time.Minute, probes.Failed)
	confirming.Confirms = hexID(5, 32)
	write(t, s, Batch{Runs: []Run{
		confirming, // the newest comes first, on purpose
		run(1, -4*time.Minute, probes.OK),
		run(2, -3*time.Minute, probes.Degraded),
		run(3, -2*time.Minute, probes.Failed),
		run(4, 0, probes.Unknown),
		run(5, 2*time.Minute, probes.Failed),
	}})
	q := around
	q.To = midnight.Add(5 * time.Minute)
	c := matrixCell(t, s, q)
	since := midnight.Add(-2 * time.Minute)
	want := api.Cell{
		Region: "eu", Target: "show", Counts: api.Counts{OK: 1, Degraded: 1, Failed: 2, Unknown: 1},
		Newest: confirming.Run, Failing: &confirming.Run, FailedSince: &since,
	}
	if d := cmp.Diff(want, c); d != "" {
		t.Error(d)
	}

	q.From = midnight.Add(time.Minute) // it began before the range
	if c := matrixCell(t, s, q); !c.FailedSince.Equal(since) {
		t.Errorf("failed since %v, want %v", c.FailedSince, since)
	}
	q.To = midnight.Add(time.Hour)
	if c := matrixCell(t, s, q); !c.Silent {
		t.Error("an hour after the last run the cell is not silent")
	}
}

func TestMatrixNamesRegionsAndTargets(t *testing.T) {
	s := openTest(t, Options{})
	a, b := run(1, time.Minute, probes.OK), run(2, time.Minute, probes.OK)
	b.Region, b.Target, b.Service, b.URL = "us", "page", "Storefront", "https://www.example/"
	write(t, s, Batch{Runs: []Run{b, a}, Sightings: []Sighting{
		{Agent: "a1", Region: "eu", Version: "1", Lat: 53.3, Lon: -6.3, Seen: a.Started},
		{Agent: "a2", Region: "us", Version: "1", Lat: 40, Lon: -74, Seen: b.Started},
	}})
	m, err := s.Matrix(t.Context(), around)
	if err != nil {
		t.Fatal(err)
	}
	wantRegions := []api.Region{{Name: "eu", Lat: 53.3, Lon: -6.3}, {Name: "us", Lat: 40, Lon: -74}}
	if d := cmp.Diff(wantRegions, m.Regions); d != "" {
		t.Error(d)
	}
	wantTargets := []api.TargetInfo{
		{Name: "show", Kind: "feed", Service: "Podcasts", URL: "https://feeds.example/show.xml"},
		{Name: "page", Kind: "feed", Service: "Storefront", URL: "https://www.example/"},
	}
	if d := cmp.Diff(wantTargets, m.Targets); d != "" {
		t.Error(d)
	}
}

func TestSeriesJoinsBucketsOfTwoDays(t *testing.T) {
	s := openTest(t, Options{})
	write(t, s, Batch{Runs: []Run{
		run(1, -time.Minute, probes.OK), run(2, time.Minute, probes.Failed), run(3, 9*time.Hour, probes.OK),
	}})
	q := around
	q.Step = 7 * time.Hour // doesn't divide a day
	got, err := s.Series(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	want := map[time.Time]api.Counts{}
	for _, r := range []Run{run(1, -time.Minute, probes.OK), run(2, time.Minute, probes.Failed), run(3, 9*time.Hour, probes.OK)} {
		bucket := time.Unix(0, r.Started.UnixNano()/int64(q.Step)*int64(q.Step)).UTC()
		c := want[bucket]
		count(&c, string(r.Outcome), 1)
		want[bucket] = c
	}
	points := map[time.Time]api.Counts{}
	for _, p := range got.Series[0].Points {
		points[p.Time] = p.Counts
	}
	if d := cmp.Diff(want, points); d != "" {
		t.Error(d)
	}
}

func TestRunsNewestFirstWithTotal(t *testing.T) {
	s := openTest(t, Options{})
	other := run(4, 2*time.Minute, probes.OK)
	other.Region = "us"
	r3 := run(3, time.Minute, probes.Failed)
	r3.Findings = []probes.Finding{probes.Note(probes.CertExpiring, "cdn.example", "in two days")}
	write(t, s, Batch{Runs: []Run{run(1, -2*time.Minute, probes.OK), run(2, -time.Minute, probes.OK), r3, other}})
	q := around
	q.Regions, q.Limit = []string{"eu"}, 2
	got, err := s.Runs(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	want := api.Runs{Total: 3, Runs: []api.Run{r3.Run, run(2, -time.Minute, probes.OK).Run}}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	q.Codes, q.Culprits, q.Outcomes = []string{"tls_expired"}, []string{"cdn.example"}, []string{"failed", "unknown"}
	if got, err := s.Runs(t.Context(), q); err != nil || got.Total != 1 {
		t.Errorf("got %d runs and %v, want 1", got.Total, err)
	}
}

func TestLabels(t *testing.T) {
	s := openTest(t, Options{})
	write(t, s, Batch{Runs: []Run{run(1, -time.Minute, probes.OK), run(2, time.Minute, probes.Failed)}})
	got, err := s.Labels(t.Context(), around)
	if err != nil {
		t.Fatal(err)
	}
	want := api.Labels{
		Regions: []string{"eu"}, Targets: []string{"show"}, Services: []string{"Podcasts"},
		Kinds: []string{"feed"}, Codes: []string{"tls_expired"}, Culprits: []string{"cdn.example"},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestAgentsByNewestOfHeartbeatAndRun(t *testing.T) {
	s := openTest(t, Options{})
	seen := func(after time.Duration, version string, targets int) Sighting {
		g := Sighting{Agent: "a1", Region: "eu", Version: version, Seen: midnight.Add(after)}
		if targets > 0 {
			g.Beat = &Beat{Targets: targets, Attrs: "{}"}
		}
		return g
	}
	all := []Sighting{
		seen(-time.Minute, "1", 5), seen(10*time.Second, "2", 7), seen(20*time.Second, "2", 0), seen(-2*time.Minute, "1", 4),
	}
	want := []api.Agent{{Agent: "a1", Region: "eu", Version: "2", Targets: 7, LastSeen: midnight.Add(20 * time.Second)}}
	for range 2 { // a second time in another order changes nothing
		write(t, s, Batch{Sightings: all})
		got, err := s.Agents(t.Context(), around)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, got.Agents); d != "" {
			t.Error(d)
		}
		all[0], all[3] = all[3], all[0]
	}
}

// spans returns a trace with spans named by their IDs; parents[i] is the
// parent of span i+1, 0 for none.
func spans(trace int, from int, parents ...int) ptrace.Traces {
	td := ptrace.NewTraces()
	list := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans()
	for i, parent := range parents {
		n := from + i
		sp := list.AppendEmpty()
		sp.SetTraceID(pcommon.TraceID(id(hexID(trace, 32))))
		sp.SetSpanID(pcommon.SpanID(id(hexID(n, 16))))
		if parent > 0 {
			sp.SetParentSpanID(pcommon.SpanID(id(hexID(parent, 16))))
		}
		sp.SetName(fmt.Sprint(n))
		sp.SetStartTimestamp(pcommon.NewTimestampFromTime(midnight.Add(time.Duration(n))))
		sp.SetEndTimestamp(pcommon.NewTimestampFromTime(midnight.Add(time.Duration(n) + time.Second)))
		sp.Attributes().PutStr(probes.AttrStep, "hop")
		sp.Attributes().PutInt("n", int64(n))
	}
	return td
}

func fragment(t *testing.T, trace int, after time.Duration, td ptrace.Traces) Batch {
	t.Helper()
	f, err := Pack(hexID(trace, 32), midnight.Add(after), td)
	if err != nil {
		t.Fatal(err)
	}
	return Batch{Fragments: []Fragment{f}}
}

func names(t api.Trace) string {
	var all []string
	for _, sp := range t.Spans {
		all = append(all, sp.Name)
	}
	return strings.Join(all, " ")
}

func TestTraceInPieces(t *testing.T) {
	s := openTest(t, Options{})
	write(t, s, fragment(t, 7, time.Second, spans(7, 4, 2, 1))) // 4 below 2, 5 below 1; no root yet
	tr, err := s.Trace(t.Context(), hexID(7, 32))
	if err != nil || names(tr) != "4 5" || tr.Run.TraceID != hexID(7, 32) {
		t.Errorf("got %q and %v, want the orphans 4 5", names(tr), err)
	}
	early := fragment(t, 7, -time.Second, spans(7, 1, 0, 1, 2)) // of the day before
	early.Runs = []Run{run(7, -time.Second, probes.OK)}
	for range 2 {
		write(t, s, early)
		write(t, s, fragment(t, 7, time.Second, spans(7, 3, 2, 2))) // 3 and 4 again, in another piece
		tr, err = s.Trace(t.Context(), hexID(7, 32))
		if err != nil || names(tr) != "1 2 3 4 5" {
			t.Errorf("got %q and %v, want 1 2 3 4 5", names(tr), err)
		}
	}
	if d := cmp.Diff(run(7, -time.Second, probes.OK).Run, tr.Run); d != "" {
		t.Error(d)
	}
	want := map[string]any{probes.AttrStep: "hop", "n": int64(2)}
	if d := cmp.Diff(want, tr.Spans[1].Attrs); d != "" || tr.Spans[1].Duration != time.Second {
		t.Error(d, tr.Spans[1].Duration)
	}
}

func TestTraceThatLeadsInCircles(t *testing.T) {
	s := openTest(t, Options{})
	write(t, s, fragment(t, 8, 0, spans(8, 1, 0, 3, 2, 4))) // 2 and 3 below each other, 4 below itself
	tr, err := s.Trace(t.Context(), hexID(8, 32))
	if err != nil || names(tr) != "1 2 3 4" {
		t.Errorf("got %q and %v", names(tr), err)
	}
}

func TestTraceUnknown(t *testing.T) {
	s := openTest(t, Options{})
	if _, err := s.Trace(t.Context(), hexID(1, 32)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, want fs.ErrNotExist", err)
	}
}

// What was acknowledged is found by another process although this one never
// came to close its files.
func TestAcknowledgedSurvivesWithoutClose(t *testing.T) {
	s := openTest(t, Options{})
	var wg sync.WaitGroup
	for n := range 50 {
		wg.Go(func() {
			b := Batch{Runs: []Run{run(n, time.Duration(n)*time.Second, probes.OK)}}
			if err := s.Write(context.Background(), &b); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	copied := t.TempDir() // as a killed process leaves it
	if err := os.CopyFS(copied, os.DirFS(s.dir)); err != nil {
		t.Fatal(err)
	}
	again, err := Open(copied, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	got, err := again.Runs(t.Context(), around)
	if err != nil || got.Total != 50 {
		t.Errorf("got %d runs and %v, want 50", got.Total, err)
	}
}

func TestFullQueue(t *testing.T) {
	s := openTest(t, Options{Queue: 1})
	write(t, s, Batch{Runs: []Run{run(1, 0, probes.OK)}})
	d := s.between(midnight, midnight)[0]
	holder, err := open(d.path, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer holder.Close()
	holder.SetMaxOpenConns(1)
	if _, err := holder.Exec("BEGIN IMMEDIATE"); err != nil { // nobody else can commit now
		t.Fatal(err)
	}
	results := make(chan error, 2)
	for n := range 2 {
		go func() {
			b := Batch{Runs: []Run{run(10+n, time.Second, probes.OK)}}
			results <- s.Write(context.Background(), &b)
		}()
	}
	if err := <-results; !errors.Is(err, ErrFull) {
		t.Errorf("got %v, want ErrFull", err)
	}
	if _, err := holder.Exec("ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	if err := <-results; err != nil {
		t.Error(err)
	}
}

func TestRetentionDeletesDays(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	write(t, s, Batch{Runs: []Run{run(1, -72*time.Hour, probes.OK), run(2, 0, probes.OK)}})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s, err = Open(dir, Options{Keep: 24 * time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	files, _ := filepath.Glob(filepath.Join(dir, "*.db"))
	if len(files) != 1 || filepath.Base(files[0]) != dayName(midnight)+".db" {
		t.Errorf("got %v, want today's file alone", files)
	}
	now := time.Now()
	for at, want := range map[time.Time]bool{
		now: true, now.Add(-24 * time.Hour): true, now.Add(-49 * time.Hour): false,
		now.Add(48 * time.Hour): false, time.Unix(0, 0): false,
	} {
		if got := s.Accepts(at); got != want {
			t.Errorf("accepts %v: %v", at, got)
		}
	}
}

func TestOpenSaysWhatIsWrong(t *testing.T) {
	garbage := t.TempDir()
	os.WriteFile(filepath.Join(garbage, "2026-01-02.db"), []byte(strings.Repeat("no database ", 1000)), 0o600)
	file := filepath.Join(t.TempDir(), "file")
	os.WriteFile(file, nil, 0o600)
	for dir, want := range map[string]string{
		garbage: "2026-01-02.db can't be read (file is not a database (26)): move it away or restore it",
		file:    "choose another directory with --data",
	} {
		_, err := Open(dir, Options{})
		if err == nil || !strings.HasPrefix(err.Error(), "open store: ") || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

// Answers are read while others write: whoever was told that a run is stored
// finds it, and no answer contradicts itself.
func TestAnswersDuringWrites(t *testing.T) {
	s := openTest(t, Options{})
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for i := range 20 {
				n := w*100 + i
				b := Batch{Runs: []Run{run(n, time.Duration(n-200)*time.Second, probes.OK)}}
				if err := s.Write(context.Background(), &b); err != nil {
					t.Error(err)
					return
				}
				m, err := s.Matrix(context.Background(), around)
				if err != nil || len(m.Cells) != 1 || m.Cells[0].Counts.OK <= i || m.Cells[0].Newest.TraceID == "" {
					t.Errorf("got %+v and %v after %d writes", m.Cells, err, i+1)
					return
				}
			}
		})
	}
	wg.Wait()
	if c := matrixCell(t, s, around); c.Counts.OK != 80 {
		t.Errorf("got %d runs, want 80", c.Counts.OK)
	}
}

func TestClosedStore(t *testing.T) {
	s := openTest(t, Options{})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	b := Batch{Runs: []Run{run(1, 0, probes.OK)}}
	if err := s.Write(t.Context(), &b); !errors.Is(err, ErrClosed) {
		t.Errorf("got %v, want ErrClosed", err)
	}
	if err := s.Ready(); !errors.Is(err, ErrClosed) {
		t.Errorf("got %v, want ErrClosed", err)
	}
}

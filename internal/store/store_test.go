package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sonde-media/sonde/internal/api"
	"github.com/sonde-media/sonde/internal/dirlock"
	"github.com/sonde-media/sonde/probes"
)

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

func TestOneProcessADirectory(t *testing.T) {
	s := openTest(t, Options{})
	if _, err := Open(s.dir, Options{}); !errors.Is(err, dirlock.ErrTaken) || !strings.Contains(err.Error(), "--data") {
		t.Errorf("got %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := Open(s.dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	again.Close()
}

func TestFullQueue(t *testing.T) {
	s := openTest(t, Options{Queue: 1})
	write(t, s, Batch{Runs: []Run{run(1, 0, probes.OK)}})
	holder, err := open(filepath.Join(s.dir, dayName(midnight)+dayExt), 1)
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
	newer := t.TempDir()
	db, err := open(filepath.Join(newer, "2026-01-02.db"), 1)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec("PRAGMA user_version = 99"); err != nil {
		t.Fatal(err)
	}
	db.Close()
	file := filepath.Join(t.TempDir(), "file")
	os.WriteFile(file, nil, 0o600)
	for dir, want := range map[string]string{
		newer: "2026-01-02.db was written by another version of sonde (form 99, this one knows 1): start the version that wrote it",
		file:  "choose another directory with --data",
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
	if _, err := s.Matrix(t.Context(), around); !errors.Is(err, ErrClosed) {
		t.Errorf("got %v, want ErrClosed", err)
	}
	if err := s.Ready(); !errors.Is(err, ErrClosed) {
		t.Errorf("got %v, want ErrClosed", err)
	}
}

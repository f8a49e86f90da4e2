package telemetry

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sonde-media/sonde/internal/dirlock"
)

func newSpool(t *testing.T, dir string, maxBytes int64, maxAge time.Duration) *spool {
	t.Helper()
	s, err := openSpool(dir, maxBytes, maxAge, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.close)
	return s
}

func put(t *testing.T, s *spool, bodies ...string) {
	t.Helper()
	for _, b := range bodies {
		if err := s.put([]byte(b), 1); err != nil {
			t.Fatal(err)
		}
	}
}

// content returns what waits, oldest first.
func content(t *testing.T, s *spool) string {
	t.Helper()
	var all []string
	for _, f := range s.oldest(1000, 1<<30) {
		b, err := s.read(f)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, fmt.Sprintf("%s/%d", b, f.runs))
	}
	return strings.Join(all, " ")
}

func TestSpoolSurvivesAKill(t *testing.T) {
	dir := t.TempDir()
	put(t, newSpool(t, dir, 1<<20, time.Hour), "a", "b", "c")
	// What a killed process leaves is its directory, with a batch half written.
	left := t.TempDir()
	if err := os.CopyFS(left, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	half := filepath.Join(left, newSpoolFile(time.Now(), 1, 1, 1).name+".tmp")
	for _, stray := range []string{half, filepath.Join(left, "README"), filepath.Join(left, "1-x-y.pb.gz")} {
		if err := os.WriteFile(stray, []byte("stray"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s := newSpool(t, left, 1<<20, time.Hour)
	put(t, s, "d")
	if got, want := content(t, s), "a/1 b/1 c/1 d/1"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if _, err := os.Stat(half); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("half a batch is still there: %v", err)
	}
}

func TestSpoolDropsTheOldestAndCounts(t *testing.T) {
	s := newSpool(t, t.TempDir(), 10, time.Hour)
	put(t, s, "aaaa", "bbbb", "cccc", "dddd")
	if got, want := content(t, s), "cccc/1 dddd/1"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if bytes, _, dropped := s.state(); bytes != 8 || dropped != 2 {
		t.Errorf("%d bytes, %d dropped; want 8 and 2", bytes, dropped)
	}
}

func TestSpoolDropsWhatIsTooOld(t *testing.T) {
	dir := t.TempDir()
	old := newSpoolFile(time.Now().Add(-2*time.Hour), 1, 7, 3)
	if err := os.WriteFile(filepath.Join(dir, old.name), []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := newSpool(t, dir, 1<<20, time.Hour)
	if _, age, _ := s.state(); age < time.Hour {
		t.Errorf("age %v", age)
	}
	put(t, s, "new")
	if got := content(t, s); got != "new/1" {
		t.Errorf("got %q", got)
	}
	if _, _, dropped := s.state(); dropped != 7 {
		t.Errorf("dropped %d runs, want 7", dropped)
	}
}

func TestSpoolHasOneOwner(t *testing.T) {
	dir := t.TempDir()
	s := newSpool(t, dir, 1<<20, time.Hour)
	_, err := openSpool(dir, 1<<20, time.Hour, slog.New(slog.DiscardHandler))
	if !errors.Is(err, dirlock.ErrTaken) {
		t.Errorf("got %v, want %v", err, dirlock.ErrTaken)
	}
	s.close()
	newSpool(t, dir, 1<<20, time.Hour)
}

func TestDeadLettersAreBounded(t *testing.T) {
	s := newSpool(t, t.TempDir(), 40, time.Hour)
	put(t, s, "aaaa", "bbbb", "cccc")
	for _, f := range s.oldest(3, 1<<20) {
		s.bury(f, 1)
		s.bury(f, 1) // gone already: not counted twice
	}
	dead, err := os.ReadDir(filepath.Join(s.dir, deadDir))
	if err != nil || len(dead) != 2 { // a quarter of 40 bytes
		t.Errorf("%d dead letters, %v", len(dead), err)
	}
	if bytes, _, dropped := s.state(); bytes != 0 || dropped != 3 {
		t.Errorf("%d bytes, %d dropped; want 0 and 3", bytes, dropped)
	}
}

func TestOldestIsBounded(t *testing.T) {
	s := newSpool(t, t.TempDir(), 1<<20, time.Hour)
	put(t, s, "aaaa", "bbbb", "cccc")
	for _, c := range []struct {
		n     int
		bytes int64
		want  int
	}{{1, 100, 1}, {2, 100, 2}, {9, 100, 3}, {9, 8, 2}, {9, 1, 1}} {
		if got := len(s.oldest(c.n, c.bytes)); got != c.want {
			t.Errorf("at most %d files and %d bytes: got %d, want %d", c.n, c.bytes, got, c.want)
		}
	}
}

func TestADiskThatTakesNothingIsWaitedFor(t *testing.T) {
	log := newLogbook()
	e := open(t, Options{Hub: "http://127.0.0.1:1", Log: log.logger()})
	d := e.destinations[0]
	dir := d.spool.dir
	d.spool.dir = filepath.Join(dir, "gone")
	for id := range byte(maxUnsaved + 2) {
		e.Send(namedRun(id + 1))
		e.flush()
	}
	if log.count("runs not written to disk") == 0 {
		t.Error("not logged")
	}
	if _, _, dropped := d.spool.state(); dropped != 2 {
		t.Errorf("dropped %d runs, want 2", dropped)
	}
	d.spool.dir = dir
	e.flush()
	if got := len(d.spool.oldest(1000, 1<<30)); got != maxUnsaved {
		t.Errorf("%d batches on disk, want %d", got, maxUnsaved)
	}
}

func TestInflateIsBounded(t *testing.T) {
	bomb, err := deflate(make([]byte, maxInflated+1))
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := inflateAll(&b, bomb); err == nil {
		t.Error("a bomb was inflated")
	}
}

func TestInstanceSurvivesARestart(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new")
	a, err := Instance(dir)
	b, err2 := Instance(dir)
	if err != nil || err2 != nil || a != b || len(a) != 32 {
		t.Errorf("%q and %q, %v, %v", a, b, err, err2)
	}
}

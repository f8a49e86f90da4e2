package store

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

	"github.com/sonde-media/sonde/probes"
)

var today = dayName(midnight)

// fill writes so many runs that what is looked for stands on pages of its own.
func fill(t *testing.T, s *Store, n int) {
	t.Helper()
	var b Batch
	for i := range n {
		r := run(i, time.Duration(i)*time.Millisecond, probes.OK)
		r.Detail = strings.Repeat("detail ", 20)
		b.Runs = append(b.Runs, r)
	}
	b.Runs = append(b.Runs, run(n, -time.Hour, probes.OK))
	write(t, s, b)
}

// alter changes the bytes of a file in place.
func alter(t *testing.T, path string, change func([]byte) []byte) {
	t.Helper()
	old, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, change(bytes.Clone(old)), 0o600); err != nil {
		t.Fatal(err)
	}
}

// spoil puts garbage into the middle of every page but the first and where they
// say what they are.
func spoil(b []byte) []byte {
	for at := 4096; at < len(b); at += 4096 {
		copy(b[at:], "garbage")
		copy(b[at+2000:], bytes.Repeat([]byte{0xAA}, 100))
	}
	return b
}

func total(t *testing.T, s *Store) int {
	t.Helper()
	got, err := s.Runs(t.Context(), around)
	if err != nil {
		t.Fatal(err)
	}
	return got.Total
}

// A file that is damaged when the store is opened is set aside with all it has,
// and named; other days are there.
func TestDamagedAtOpen(t *testing.T) {
	for name, change := range map[string]func([]byte) []byte{
		"truncated":     func(b []byte) []byte { return b[:len(b)/2] },
		"cut in a page": func(b []byte) []byte { return b[:5000] },
		"zeros":         func(b []byte) []byte { return make([]byte, len(b)) },
		"text":          func([]byte) []byte { return []byte(strings.Repeat("no database ", 1000)) },
		"short text":    func([]byte) []byte { return []byte("no database") },
		"schema": func(b []byte) []byte {
			at := bytes.Index(b, []byte("CREATE TABLE runs"))
			copy(b[at:], "CREATE NOTHING")
			return b
		},
		"other tables": func(b []byte) []byte { return bytes.ReplaceAll(b, []byte("traces"), []byte("others")) },
	} {
		t.Run(name, func(t *testing.T) {
			s := openTest(t, Options{})
			fill(t, s, 500)
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(s.dir, today+dayExt)
			alter(t, path, change)
			broken, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			var log bytes.Buffer
			s, err = Open(s.dir, Options{Log: slog.New(slog.NewTextHandler(&log, nil))})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			all := s.Damaged()
			if len(all) != 1 || all[0].Day != today || !strings.Contains(log.String(), all[0].File) {
				t.Fatalf("got %+v, log %s", all, &log)
			}
			if kept, err := os.ReadFile(filepath.Join(s.dir, all[0].File)); err != nil || !bytes.Equal(kept, broken) {
				t.Errorf("what was set aside has changed (%v)", err)
			}
			write(t, s, Batch{Runs: []Run{run(1000, 0, probes.OK)}})
			if got := total(t, s); got != 2 || s.Ready() != nil {
				t.Errorf("got %d runs, ready %v; want the other day's and the new one", got, s.Ready())
			}
		})
	}
}

// A file that was emptied while its log holds what was acknowledged: SQLite
// would delete the log.
func TestEmptiedFileKeepsItsLog(t *testing.T) {
	s := openTest(t, Options{})
	write(t, s, Batch{Runs: []Run{run(1, 0, probes.OK)}})
	copied := t.TempDir() // as a killed process leaves it
	if err := os.CopyFS(copied, os.DirFS(s.dir)); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(filepath.Join(copied, today+dayExt), 0); err != nil {
		t.Fatal(err)
	}
	again, err := Open(copied, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	all := again.Damaged()
	if len(all) != 1 {
		t.Fatalf("got %+v", all)
	}
	if log, err := os.Stat(filepath.Join(copied, all[0].File+"-wal")); err != nil || log.Size() == 0 {
		t.Errorf("its log: %v", err)
	}
}

// A log whose file was moved already, when the process ended, follows it.
func TestSettingAsideIsFinished(t *testing.T) {
	dir := t.TempDir()
	moved := today + damagedMark + "20260101T000000.000Z"
	for name, text := range map[string]string{moved: "file", today + dayExt + "-wal": "log"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s, err := Open(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	write(t, s, Batch{Runs: []Run{run(1, 0, probes.OK)}})
	if b, err := os.ReadFile(filepath.Join(dir, moved+"-wal")); err != nil || string(b) != "log" {
		t.Errorf("got %q and %v", b, err)
	}
}

// What is damaged while it is written to is set aside, and what came is in a
// fresh file before it is acknowledged. Also when all three files are gone bad.
func TestDamagedWhileWriting(t *testing.T) {
	s := openTest(t, Options{})
	fill(t, s, 500)
	_, c, err := s.Follow(t.Context(), nil, 10_000)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(s.dir, today+dayExt)
	for _, end := range []string{"", "-wal", "-shm"} {
		alter(t, path+end, func(b []byte) []byte { return make([]byte, len(b)) })
	}
	write(t, s, Batch{Runs: []Run{run(1000, 0, probes.OK)}})
	if got := total(t, s); got != 2 || s.Ready() != nil || len(s.Damaged()) != 1 {
		t.Errorf("got %d runs, ready %v, %+v", got, s.Ready(), s.Damaged())
	}
	if all, _, err := s.Follow(t.Context(), c, 10_000); err != nil || len(all) != 1 || all[0].TraceID != hexID(1000, 32) {
		t.Errorf("who followed got %d runs and %v, want the one of the fresh file", len(all), err)
	}
	copied := t.TempDir() // as a killed process leaves it
	if err := os.CopyFS(copied, os.DirFS(s.dir)); err != nil {
		t.Fatal(err)
	}
	again, err := Open(copied, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if got := total(t, again); got != 2 {
		t.Errorf("another process finds %d runs, want 2", got)
	}
}

// A query that meets damage says so, and the next one answers from the rest.
func TestDamagedWhileReading(t *testing.T) {
	s := openTest(t, Options{})
	fill(t, s, 500)
	if err := s.Close(); err != nil { // so that all is in the file
		t.Fatal(err)
	}
	alter(t, filepath.Join(s.dir, today+dayExt), spoil)
	s, err := Open(s.dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if len(s.Damaged()) > 0 {
		t.Fatal("it was found at once")
	}
	_, err = s.Runs(t.Context(), around)
	if err == nil || !strings.Contains(err.Error(), today+".db is damaged and is being set aside, ask again") {
		t.Errorf("got %v", err)
	}
	write(t, s, Batch{Runs: []Run{run(1000, -time.Hour, probes.OK)}}) // after which the writer has been at it
	if got := total(t, s); got != 2 || len(s.Damaged()) != 1 {
		t.Errorf("got %d runs, %+v", got, s.Damaged())
	}
}

// What was set aside goes when its day does.
func TestDamagedExpire(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"2020-01-02", today} {
		for _, end := range []string{"", "-wal"} {
			os.WriteFile(filepath.Join(dir, name+damagedMark+"20200102T000000.000Z"+end), nil, 0o600)
		}
	}
	s, err := Open(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	left, _ := filepath.Glob(filepath.Join(dir, "*damaged*"))
	if all := s.Damaged(); len(all) != 1 || all[0].Day != today || len(left) != 2 {
		t.Errorf("got %+v, %v", all, left)
	}
}

// Want of rights or of room is no damage.
func TestWhatIsNoDamage(t *testing.T) {
	for _, err := range []error{nil, errors.New("no"), os.ErrPermission, ErrFull} {
		if damaged(err) {
			t.Errorf("%v is damage", err)
		}
	}
	if !damaged(fmt.Errorf("wrapped: %w", errDamaged)) {
		t.Error("damage isn't")
	}
}

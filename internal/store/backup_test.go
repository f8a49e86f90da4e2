package store

import (
	"bytes"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sonde-media/sonde/internal/dirlock"
	"github.com/sonde-media/sonde/probes"
)

// age makes the files of a store look as if nothing had changed for a while.
func age(t *testing.T, dir string) {
	t.Helper()
	files, _ := filepath.Glob(filepath.Join(dir, "*.db*"))
	for _, file := range files {
		at := time.Now().Add(-time.Minute)
		if err := os.Chtimes(file, at, at); err != nil {
			t.Fatal(err)
		}
	}
}

// copied runs a backup and says what became of each file.
func copied(t *testing.T, dir, dest string) map[string]string {
	t.Helper()
	says := map[string]string{}
	err := Backup(t.Context(), dir, dest, func(c Copied) {
		switch {
		case c.Err != nil:
			says[c.File] = "damaged"
		case c.Unchanged:
			says[c.File] = "unchanged"
		default:
			says[c.File] = "copied"
		}
	})
	if wrong := slices.Contains(slices.Collect(maps.Values(says)), "damaged"); (err != nil) != wrong {
		t.Errorf("got %v of %v", err, says)
	}
	return says
}

// A backup of a store that is written to holds what was acknowledged, and the
// next takes what changed. Restored, it gives the same answers.
func TestBackupAndRestore(t *testing.T) {
	s := openTest(t, Options{})
	records, err := OpenRecords(s.dir)
	if err != nil {
		t.Fatal(err)
	}
	defer records.Close()
	if _, _, err := records.CreateToken(RoleViewer, ""); err != nil {
		t.Fatal(err)
	}
	fill(t, s, 500)
	dest := filepath.Join(t.TempDir(), "backup")
	age(t, s.dir)
	before := dayName(midnight.Add(-time.Hour)) + dayExt
	want := map[string]string{before: "copied", today + dayExt: "copied", recordsFile: "copied"}
	if got := copied(t, s.dir, dest); !maps.Equal(got, want) {
		t.Errorf("got %v", got)
	}
	write(t, s, Batch{Runs: []Run{run(1000, time.Hour, probes.OK)}})
	want[before], want[recordsFile] = "unchanged", "unchanged"
	if got := copied(t, s.dir, dest); !maps.Equal(got, want) {
		t.Errorf("then got %v", got)
	}

	back := filepath.Join(t.TempDir(), "back")
	if err := Restore(t.Context(), dest, back, false, func(Copied) {}); err != nil {
		t.Fatal(err)
	}
	again, err := Open(back, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := total(t, again), total(t, s); got != want || got != 502 {
		t.Errorf("got %d runs, want %d", got, want)
	}
	if ok, err := HasTokens(back); err != nil || !ok {
		t.Errorf("tokens: %v, %v", ok, err)
	}
	if err := Restore(t.Context(), dest, back, true, func(Copied) {}); !errors.Is(err, dirlock.ErrTaken) {
		t.Errorf("while it is used: %v", err)
	}
	again.Close()
	if err := Restore(t.Context(), dest, back, false, func(Copied) {}); !errors.Is(err, ErrNotEmpty) {
		t.Errorf("into what isn't empty: %v", err)
	}
	if err := Restore(t.Context(), dest, back, true, func(Copied) {}); err != nil {
		t.Error(err)
	}
	if old, _ := filepath.Glob(filepath.Join(back, replacedDir+"*", "*.db")); len(old) != 3 {
		t.Errorf("moved away were %v", old)
	}
	left, _ := filepath.Glob(filepath.Join(back, ".*.partial"))
	if checks := verify(t, back); len(left) > 0 || len(checks) != 3 {
		t.Errorf("got %+v, left %v", checks, left)
	}
}

// A damaged day is named, leaves its copy from before and keeps nobody from the
// others, there and back.
func TestBackupOfDamagedDay(t *testing.T) {
	s := openTest(t, Options{})
	fill(t, s, 500)
	s.Close()
	dest := t.TempDir()
	copied(t, s.dir, dest)
	kept, err := os.ReadFile(filepath.Join(dest, today+dayExt))
	if err != nil {
		t.Fatal(err)
	}
	alter(t, filepath.Join(s.dir, today+dayExt), spoil)
	if got := copied(t, s.dir, dest); got[today+dayExt] != "damaged" {
		t.Errorf("got %v", got)
	}
	if now, err := os.ReadFile(filepath.Join(dest, today+dayExt)); err != nil || !bytes.Equal(now, kept) {
		t.Errorf("the copy from before has changed (%v)", err)
	}
	alter(t, filepath.Join(dest, today+dayExt), spoil)
	back := t.TempDir()
	wrong := 0
	err = Restore(t.Context(), dest, back, false, func(c Copied) {
		if c.Err != nil {
			wrong++
		}
	})
	if err == nil || wrong != 1 {
		t.Errorf("got %v, %d damaged", err, wrong)
	}
	again, err := Open(back, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if got := total(t, again); got != 1 {
		t.Errorf("got %d runs, want the other day's", got)
	}
}

func TestBackupRefuses(t *testing.T) {
	s := openTest(t, Options{})
	write(t, s, Batch{Runs: []Run{run(1, 0, probes.OK)}})
	other := openTest(t, Options{})
	write(t, other, Batch{Runs: []Run{run(1, 0, probes.OK)}})
	none := filepath.Join(t.TempDir(), "none")
	for name, c := range map[string]struct{ dir, dest, says string }{
		"onto itself":        {s.dir, s.dir, "the same directory"},
		"over another store": {s.dir, other.dir, "neither empty nor a backup"},
		"of nothing":         {t.TempDir(), t.TempDir(), "no hub keeps anything"},
		"of no directory":    {none, t.TempDir(), "no such file"},
	} {
		err := Backup(t.Context(), c.dir, c.dest, func(Copied) {})
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if err := Restore(t.Context(), t.TempDir(), t.TempDir(), false, nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	if exists(none) {
		t.Error("it was made")
	}
}

func verify(t *testing.T, dir string) map[string]Checked {
	t.Helper()
	all := map[string]Checked{}
	if err := Verify(t.Context(), dir, func(c Checked) { all[c.File] = c }); err != nil {
		t.Fatal(err)
	}
	return all
}

// Verify finds what answers don't need to meet, in a store that runs too.
func TestVerify(t *testing.T) {
	s := openTest(t, Options{})
	fill(t, s, 500)
	file := today + dayExt
	if c := verify(t, s.dir)[file]; len(c.Faults) > 0 || c.Rows["runs"] != 500 || c.Rows["cells"] != 1 || c.Bytes == 0 {
		t.Errorf("got %+v", c)
	}
	s.Close()
	path := filepath.Join(s.dir, file)
	sound, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func([]byte) []byte{
		"garbage in pages": spoil,
		"one page": func(b []byte) []byte {
			copy(b[len(b)/2/4096*4096:], bytes.Repeat([]byte{0xAA}, 4096))
			return b
		},
		"truncated": func(b []byte) []byte { return b[:len(b)/2] },
		"zeros":     func(b []byte) []byte { return make([]byte, len(b)) },
		"empty":     func([]byte) []byte { return nil },
		"text":      func([]byte) []byte { return []byte("no database at all, but text") },
	} {
		alter(t, path, func([]byte) []byte { return change(bytes.Clone(sound)) })
		all := verify(t, s.dir)
		if len(all[file].Faults) == 0 || len(all[file].Faults) > maxFaults+1 {
			t.Errorf("%s: got %+v", name, all[file])
		}
		if other := all[dayName(midnight.Add(-time.Hour))+dayExt]; len(other.Faults) > 0 || other.Rows["runs"] != 1 {
			t.Errorf("%s: the other day: %+v", name, other)
		}
	}
	alter(t, path, func([]byte) []byte { return []byte("no database at all, but text") })
	if again, err := Open(s.dir, Options{}); err != nil {
		t.Error(err)
	} else {
		again.Close()
	}
	for file, c := range verify(t, s.dir) {
		if strings.Contains(file, damagedMark) && !c.Aside || len(c.Faults) > 0 {
			t.Errorf("afterwards %+v", c)
		}
	}
}

// A backup has all that was acknowledged before it began, whatever is written
// meanwhile, and keeps no writer waiting for good.
func TestBackupDuringWrites(t *testing.T) {
	s := openTest(t, Options{})
	done, dest := make(chan struct{}), t.TempDir()
	var acknowledged atomic.Int64
	var writer sync.WaitGroup
	first := make(chan struct{})
	writer.Go(func() {
		for n := 0; ; n++ {
			select {
			case <-done:
				return
			default:
			}
			b := Batch{Runs: []Run{run(n, time.Duration(n)*time.Millisecond, probes.OK)}}
			if err := s.Write(t.Context(), &b); err != nil {
				t.Error(err)
				return
			}
			if acknowledged.Add(1) == 1 {
				close(first)
			}
		}
	})
	<-first
	for range 5 {
		atLeast := acknowledged.Load()
		copied(t, s.dir, dest)
		c := verify(t, dest)[today+dayExt]
		if len(c.Faults) > 0 || int64(c.Rows["runs"]) < atLeast || c.Rows["cells"] != 1 {
			t.Errorf("got %+v, want %d runs at least", c, atLeast)
		}
	}
	close(done)
	writer.Wait()
}

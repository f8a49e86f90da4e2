package feed

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/sonde-media/sonde/internal/wire"
	"github.com/sonde-media/sonde/probes"
)

// take is an intake that body came to in pieces.
func take(body []byte, alike bool) *intake {
	in := newIntake(noon, alike)
	io.Copy(struct{ io.Writer }{in}, bytes.NewReader(body))
	in.End()
	return in
}

// A large document that may be the one before isn't parsed before that is
// known, and is read as if it had been parsed while it came.
func TestAside(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	body := large(maxHeld + maxHeld/2)
	fed, put := take(body, false), take(body, true)
	defer fed.Close()
	defer put.Close()
	if fed.aside != nil || fed.got == nil || put.fed != nil || put.held != nil || put.got != nil {
		t.Fatalf("got %+v and %+v", fed, put)
	}
	if fed.sum("x") != put.sum("x") {
		t.Error("sums differ")
	}
	want, _ := fed.document(base, "koi8-r", 5)
	if got, err := put.document(base, "koi8-r", 5); err != nil || fmt.Sprint(got) != fmt.Sprint(want) || got.items < 1000 {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
	if left, _ := filepath.Glob(filepath.Join(os.TempDir(), "*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	small := take(body[:maxHeld], true)
	defer small.Close()
	if small.aside != nil {
		t.Error("what memory holds is put aside")
	}
}

// Without a place for files, or with a full one, a document is parsed as it
// comes.
func TestNothingCanBePutAside(t *testing.T) {
	body := large(maxHeld + maxHeld/2)
	fed := take(body, false)
	defer fed.Close()
	want, _ := fed.document(base, "", 5)
	same := func(t *testing.T, in *intake) {
		in.End()
		defer in.Close()
		if got, err := in.document(base, "", 5); err != nil || in.aside != nil || fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("got %+v, %v, want %+v", got, err, want)
		}
	}
	full := func(t *testing.T, file *os.File) *intake {
		in := take(body[:maxHeld+1], true)
		in.aside.file.Close()
		in.aside.file = file
		in.Write(body[maxHeld+1 : maxHeld+100])
		in.Write(body[maxHeld+100:])
		return in
	}
	t.Run("no directory", func(t *testing.T) {
		t.Setenv("TMPDIR", filepath.Join(t.TempDir(), "none"))
		same(t, take(body, true))
	})
	t.Run("full", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "full")
		if err := os.WriteFile(path, body[:maxHeld+1], 0o600); err != nil {
			t.Fatal(err)
		}
		file, err := os.Open(path) // refuses what is written
		if err != nil {
			t.Fatal(err)
		}
		same(t, full(t, file))
	})
	t.Run("broken", func(t *testing.T) {
		file, err := os.CreateTemp(t.TempDir(), "")
		if err != nil {
			t.Fatal(err)
		}
		file.Close()
		in := full(t, file)
		in.End()
		defer in.Close()
		_, err = in.document(base, "", 5)
		if f, ok := errors.AsType[*probes.Failure](unread(err)); !ok || f.Code != probes.LocalResources {
			t.Errorf("got %v", err)
		}
	})
}

// A feed of any size whose bytes haven't changed isn't parsed again, though its
// server says nothing by which to tell.
func TestLargeUnchanged(t *testing.T) {
	body := large(maxHeld + maxHeld/2)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.Write(body) }))
	defer server.Close()
	n, err := wire.New(wire.Options{AllowPrivate: true})
	if err != nil {
		t.Fatal(err)
	}
	target := probes.Target{Kind: "feed", URL: server.URL, Options: probes.Options{"episodes": 0}}
	probe, err := New(n, target)
	if err != nil {
		t.Fatal(err)
	}
	run := func() (facts string, unchanged bool, mallocs uint64) {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		r := probes.Do(t.Context(), probe, target)
		runtime.ReadMemStats(&after)
		if r.Outcome == probes.Failed || r.Outcome == probes.Unknown {
			t.Fatal(r.Detail)
		}
		s := r.Root.Steps[0].Steps[1]
		unchanged = s.Attrs[probes.AttrFeedUnchanged] == true
		delete(s.Attrs, probes.AttrFeedUnchanged)
		return fmt.Sprint(s.Attrs, s.Findings), unchanged, after.Mallocs - before.Mallocs
	}
	first, unchanged, parsing := run()
	if unchanged {
		t.Error("the first is unchanged")
	}
	for range 2 {
		again, unchanged, mallocs := run()
		if !unchanged || again != first || mallocs > parsing/4 {
			t.Errorf("got unchanged %v with %d allocations after %d, %s\nwant %s", unchanged, mallocs, parsing, again, first)
		}
	}
	body = large(maxHeld + maxHeld/3)
	if now, unchanged, _ := run(); unchanged || now == first {
		t.Errorf("another is unchanged: %s", now)
	}
}

func BenchmarkLargeUnchanged(b *testing.B) {
	body := large(maxHeld + maxHeld/2)
	for name, alike := range map[string]bool{"parsed": false, "aside": true} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				in := take(body, alike)
				in.sum("")
				in.Close()
			}
		})
	}
}

package source

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sonde-media/sonde/internal/config"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	one    = "targets: [{page: https://a.example/}]\n"
	two    = "targets: [{page: https://a.example/}, {page: https://b.example/}]\n"
	broken = "targets: [{pgae: https://a.example/}]\nregoins: {}\n"
)

// A notebook is a log that can be read while it is written.
type notebook struct {
	mu   sync.Mutex // guards text
	text bytes.Buffer
}

func (n *notebook) Write(p []byte) (int, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.text.Write(p)
}

func (n *notebook) count(text string) int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return strings.Count(n.text.String(), text)
}

// waitFor returns when text is in the log n times.
func (n *notebook) waitFor(t *testing.T, text string, times int) {
	t.Helper()
	for n.count(text) < times {
		if t.Context().Err() != nil || time.Since(began) > 2*time.Minute {
			t.Fatalf("%q isn't logged %d times; the log is\n%s", text, times, n.text.String())
		}
		time.Sleep(time.Millisecond)
	}
}

var began = time.Now()

func (n *notebook) log() *slog.Logger { return slog.New(slog.NewTextHandler(n, nil)) }

// A watched source runs until the test ends and gives what it brings to got.
type watched struct {
	notebook
	got  chan *Version
	look chan os.Signal
}

// watch runs the source of from in the background. What refuse returns of a
// version is what accept says.
func watch(t *testing.T, from string, o Options, refuse func(*Version) error) *watched {
	t.Helper()
	w := &watched{got: make(chan *Version), look: make(chan os.Signal)}
	o.Log, o.Poll = w.log(), time.Millisecond
	s, err := New(from, o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	accept := func(v *Version) error {
		if refuse != nil {
			if err := refuse(v); err != nil {
				return err
			}
		}
		select {
		case w.got <- v:
		case <-ctx.Done():
		}
		return nil
	}
	wg.Go(func() {
		if err := s.First(ctx, accept); err != nil {
			if !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
			s.Close()
			return
		}
		s.Watch(ctx, w.look, accept)
	})
	t.Cleanup(func() { cancel(); wg.Wait() })
	return w
}

func (w *watched) want(t *testing.T, targets int) *Version {
	t.Helper()
	v := <-w.got
	if len(v.Config.Targets) != targets {
		t.Fatalf("got %d targets, want %d", len(v.Config.Targets), targets)
	}
	return v
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestFileChanges(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sonde.yaml")
	write(t, path, one)
	w := watch(t, path, Options{}, nil)
	w.want(t, 1)
	w.look <- os.Interrupt
	w.want(t, 1) // who asks gets it, though it is the same
	write(t, path, two)
	w.want(t, 2)
	// Some editors replace the file.
	write(t, path+"~", one)
	if err := os.Rename(path+"~", path); err != nil {
		t.Fatal(err)
	}
	w.want(t, 1)
}

// All that is wrong is said, and said once, and what runs stays.
func TestBadFileIsRefusedOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sonde.yaml")
	write(t, path, one)
	w := watch(t, path, Options{}, nil)
	w.want(t, 1)
	write(t, path, broken)
	w.waitFor(t, "sonde.yaml:1:11: ", 1)
	w.waitFor(t, "sonde.yaml:2:1: ", 1)
	w.look <- os.Interrupt // who asks is told again
	w.waitFor(t, "sonde.yaml:1:11: ", 2)
	w.look <- os.Interrupt
	w.waitFor(t, "sonde.yaml:1:11: ", 3)
	if n := w.count("sonde.yaml:1:11: "); n != 3 {
		t.Errorf("logged %d times, want 3: once, and once for each who asked", n)
	}
	write(t, path, two)
	w.want(t, 2)
	w.waitFor(t, "configuration can be had again", 1)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	w.waitFor(t, "no such file", 1)
}

// Roots are read with the configuration: a new certificate of one's own
// authority counts without a restart.
func TestFileOfRootsChanges(t *testing.T) {
	dir := t.TempDir()
	path, roots := filepath.Join(dir, "sonde.yaml"), filepath.Join(dir, "ca.pem")
	write(t, path, "ca_file: ca.pem\n"+one)
	write(t, roots, "old")
	w := watch(t, path, Options{}, nil)
	w.want(t, 1)
	write(t, roots, "new")
	w.want(t, 1)
}

func TestIncludedFileChanges(t *testing.T) {
	dir := t.TempDir()
	path, list := filepath.Join(dir, "sonde.yaml"), filepath.Join(dir, "urls.txt")
	write(t, path, "include: [{urls: urls.txt, kind: page}]\n"+one)
	write(t, list, "https://b.example/\n")
	w := watch(t, path, Options{}, nil)
	w.want(t, 2)
	write(t, list, "https://b.example/\nhttps://c.example/\n")
	w.want(t, 3)
}

// Half of a file that is being written is no new configuration.
func TestChangesSettle(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sonde.yaml")
	write(t, path, two)
	f := newFile(path, time.Hour)
	if _, err := f.look(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	write(t, path, one)
	if v, err := f.look(t.Context(), false); v != nil || err != nil || f.pause() >= time.Hour/2 {
		t.Errorf("taken at first sight: %v, %v, next look after %v", v, err, f.pause())
	}
	write(t, path, two+"\n")
	if v, err := f.look(t.Context(), false); v != nil || err != nil {
		t.Errorf("taken while it changes: %v, %v", v, err)
	}
	if v, err := f.look(t.Context(), false); v == nil || err != nil || len(v.Config.Targets) != 2 {
		t.Errorf("got %v, %v", v, err)
	}
	// Touched, it is no new version, and not read again by the next look.
	if err := os.Chtimes(path, time.Now(), time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if v, err := f.look(t.Context(), false); v != nil || err != nil {
			t.Errorf("a touched file: %v, %v", v, err)
		}
	}
}

func TestFirstFileMustBeRight(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sonde.yaml")
	s, err := New(path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	none := func(*Version) error { t.Error("accepted"); return nil }
	if err := s.First(t.Context(), none); err == nil || !strings.Contains(err.Error(), "no such file") {
		t.Errorf("got %v", err)
	}
	write(t, path, broken)
	if errs, ok := errors.AsType[config.Errors](s.First(t.Context(), none)); !ok || len(errs) < 2 {
		t.Errorf("got %v", errs)
	}
	write(t, path, one)
	no := errors.New("no such region")
	if err := s.First(t.Context(), func(*Version) error { return no }); !errors.Is(err, no) {
		t.Errorf("got %v", err)
	}
}

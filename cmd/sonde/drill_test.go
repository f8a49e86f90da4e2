package main

import (
	"context"
	"net"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sonde-media/sonde/internal/drill"
)

// program is this test binary, which TestMain lets be sonde by its name.
func program(t *testing.T) drill.Program {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return drill.Program{Path: path, Name: "sonde"}
}

func scenario(t *testing.T, name string) drill.Scenario {
	t.Helper()
	s, err := scenarios([]string{name})
	if err != nil {
		t.Fatal(err)
	}
	return s[0]
}

// TestDrill plays outages for real: a hub, agents, sockets. How soon something
// is told depends on what else the machine has to do, so that is not judged
// here.
func TestDrill(t *testing.T) {
	if testing.Short() {
		t.Skip("takes half a minute")
	}
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	t.Run("at once", func(t *testing.T) {
		for _, name := range []string{"expired-wildcard", "edge-dns", "ranges-ignored"} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				told := &telling{}
				r := drill.Run(t.Context(), scenario(t, name), drill.Options{Program: program(t), Tell: told.tell})
				wrong := slices.DeleteFunc(r.Wrong, func(w string) bool { return w == "detected" || w == "recovered" })
				if r.Busy() && len(wrong) > 0 {
					t.Skipf("this machine has too much else to do: timers came %.1f s late", r.Late)
				}
				if r.Error != "" || len(wrong) > 0 || r.Incident == "" {
					t.Errorf("got wrong %v, %s\nexpected %+v\nreported %+v\nextra    %+v\n%s", r.Wrong, r.Error, r.Expected, r.Reported, r.Extra, told)
				}
			})
		}
	})
	if left, _ := os.ReadDir(temp); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// A drill that is interrupted takes all its processes and files along.
func TestDrillInterrupted(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	told := &telling{}
	r := drill.Run(ctx, scenario(t, "login-5xx"), drill.Options{Program: program(t), Tell: func(e drill.Event) {
		told.tell(e)
		if strings.Contains(e.Text, "every target was run") {
			cancel()
		}
	}})
	if r.Error != "interrupted" || r.Correct {
		t.Errorf("got %q, correct %v", r.Error, r.Correct)
	}
	_, hub, ok := strings.Cut(told.String(), ", hub ")
	hub, _, _ = strings.Cut(hub, "\n")
	u, err := url.Parse(hub)
	if !ok || err != nil {
		t.Fatalf("no hub was told:\n%s", told)
	}
	if c, err := net.DialTimeout("tcp", u.Host, time.Second); err == nil {
		c.Close()
		t.Errorf("the hub at %s is still there", u.Host)
	}
	if left, _ := os.ReadDir(temp); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// A process that ends by itself is told of with what it said.
func TestDrillWhoseHubFails(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	r := drill.Run(t.Context(), scenario(t, "login-5xx"), drill.Options{Program: drill.Program{Path: "/bin/sh", Name: "sh"}})
	if !strings.HasPrefix(r.Error, "sonde hub: exit status ") || len(strings.Split(r.Error, "\n")) < 2 {
		t.Errorf("got %q, want the status of the hub and what it printed", r.Error)
	}
}

// telling collects what is told.
type telling struct {
	mu   sync.Mutex // guards text
	text strings.Builder
}

func (t *telling) tell(e drill.Event) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text.WriteString(e.Process + " " + e.Text + "\n")
}

func (t *telling) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.text.String()
}

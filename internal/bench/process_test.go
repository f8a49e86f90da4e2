package bench

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/sonde-media/sonde/probes"
)

const (
	roleKey = "SONDE_BENCH_ROLE"
	dirKey  = "SONDE_BENCH_DIR"
)

// A job is what a prober is asked to do: one line of JSON.
type job struct {
	Case    string
	Kind    string
	URL     string
	Module  string // of the exporter
	Options probes.Options
	Range   string
	Count   int
	Profile string // file for a CPU profile, "" for none
}

// A reply is what a prober answers: one line too.
type reply struct{ Err string }

// parallel is how many probes are under way at once in every prober: an agent
// with many targets isn't idle while it waits for one.
const parallel = 4

// each does f n times, parallel at once.
func each(n int, f func() error) error {
	var wg sync.WaitGroup
	errs := make([]error, parallel)
	for w := range parallel {
		wg.Go(func() {
			for i := w; i < n && errs[w] == nil; i += parallel {
				errs[w] = f()
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// play is what a child process does: it answers jobs until there are no more.
func play(role string) error {
	switch role {
	case "server":
		return serve(os.Stdout, os.Stdin)
	case "sonde":
		return withSonde(func(probe func(job) error) error { return answer(probe) })
	case "net/http":
		return answer(plain)
	}
	return fmt.Errorf("unknown role %q", role)
}

func answer(probe func(job) error) error {
	in, out := json.NewDecoder(os.Stdin), json.NewEncoder(os.Stdout)
	for {
		var j job
		if err := in.Decode(&j); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		var r reply
		if err := profiled(j.Profile, func() error { return probe(j) }); err != nil {
			r.Err = err.Error()
		}
		if err := out.Encode(r); err != nil {
			return err
		}
	}
}

// startChild starts this binary as a prober.
func startChild(t *testing.T, p pins, role string, s *server) prober {
	return startBuild(t, p, child{role, role, self(t)}, s)
}

// A child is a build of this test that plays a role under a name of the table.
type child struct{ name, role, exe string }

func startBuild(t *testing.T, p pins, c child, s *server) prober {
	in, out, pid := c.start(t, p, 1, s.dir)
	write, read := json.NewEncoder(in), json.NewDecoder(out)
	probe := func(j job) error {
		if *profile != "" && c.name == "sonde" {
			j.Profile = filepath.Join(*profile, strings.ReplaceAll(j.Case, " ", "-")+".pprof")
		}
		var r reply
		if err := write.Encode(j); err != nil {
			return err
		}
		if err := read.Decode(&r); err != nil {
			return fmt.Errorf("the process has ended: %w", err)
		}
		if r.Err != "" {
			return errors.New(r.Err)
		}
		return nil
	}
	return prober{c.name, pid, probe}
}

// self is this binary.
func self(t *testing.T) string {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return exe
}

// start starts this binary in a role until the test ends.
func start(t *testing.T, p pins, cpu int, role, dir string) (io.Writer, io.Reader, int) {
	t.Helper()
	return child{role, role, self(t)}.start(t, p, cpu, dir)
}

func (as child) start(t *testing.T, p pins, cpu int, dir string) (io.Writer, io.Reader, int) {
	t.Helper()
	c := p.command(t, cpu, as.exe, "-alpn", *alpn)
	c.Env = append(os.Environ(), roleKey+"="+as.role, dirKey+"="+dir)
	c.Stderr = os.Stderr
	in, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		c.Wait()
	})
	return in, bufio.NewReader(out), c.Process.Pid
}

// cpu returns what the process has taken so far, user and system, in ms: by
// the scheduler's own nanoseconds, thread by thread, where the kernel tells
// them, else by its ticks of 10 ms.
func cpu(t *testing.T, pid int) (ms float64) {
	t.Helper()
	files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	for _, f := range files {
		text, err := os.ReadFile(f)
		first, _, _ := strings.Cut(string(text), " ")
		ns, err2 := strconv.ParseFloat(first, 64)
		if err != nil || err2 != nil {
			return ticks(t, pid)
		}
		ms += ns / 1e6
	}
	if len(files) == 0 {
		return ticks(t, pid)
	}
	return ms
}

func ticks(t *testing.T, pid int) float64 {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Skipf("this system doesn't tell what a process costs: %v", err)
	}
	_, rest, _ := strings.Cut(string(text), ") ")
	fields := strings.Fields(rest)
	user, _ := strconv.ParseFloat(fields[11], 64)
	system, _ := strconv.ParseFloat(fields[12], 64)
	return (user + system) * 10
}

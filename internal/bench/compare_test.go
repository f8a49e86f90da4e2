// Package bench compares what a probe costs: Sonde, with all its telemetry,
// against Debian's prometheus-blackbox-exporter and a plain net/http loop,
// each a process of its own on the same CPU, in turns over the same servers.
//
//	this process ─┬─ server         all that is probed; first CPU
//	              ├─ sonde          probe → run → spans and metrics → spool
//	              ├─ net/http       a fresh Transport a probe, body read
//	              └─ blackbox       the exporter, asked by GET /probe
//
// Without -compare it does one tiny round, to hold the harness to its word. With
// -against, Sonde of another build of this test runs too: on a machine that
// others use as well, only rounds in turn tell which of two is cheaper.
package bench

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"testing"
)

var (
	compare = flag.Bool("compare", false, "measure, instead of only trying the harness")
	rounds  = flag.Int("rounds", 5, "how often all are measured in turn")
	count   = flag.Int("probes", 200, "probes a case and round")
	only    = flag.String("only", "", "cases whose name this regular expression matches")
	among   = flag.String("probers", "", "probers whose name this regular expression matches")
	against = flag.String("against", "", "another build of this test, whose Sonde is measured too")
	out     = flag.String("table", "", "write the table to this file too")
	profile = flag.String("cpuprofiles", "", "write CPU profiles of Sonde by case into this directory")
	alpn    = flag.String("alpn", "h2,http/1.1", "protocols the servers agree to")
)

func TestMain(m *testing.M) {
	flag.Parse()
	if role := os.Getenv(roleKey); role != "" {
		if err := play(role); err != nil {
			fmt.Fprintln(os.Stderr, role+":", err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// A prober is one way to probe, in a process of its own.
type prober struct {
	name  string
	pid   int
	probe func(job) error
}

func TestCompare(t *testing.T) {
	variants := []string{"p256", "p384-rsa", "p384-leaf", "plain"}
	if !*compare { // keys of 4096 bits take their time
		*rounds, *count, variants = 1, 2, []string{"p256", "plain"}
	}
	p := newPins(t)
	s := startServer(t, p, variants)
	probers := startProbers(t, p, s)
	results, chosen := &table{}, regexp.MustCompile(*only)
	for round := range *rounds + 1 { // the first is for warming up
		for _, j := range s.jobs(*count) {
			if !chosen.MatchString(j.Case) {
				continue
			}
			for i := range probers {
				b := probers[(i+round)%len(probers)]
				ms := measure(t, b, j)
				if round > 0 {
					results.add(j.Case, b.name, ms)
				}
			}
		}
	}
	if *compare {
		results.show(t, p.how)
	}
}

// startProbers starts those that are wanted.
func startProbers(t *testing.T, p pins, s *server) (started []prober) {
	wanted := regexp.MustCompile(*among).MatchString
	if wanted("sonde") {
		started = append(started, startChild(t, p, "sonde", s))
	}
	if *against != "" {
		started = append(started, startBuild(t, p, child{"against", "sonde", *against}, s))
	}
	if wanted("net/http") {
		started = append(started, startChild(t, p, "net/http", s))
	}
	if wanted("blackbox") {
		if b, ok := startBlackbox(t, p, s); ok {
			started = append(started, b)
		}
	}
	return started
}

// measure returns the CPU that b takes for one probe of j, in ms.
func measure(t *testing.T, b prober, j job) float64 {
	t.Helper()
	before := cpu(t, b.pid)
	if err := b.probe(j); err != nil {
		t.Fatalf("%s, %s: %v", b.name, j.Case, err)
	}
	return (cpu(t, b.pid) - before) / float64(j.Count)
}

// pins say where processes run.
type pins struct {
	taskset string
	how     string // told above the table
}

func newPins(t *testing.T) pins {
	path, err := exec.LookPath("taskset")
	switch {
	case err != nil:
		return pins{how: "not pinned: there is no taskset here (Debian: util-linux)"}
	case runtime.NumCPU() < 2:
		return pins{how: "not pinned: this machine has one CPU"}
	}
	// What asks the exporter counts as a server.
	if err := exec.Command(path, "-a", "-c", "-p", "0", fmt.Sprint(os.Getpid())).Run(); err != nil {
		return pins{how: fmt.Sprintf("not pinned: taskset: %v", err)}
	}
	t.Cleanup(func() {
		exec.Command(path, "-a", "-c", "-p", fmt.Sprintf("0-%d", runtime.NumCPU()-1), fmt.Sprint(os.Getpid())).Run()
	})
	return pins{path, "servers on CPU 0, probers on CPU 1"}
}

// command is args to be run on cpu.
func (p pins) command(t *testing.T, cpu int, args ...string) *exec.Cmd {
	if p.taskset != "" {
		args = append([]string{p.taskset, "-c", fmt.Sprint(cpu)}, args...)
	}
	return exec.CommandContext(t.Context(), args[0], args[1:]...)
}

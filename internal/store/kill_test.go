package store

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sonde-media/sonde/probes"
)

// childDir is the variable that makes the test binary a process that writes
// runs to a directory until it is killed.
const childDir = "SONDE_STORE_CHILD"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		first, err := strconv.Atoi(os.Getenv(childDir + "_FIRST"))
		if err == nil {
			err = writeUntilKilled(dir, first)
		}
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	goleak.VerifyTestMain(m)
}

// writeUntilKilled prints the number of each run that was acknowledged.
func writeUntilKilled(dir string, first int) error {
	s, err := Open(dir, Options{})
	if err != nil {
		return err
	}
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for n := first + w; ; n += 4 {
				// Two days, so that files are made while others are written to.
				b := Batch{Runs: []Run{run(n, time.Duration(n%2)*-time.Hour, probes.OK)}}
				if err := s.Write(context.Background(), &b); err != nil {
					fmt.Fprintln(os.Stderr, err)
					os.Exit(1)
				}
				fmt.Println(n)
			}
		})
	}
	wg.Wait()
	return nil
}

// kill lets a process write until it has acknowledged so many runs, kills it
// in the middle of more, and returns all that it had acknowledged.
func kill(t *testing.T, dir string, first, after int) (acknowledged []int) {
	t.Helper()
	child := exec.CommandContext(t.Context(), os.Args[0])
	child.Env = append(os.Environ(), childDir+"="+dir, childDir+"_FIRST="+strconv.Itoa(first))
	var trouble strings.Builder
	child.Stderr = &trouble
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	for lines := bufio.NewScanner(out); lines.Scan(); {
		n, err := strconv.Atoi(lines.Text())
		if err != nil {
			break // it was killed while it printed
		}
		acknowledged = append(acknowledged, n)
		if len(acknowledged) == after {
			child.Process.Kill()
		}
	}
	child.Wait() // it was killed
	if len(acknowledged) < after || trouble.Len() > 0 {
		t.Fatalf("it ended by itself after %d runs: %s", len(acknowledged), &trouble)
	}
	return acknowledged
}

// Ten processes in turn are killed while they write: what each acknowledged is
// there, and nothing is damaged.
func TestKilledInALoop(t *testing.T) {
	dir := t.TempDir()
	chance := rand.New(rand.NewPCG(8, 1))
	var all []int
	for round := range 10 {
		all = append(all, kill(t, dir, round*1_000_000, 1+chance.IntN(120))...)
	}
	s, err := Open(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	runs, _, err := s.Follow(t.Context(), nil, 10_000_000)
	if err != nil {
		t.Fatal(err)
	}
	there := map[string]bool{}
	for _, r := range runs {
		there[r.TraceID] = true
	}
	for _, n := range all {
		if !there[hexID(n, 32)] {
			t.Errorf("run %d was acknowledged and is gone", n)
		}
	}
	for file, c := range verify(t, dir) {
		if len(c.Faults) > 0 || c.Aside {
			t.Errorf("%s: %+v", file, c)
		}
	}
	t.Logf("%d runs acknowledged, %d there", len(all), len(runs))
}

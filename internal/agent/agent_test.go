package agent

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/sonde-media/sonde/probes"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func targets(n int, interval time.Duration) []probes.Target {
	list := make([]probes.Target, n)
	for i := range list {
		list[i] = probes.Target{Name: fmt.Sprintf("target-%d", i), Kind: "page", Interval: interval}
	}
	return list
}

// factory gives every target the probe f.
func factory(f probes.Func) func(probes.Target) (probes.Func, error) {
	return func(probes.Target) (probes.Func, error) { return f, nil }
}

func quick(context.Context, *probes.Step, probes.Target) error { return nil }

// sleeps is a probe of a certain duration that respects its context.
func sleeps(d time.Duration) probes.Func {
	return func(ctx context.Context, _ *probes.Step, _ probes.Target) error {
		select {
		case <-time.After(d):
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// collector keeps what an agent sends.
type collector struct {
	mu   sync.Mutex // guards runs
	runs []*probes.Run
}

func (c *collector) send(r *probes.Run) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.runs = append(c.runs, r)
}

// of returns when the runs of a target began.
func (c *collector) of(name string) (starts []time.Time) {
	for _, r := range c.runs {
		if r.Target.Name == name {
			starts = append(starts, r.Root.Start)
		}
	}
	slices.SortFunc(starts, time.Time.Compare)
	return starts
}

// play runs an agent for d and returns it with what it sent.
func play(t *testing.T, d time.Duration, list []probes.Target, f probes.Func, o Options) (*Agent, *collector) {
	t.Helper()
	var c collector
	a := New("eu-west", c.send, o)
	if err := a.Apply(Plan{Targets: list, Probe: factory(f)}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	if err := a.Run(ctx); err != nil {
		t.Errorf("Run: %v", err)
	}
	if n := a.Stats().InFlight; n != 0 {
		t.Errorf("in flight after Run: %d", n)
	}
	return a, &c
}

func TestEveryTargetRunsSoonAndThenSteadily(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		list := targets(200, time.Minute)
		a, c := play(t, 10*time.Minute+time.Nanosecond, list, quick, Options{})
		if a.Stats().Missed != 0 {
			t.Errorf("missed %d runs", a.Stats().Missed)
		}
		for _, target := range list {
			starts := c.of(target.Name)
			if late := starts[0].Sub(begin); late > firstWithin {
				t.Errorf("%s: first run after %v", target.Name, late)
			}
			for i, at := range starts[1:] {
				gap := at.Sub(starts[i])
				steady := gap == time.Minute
				second := i == 0 && gap >= 30*time.Second && gap < 90*time.Second
				if !steady && !second {
					t.Errorf("%s: run %d came %v after the one before", target.Name, i+2, gap)
				}
			}
		}
	})
}

func TestSpreadIsEvenAndItsOwnForEachRegion(t *testing.T) {
	const n, parts = 10_000, 10
	var counts [parts]int
	same := 0
	for i := range n {
		name := fmt.Sprintf("feeds.example.org/show-%d.xml", i)
		counts[int(spread("eu-west", name)*parts)]++
		if int(spread("eu-west", name)*parts) == int(spread("us-east", name)*parts) {
			same++
		}
	}
	for i, got := range counts {
		if got < n/parts*9/10 || got > n/parts*11/10 {
			t.Errorf("part %d holds %d of %d", i, got, n)
		}
	}
	if same > n/parts*12/10 {
		t.Errorf("%d of %d fall together in two regions", same, n)
	}
}

func TestPhaseSurvivesARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		list := targets(20, time.Minute)
		_, first := play(t, 5*time.Minute, list, quick, Options{})
		time.Sleep(17 * time.Second)
		_, second := play(t, 5*time.Minute, list, quick, Options{})
		for _, target := range list {
			a, b := first.of(target.Name), second.of(target.Name)
			if gap := b[len(b)-1].Sub(a[len(a)-1]); gap%time.Minute != 0 {
				t.Errorf("%s: steady runs before and after a restart lie %v apart", target.Name, gap)
			}
		}
	})
}

func TestASlowTargetMissesRunsAndNeverOverlaps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var running, most atomic.Int64
		slow := func(ctx context.Context, s *probes.Step, target probes.Target) error {
			most.Store(max(most.Load(), running.Add(1)))
			defer running.Add(-1)
			return sleeps(25*time.Second)(ctx, s, target)
		}
		a, c := play(t, 10*time.Minute, targets(1, 10*time.Second), slow, Options{})
		if most.Load() != 1 {
			t.Errorf("%d runs of one target at once", most.Load())
		}
		sent, missed := len(c.runs), a.Stats().Missed
		if sent < 18 || sent > 20 || missed < 38 || missed > 41 {
			t.Errorf("sent %d, missed %d, want about 20 and 40", sent, missed)
		}
	})
}

func TestRunsInFlightAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var running, most atomic.Int64
		busy := func(ctx context.Context, s *probes.Step, target probes.Target) error {
			most.Store(max(most.Load(), running.Add(1)))
			defer running.Add(-1)
			return sleeps(20*time.Second)(ctx, s, target)
		}
		a, _ := play(t, time.Minute, targets(50, time.Minute), busy, Options{Parallel: 4})
		if most.Load() != 4 {
			t.Errorf("at most %d runs at once, want 4", most.Load())
		}
		if a.Stats().Missed == 0 {
			t.Error("runs that found no place were not counted")
		}
	})
}

func TestCanceledRunsEndAndAreNotSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var ended atomic.Int64
		stubborn := func(ctx context.Context, _ *probes.Step, _ probes.Target) error {
			<-ctx.Done()
			time.Sleep(time.Second) // Run must wait for it
			ended.Add(1)
			return ctx.Err()
		}
		list := targets(5, time.Minute)
		for i := range list {
			list[i].Timeout = time.Hour
		}
		_, c := play(t, 20*time.Second, list, stubborn, Options{})
		if ended.Load() != 5 {
			t.Errorf("%d of 5 runs had ended when Run returned", ended.Load())
		}
		if len(c.runs) != 0 {
			t.Errorf("sent %d canceled runs", len(c.runs))
		}
	})
}

func TestARunKnowsWhenItWasDue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, c := play(t, 3*time.Minute, targets(10, time.Minute), quick, Options{})
		for _, r := range c.runs {
			if !r.Scheduled.Equal(r.Root.Start) { // time stands still in a bubble while work is done
				t.Errorf("%s: due %v, began %v", r.Target.Name, r.Scheduled, r.Root.Start)
			}
		}
	})
}

func TestAPanicFailsItsRunAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, c := play(t, time.Minute, targets(2, 10*time.Second), func(_ context.Context, _ *probes.Step, t probes.Target) error {
			if t.Name == "target-0" {
				panic("oops")
			}
			return nil
		}, Options{})
		codes := map[string]probes.Code{}
		for _, r := range c.runs {
			codes[r.Target.Name] = r.Code
		}
		if codes["target-0"] != probes.Internal || codes["target-1"] != "" {
			t.Errorf("got %v", codes)
		}
	})
}

func TestAdvanceSkipsWhatAMachineSleptThrough(t *testing.T) {
	s := &slot{target: &probes.Target{Interval: time.Minute}, settled: true}
	a := &Agent{due: schedule{{slot: s}}}
	if missed := a.advance(10*time.Minute + time.Second); missed != 10 {
		t.Errorf("missed %d, want 10", missed)
	}
	if got := a.due[0].at; got != 11*time.Minute {
		t.Errorf("next run after %v, want 11m", got)
	}
}

func TestErrorsOfAllTargetsAreJoined(t *testing.T) {
	a := New("eu-west", func(*probes.Run) {}, Options{})
	list := targets(4, time.Minute)
	list[1].Name, list[2].Interval = "target-0", -time.Second
	err := a.Apply(Plan{Targets: list, Probe: factory(quick)})
	if err == nil || !strings.Contains(err.Error(), "target-0: the name is given twice") || !strings.Contains(err.Error(), "target-2: the interval") {
		t.Errorf("got %v", err)
	}
	if n := a.Stats().Targets; n != 0 {
		t.Errorf("%d targets of a plan that was refused", n)
	}
}

func TestAProbeThatCantBeMadeIsAnInternalFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c collector
		a := New("eu-west", c.send, Options{})
		err := a.Apply(Plan{Targets: targets(1, 10*time.Second), Probe: func(probes.Target) (probes.Func, error) {
			return nil, &probes.OptionError{Key: "episodes", Err: errors.New("must not be negative")}
		}})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 12*time.Second)
		defer cancel()
		a.Run(ctx)
		if len(c.runs) == 0 || c.runs[0].Code != probes.Internal || !strings.Contains(c.runs[0].Detail, "must not be negative") {
			t.Errorf("got %v", c.runs)
		}
	})
}

func TestAnAgentWithoutTargetsWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		play(t, time.Minute, nil, quick, Options{})
		if took := time.Since(begin); took != time.Minute {
			t.Errorf("returned after %v", took)
		}
	})
}

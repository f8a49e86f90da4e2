package agent

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sonde-media/sonde/probes"
)

// during runs an agent by p for d, while then happens to it in a goroutine of its
// own.
func during(t *testing.T, d time.Duration, p Plan, then func(*Agent)) (*Agent, *collector) {
	t.Helper()
	var c collector
	a := New("eu-west", c.send, Options{})
	if err := a.Apply(p); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	ended := make(chan struct{})
	go func() { defer close(ended); then(a) }()
	a.Run(ctx)
	<-ended
	return a, &c
}

func TestUnchangedTargetsKeepProbeAndRhythm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var made atomic.Int64
		p := Plan{Targets: targets(20, time.Minute), Probe: func(probes.Target) (probes.Func, error) {
			made.Add(1)
			return quick, nil
		}}
		_, c := during(t, 10*time.Minute, p, func(a *Agent) {
			time.Sleep(4*time.Minute + 7*time.Second)
			again := p
			again.Targets = append(targets(20, time.Minute), targets(25, time.Minute)[20:]...)
			if err := a.Apply(again); err != nil {
				t.Error(err)
			}
		})
		if made.Load() != 25 {
			t.Errorf("made %d probes, want 25", made.Load())
		}
		for _, target := range p.Targets {
			starts := c.of(target.Name)
			for i, at := range starts[2:] {
				if gap := at.Sub(starts[i+1]); gap != time.Minute {
					t.Errorf("%s: a gap of %v", target.Name, gap)
				}
			}
		}
		for i := 20; i < 25; i++ {
			if n := len(c.of(fmt.Sprintf("target-%d", i))); n < 6 {
				t.Errorf("target-%d, new, ran %d times", i, n)
			}
		}
	})
}

func TestRemovedTargetsEndAndChangedOnesRunSoon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := Plan{Targets: targets(2, time.Hour), Probe: factory(sleeps(time.Second))}
		var at time.Time
		a, c := during(t, 3*time.Hour, p, func(a *Agent) {
			time.Sleep(90 * time.Minute)
			at = time.Now()
			changed := targets(1, time.Hour)
			changed[0].URL = "https://elsewhere.example/"
			if err := a.Apply(Plan{Version: "2", Targets: changed, Probe: p.Probe}); err != nil {
				t.Error(err)
			}
		})
		if i := slices.IndexFunc(c.of("target-0"), at.Before); i < 0 || c.of("target-0")[i].Sub(at) > firstWithin {
			t.Errorf("a changed target did not run soon: %v, changed %v", c.of("target-0"), at)
		}
		if slices.ContainsFunc(c.of("target-1"), at.Before) {
			t.Error("a removed target ran")
		}
		if s := a.Stats(); s.Targets != 1 || s.Config != "2" || s.Missed != 0 {
			t.Errorf("got %+v", s)
		}
	})
}

func TestRenewMakesNewProbesInTheOldRhythm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		made := map[string]int{}
		p := Plan{Targets: targets(1, time.Minute), Probe: func(t probes.Target) (probes.Func, error) {
			made[t.Name]++
			return quick, nil
		}}
		_, c := during(t, 5*time.Minute, p, func(a *Agent) {
			time.Sleep(150 * time.Second)
			p.Renew, p.Targets = true, targets(1, time.Minute)
			if err := a.Apply(p); err != nil {
				t.Error(err)
			}
		})
		if made["target-0"] != 2 {
			t.Errorf("made %v", made)
		}
		starts := c.of("target-0")
		if gap := starts[len(starts)-1].Sub(starts[1]); gap%time.Minute != 0 {
			t.Errorf("the rhythm changed: %v", starts)
		}
	})
}

// A probe's memory, such as the feed as it was last, outlives a pause.
func TestWhatAProbeHasNoPartInKeepsIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var made atomic.Int64
		p := Plan{Targets: targets(1, time.Minute), Probe: func(probes.Target) (probes.Func, error) {
			made.Add(1)
			return quick, nil
		}}
		during(t, 10*time.Minute, p, func(a *Agent) {
			for _, paused := range []bool{true, false} {
				time.Sleep(2 * time.Minute)
				p.Targets = targets(1, time.Minute)
				p.Targets[0].Paused = paused
				p.Targets[0].Labels = map[string]string{"team": "audio"}
				if err := a.Apply(p); err != nil {
					t.Error(err)
				}
			}
		})
		if made.Load() != 1 {
			t.Errorf("made %d probes", made.Load())
		}
	})
}

func TestAChangedTargetDoesNotOverlapItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var running, most atomic.Int64
		p := Plan{Targets: targets(1, 20*time.Second), Probe: factory(func(ctx context.Context, s *probes.Step, target probes.Target) error {
			most.Store(max(most.Load(), running.Add(1)))
			defer running.Add(-1)
			return sleeps(15*time.Second)(ctx, s, target)
		})}
		during(t, 2*time.Minute, p, func(a *Agent) {
			for i := range 10 {
				time.Sleep(7 * time.Second)
				next := p
				next.Targets = targets(1, 20*time.Second)
				next.Targets[0].URL = fmt.Sprint("https://www.example.org/", i)
				if err := a.Apply(next); err != nil {
					t.Error(err)
				}
			}
		})
		if most.Load() != 1 {
			t.Errorf("%d runs at once", most.Load())
		}
	})
}

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

// span is a window that is open once.
type span struct {
	from, to time.Time
	asked    atomic.Int64
}

func (s *span) Until(t time.Time) time.Time {
	s.asked.Add(1)
	if t.Before(s.from) || !t.Before(s.to) {
		return time.Time{}
	}
	return s.to
}

// lists can't be the key of a map.
type lists []*span

func (l lists) Until(t time.Time) time.Time { return l[0].Until(t) }

func TestTargetsRestInWindows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		w := &span{from: begin.Add(2 * time.Minute), to: begin.Add(5 * time.Minute)}
		list := targets(1000, time.Minute)
		for i := range list {
			list[i].Windows = []probes.Window{w}
		}
		list[0].Windows = []probes.Window{lists{w}}
		list[1].Windows = nil
		p := Plan{Targets: list, Probe: factory(quick)}
		a, c := during(t, 8*time.Minute, p, func(a *Agent) {
			time.Sleep(3 * time.Minute)
			if got := a.Stats().Paused; len(got) != mostPaused || !slices.IsSorted(got) || got[0] != "target-0" || slices.Contains(got, "target-1") {
				t.Errorf("paused: %d, %v …", len(got), got[:2])
			}
		})
		for _, r := range c.runs {
			if at := r.Root.Start; r.Target.Name != "target-1" && !at.Before(w.from) && at.Before(w.to) {
				t.Fatalf("%s ran in its window, at %v", r.Target.Name, at.Sub(begin))
			}
		}
		if n := len(c.of("target-1")); n < 7 {
			t.Errorf("a target without a window ran %d times", n)
		}
		if n := len(c.of("target-7")); n < 4 || n > 6 {
			t.Errorf("ran %d times around a window", n)
		}
		if s := a.Stats(); s.Missed != 0 || len(s.Paused) != 0 {
			t.Errorf("got %+v", s)
		}
		if n := w.asked.Load(); n > 2000 { // 8,000 runs were due
			t.Errorf("the window was asked %d times", n)
		}
	})
}

// The agent's clock may be wrong; windows go by the one that was corrected.
func TestWindowsGoByTheGivenClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		list := targets(1, time.Minute)
		list[0].Windows = []probes.Window{&span{from: time.Now().Add(time.Hour), to: time.Now().Add(2 * time.Hour)}}
		_, c := play(t, 5*time.Minute, list, quick, Options{Now: func() time.Time { return time.Now().Add(90 * time.Minute) }})
		if len(c.runs) != 0 {
			t.Errorf("%d runs in a window", len(c.runs))
		}
	})
}

func TestPausedTargetsDontRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		list := targets(3, time.Minute)
		list[2].Paused, list[1].Paused = true, true
		a, c := play(t, 5*time.Minute, list, quick, Options{})
		if len(c.of("target-1")) != 0 || len(c.of("target-0")) < 4 {
			t.Errorf("ran %d and %d times", len(c.of("target-1")), len(c.of("target-0")))
		}
		if got := fmt.Sprint(a.Stats().Paused); got != "[target-1 target-2]" || a.Stats().Missed != 0 {
			t.Errorf("paused %s, missed %d", got, a.Stats().Missed)
		}
	})
}

// A pause keeps back confirming runs too.
func TestAWindowKeepsBackConfirmation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		list := confirmed(time.Hour, time.Minute)
		list[0].Windows = []probes.Window{&span{from: time.Now().Add(30 * time.Second), to: time.Now().Add(10 * time.Minute)}}
		_, c := play(t, 5*time.Minute, list, func(context.Context, *probes.Step, probes.Target) error {
			return probes.Fail(probes.HTTPStatus, nil)
		}, Options{})
		if len(c.runs) != 1 {
			t.Errorf("%d runs, want the one before the window", len(c.runs))
		}
	})
}

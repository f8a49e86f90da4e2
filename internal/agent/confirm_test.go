package agent

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sonde-media/sonde/probes"
)

// script is a probe whose n-th run fails where fails[n] says so; the last goes
// on for ever.
func script(took time.Duration, fails ...bool) probes.Func {
	var n atomic.Int64
	return func(ctx context.Context, s *probes.Step, t probes.Target) error {
		i := min(int(n.Add(1)), len(fails)) - 1
		if err := sleeps(took)(ctx, s, t); err != nil {
			return err
		}
		if fails[i] {
			return probes.Fail(probes.HTTPStatus, errors.New("503"))
		}
		return nil
	}
}

// ordered returns what was sent by when it began.
func (c *collector) ordered() []*probes.Run {
	return slices.SortedFunc(slices.Values(c.runs), func(a, b *probes.Run) int { return a.Root.Start.Compare(b.Root.Start) })
}

func confirmed(interval, confirm time.Duration) []probes.Target {
	list := targets(1, interval)
	list[0].Confirm = confirm
	return list
}

func TestAFirstFailureIsConfirmed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, c := play(t, 10*time.Minute, confirmed(time.Minute, 10*time.Second), script(time.Second, false, false, true), Options{})
		runs := c.ordered()
		failed, second := runs[2], runs[3]
		if second.Confirms != failed.ID.String() {
			t.Fatalf("the run after the failed one confirms %q, want %s", second.Confirms, failed.ID)
		}
		if gap := second.Root.Start.Sub(failed.Root.Start); gap != 11*time.Second {
			t.Errorf("confirmed after %v, want 10s past the end of a run of 1s", gap)
		}
		if got := second.Facts(second.Root)[probes.AttrConfirms]; got != failed.ID.String() {
			t.Errorf("the root says %v", got)
		}
		if gap := runs[4].Root.Start.Sub(failed.Root.Start); gap != time.Minute {
			t.Errorf("the schedule moved: next run after %v", gap)
		}
		for i, r := range runs {
			if i != 3 && r.Confirms != "" {
				t.Errorf("run %d confirms too", i)
			}
		}
	})
}

func TestWhatIsNotConfirmed(t *testing.T) {
	unknown := func(context.Context, *probes.Step, probes.Target) error { return probes.Fail(probes.LocalNetwork, nil) }
	tests := []struct {
		name string
		list []probes.Target
		f    probes.Func
	}{
		{"where it is off", confirmed(time.Minute, 0), script(time.Second, false, false, true)},
		{"where the regular run comes as soon", confirmed(20*time.Second, 19*time.Second), script(time.Second, false, false, true)},
		{"what was no failure of the target's", confirmed(time.Minute, 10*time.Second), unknown},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, c := play(t, 5*time.Minute, tt.list, tt.f, Options{})
				if i := slices.IndexFunc(c.runs, func(r *probes.Run) bool { return r.Confirms != "" }); i >= 0 || len(c.runs) < 4 {
					t.Errorf("run %d of %d confirms", i, len(c.runs))
				}
			})
		})
	}
}

func TestEachNewFailureIsConfirmedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		// ok, failed + confirmed to be good, failed + confirmed, failed, ok, failed + …
		_, c := play(t, 8*time.Minute, confirmed(time.Minute, 10*time.Second),
			script(0, false, true, false, true, true, true, false, true), Options{})
		var got []bool
		for _, r := range c.ordered()[:9] {
			got = append(got, r.Confirms != "")
		}
		if want := []bool{false, false, true, false, true, false, false, false, true}; !slices.Equal(got, want) {
			t.Errorf("got  %v,\nwant %v", got, want)
		}
	})
}

// A confirming run that lasts into the next regular one stands for it, which is
// no want of ours.
func TestAConfirmingRunStandsForTheRegularOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, c := play(t, 5*time.Minute, confirmed(time.Minute, 10*time.Second), script(29*time.Second, true), Options{})
		if c.ordered()[1].Confirms == "" || a.Stats().Missed != 0 {
			t.Errorf("confirms %q, missed %d", c.ordered()[1].Confirms, a.Stats().Missed)
		}
	})
}

// What has become another target, or is gone, is not confirmed.
func TestAPlanDropsConfirmations(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := Plan{Targets: confirmed(10*time.Minute, time.Minute), Probe: factory(script(0, true))}
		_, c := during(t, 5*time.Minute, p, func(a *Agent) {
			time.Sleep(30 * time.Second)
			p.Targets = confirmed(10*time.Minute, time.Minute)
			p.Targets[0].URL, p.Targets[0].Confirm = "https://elsewhere.example/", 0
			if err := a.Apply(p); err != nil {
				t.Error(err)
			}
		})
		if runs := c.ordered(); len(runs) != 2 || runs[1].Confirms != "" {
			t.Errorf("%d runs, the second confirms %q", len(runs), runs[1].Confirms)
		}
	})
}

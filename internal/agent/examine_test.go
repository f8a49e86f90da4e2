package agent

import (
	"context"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sonde-media/sonde/probes"
)

// A stalled process is made in a bubble by moving its watch's last look: the
// time since passes for one in which no timer came.
func (w *watch) pretend(late time.Duration) {
	w.mu.Lock()
	w.last = w.last.Add(-late)
	w.mu.Unlock()
}

func TestWhatTookTooLongWhileTheAgentStalled(t *testing.T) {
	timeout := func(s *probes.Step) error { return probes.Fail(probes.HTTPTimeout, nil) }
	tests := []struct {
		name  string
		stall time.Duration
		end   func(*probes.Step) error
		want  probes.Outcome
	}{
		{"is unknown", 2 * time.Second, timeout, probes.Unknown},
		{"after a short stall is the target's", 600 * time.Millisecond, timeout, probes.Failed},
		{"without a stall is the target's", 0, timeout, probes.Failed},
		{"is not what was answered", 2 * time.Second, func(*probes.Step) error { return probes.Fail(probes.HTTPStatus, nil) }, probes.Failed},
		{"is unknown where it was slow", 2 * time.Second, func(s *probes.Step) error {
			s.Find(probes.Note(probes.BodySlow, "a.example", ""))
			return nil
		}, probes.Unknown},
		{"is slow where nothing stalled", 0, func(s *probes.Step) error {
			s.Find(probes.Note(probes.MediaSlow, "a.example", ""))
			return nil
		}, probes.Degraded},
		{"is not another warning", 2 * time.Second, func(s *probes.Step) error {
			s.Find(probes.Note(probes.FeedStale, "a.example", ""))
			return nil
		}, probes.Degraded},
		{"is unknown where an address timed out", 2 * time.Second, func(s *probes.Step) error {
			c := s.Begin("connect")
			err := probes.Fail(probes.ConnectTimeout, nil)
			c.Done(&err)
			c.Optional()
			s.Find(probes.Note(probes.AddressFailed, "a.example", ""))
			return nil
		}, probes.Unknown},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var c collector
				a := New("eu-west", c.send, Options{})
				f := func(ctx context.Context, s *probes.Step, t probes.Target) error {
					sleeps(5*time.Second)(ctx, s, t)
					a.watch.pretend(tt.stall)
					sleeps(5*time.Second)(ctx, s, t)
					return tt.end(s)
				}
				if err := a.Apply(Plan{Targets: targets(1, time.Hour), Probe: factory(f)}); err != nil {
					t.Fatal(err)
				}
				ctx, cancel := context.WithTimeout(t.Context(), 40*time.Second)
				defer cancel()
				a.Run(ctx)
				r := c.runs[0]
				if r.Outcome != tt.want {
					t.Fatalf("got %s (%s), want %s", r.Outcome, r.Detail, tt.want)
				}
				if r.Outcome != probes.Unknown {
					return
				}
				w := r.Root.Steps[len(r.Root.Steps)-1]
				if r.Code != probes.LocalResources || w.Name != probes.WitnessStep || w.Int(probes.AttrAgentTimers) != 2000 {
					t.Errorf("got %s, %s of %v", r.Code, w.Name, w.Attrs)
				}
			})
		})
	}
}

// After a stall all that was due begins at once, and may take too long for that.
func TestARunInTheWakeOfAStall(t *testing.T) {
	for _, tt := range []struct {
		after time.Duration
		want  probes.Outcome
	}{{200 * time.Millisecond, probes.Unknown}, {5 * time.Second, probes.Failed}} {
		synctest.Test(t, func(t *testing.T) {
			p := Plan{Targets: targets(1, time.Hour), Probe: factory(quick)}
			during(t, time.Minute, p, func(a *Agent) {
				time.Sleep(20 * time.Second)
				a.watch.pretend(3 * time.Second)
				time.Sleep(2*beat + tt.after)
				r := probes.Do(t.Context(), func(ctx context.Context, s *probes.Step, t probes.Target) error {
					sleeps(2*time.Second)(ctx, s, t)
					return probes.Fail(probes.HTTPTimeout, nil)
				}, p.Targets[0])
				if a.examine(t.Context(), r); r.Outcome != tt.want {
					t.Errorf("%v after a stall: got %s, want %s", tt.after, r.Outcome, tt.want)
				}
			})
		})
	}
}

func TestARunThatBeganTooLate(t *testing.T) {
	a := New("eu-west", func(*probes.Run) {}, Options{})
	r := probes.Do(t.Context(), func(context.Context, *probes.Step, probes.Target) error {
		return probes.Fail(probes.ConnectTimeout, nil)
	}, targets(1, time.Minute)[0])
	r.Scheduled = r.Root.Start.Add(-61 * time.Second)
	if a.examine(t.Context(), r); r.Outcome != probes.Unknown || r.Code != probes.LocalResources {
		t.Errorf("got %s", r.Outcome)
	}
}

// A server that is a little slow must not fail for the time in which a run
// waited for other runs at its host.
func TestATimeOutAfterWaitingForATurn(t *testing.T) {
	tests := []struct {
		name       string
		waits      time.Duration
		takes      time.Duration
		code       probes.Code
		want       probes.Outcome
		wantCode   probes.Code
		sideBySide bool
	}{
		{name: "a good part of the time", waits: 3 * time.Second, takes: 7 * time.Second, code: probes.HTTPTimeout, want: probes.Unknown, wantCode: probes.GuardBudget},
		{name: "a moment", waits: 500 * time.Millisecond, takes: 9500 * time.Millisecond, code: probes.HTTPTimeout, want: probes.Failed, wantCode: probes.HTTPTimeout},
		{name: "and the server had a limit of its own", waits: 3 * time.Second, takes: 2 * time.Second, code: probes.ConnectTimeout, want: probes.Failed, wantCode: probes.ConnectTimeout},
		{name: "and the server answered", waits: 3 * time.Second, takes: 7 * time.Second, code: probes.HTTPStatus, want: probes.Failed, wantCode: probes.HTTPStatus},
		{name: "twice at the same time", waits: 800 * time.Millisecond, takes: 9200 * time.Millisecond, code: probes.HTTPTimeout, want: probes.Failed, wantCode: probes.HTTPTimeout, sideBySide: true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := New("eu-west", func(*probes.Run) {}, Options{})
				target := targets(1, time.Minute)[0]
				target.Timeout = 10 * time.Second
				r := probes.Do(t.Context(), func(_ context.Context, s *probes.Step, _ probes.Target) (err error) {
					if tt.sideBySide {
						other := s.Begin("hop")
						other.Set(probes.AttrWaited, float64(tt.waits.Milliseconds()))
						other.Done(new(error))
					}
					hop := s.Begin("hop")
					defer hop.Done(&err)
					time.Sleep(tt.waits)
					hop.Set(probes.AttrWaited, float64(tt.waits.Milliseconds()))
					request := hop.Begin("request")
					defer request.Done(&err)
					time.Sleep(tt.takes)
					return probes.Fail(tt.code, nil)
				}, target)
				if a.examine(t.Context(), r); r.Outcome != tt.want || r.Code != tt.wantCode {
					t.Errorf("got %s, %s (%s), want %s, %s", r.Outcome, r.Code, r.Detail, tt.want, tt.wantCode)
				}
			})
		})
	}
}

func TestStatsTellTheLatestTimer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := Plan{Targets: targets(1, time.Minute), Probe: factory(quick)}
		during(t, time.Minute, p, func(a *Agent) {
			time.Sleep(10 * time.Second)
			a.watch.pretend(300 * time.Millisecond)
			time.Sleep(10 * time.Second)
			if got := a.Stats().Timers; got < 250*time.Millisecond || got > 300*time.Millisecond {
				t.Errorf("got %v", got)
			}
			if got := a.Stats().Timers; got != 0 {
				t.Errorf("got %v when asked again", got)
			}
		})
	})
}

func TestAWatchForgetsOldStalls(t *testing.T) {
	var w watch
	w.last = time.Now()
	for range 3 * mostStalls {
		w.pretend(time.Second)
		w.look()
	}
	if len(w.stalls) != mostStalls {
		t.Errorf("remembers %d", len(w.stalls))
	}
	if now := time.Now(); w.lost(now, now) != 0 {
		t.Error("what begins later lost time")
	}
}

// BenchmarkSchedule is what a start of one of 100,000 targets costs the
// schedule, its run being nothing.
func BenchmarkSchedule(b *testing.B) {
	a := New("eu-west", func(*probes.Run) {}, Options{})
	if err := a.Apply(Plan{Targets: targets(100_000, time.Minute), Probe: factory(quick)}); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		top := a.due[0]
		if a.may(top) {
			a.take(top)
			a.inFlight--
			top.slot.running = false
		}
		a.advance(top.at)
	}
}

// BenchmarkApply is what it costs to compare 100,000 targets with themselves.
func BenchmarkApply(b *testing.B) {
	a := New("eu-west", func(*probes.Run) {}, Options{})
	for b.Loop() {
		if err := a.Apply(Plan{Targets: targets(100_000, time.Minute), Probe: factory(quick)}); err != nil {
			b.Fatal(err)
		}
	}
}

// There may be 100,000 targets: what the schedule itself holds of each must
// stay small.
func TestASlotIsSmall(t *testing.T) {
	const n = 100_000
	list := targets(n, time.Minute)
	a := New("eu-west", func(*probes.Run) {}, Options{})
	before := heapInUse()
	if err := a.Apply(Plan{Targets: list, Probe: factory(quick)}); err != nil {
		t.Fatal(err)
	}
	if each := (heapInUse() - before) / n; each > 100 {
		t.Errorf("%d bytes a target", each)
	}
	runtime.KeepAlive(list)
	runtime.KeepAlive(a)
}

func heapInUse() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

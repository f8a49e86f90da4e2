package agent

import (
	"context"
	"sync"
	"time"
)

// A timer of an agent that has CPU enough comes within some milliseconds. One
// that comes a tenth of a second late says that the process got none: it is far
// from what a busy but sufficient machine shows, and short against any time
// limit.
const (
	beat  = 50 * time.Millisecond
	stall = 100 * time.Millisecond
)

// mostStalls is how many stalls are remembered: at least 38 seconds' worth.
const mostStalls = 256

// A watch measures how late timers come.
type watch struct {
	mu     sync.Mutex // guards what follows
	last   time.Time  // when it looked last; zero while it doesn't run
	most   time.Duration
	stalls []gap // the newest, oldest first
}

// A gap is a time in which timers that were due didn't come.
type gap struct {
	end  time.Time
	late time.Duration
}

// run looks at a timer of its own until ctx is canceled.
func (w *watch) run(ctx context.Context) {
	w.look()
	t := time.NewTimer(beat)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
			w.look()
			t.Reset(beat)
		}
	}
}

// look notes how late it is called.
func (w *watch) look() {
	now := time.Now()
	w.mu.Lock()
	defer w.mu.Unlock()
	late := w.lateness(now)
	w.last = now
	w.most = max(w.most, late)
	if late < stall {
		return
	}
	if len(w.stalls) == mostStalls {
		w.stalls = w.stalls[:copy(w.stalls, w.stalls[1:])]
	}
	w.stalls = append(w.stalls, gap{now, late})
}

// lateness is by how much the next look is overdue. It needs the lock.
func (w *watch) lateness(now time.Time) time.Duration {
	if w.last.IsZero() {
		return 0
	}
	return max(0, now.Sub(w.last)-beat)
}

// take returns the greatest lateness since it was called last.
func (w *watch) take() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	most := max(w.most, w.lateness(time.Now()))
	w.most = 0
	return most
}

// lost returns how much of the time between begin and end, which is now, the
// process stalled: a stall that lasts still counts too, since what it held up
// may be seen before it is.
func (w *watch) lost(begin, end time.Time) (sum time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, g := range w.stalls {
		if g.end.After(begin) {
			sum += min(g.late, g.end.Sub(begin))
		}
	}
	if late := w.lateness(end); late >= stall {
		sum += min(late, end.Sub(begin))
	}
	return sum
}

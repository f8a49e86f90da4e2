package agent

import (
	"context"
	"time"
)

// lookOut doubts our network while runs wait, until ctx is canceled: a cut that
// is over before they have failed would be known to nobody.
func (a *Agent) lookOut(ctx context.Context) {
	t := time.NewTicker(fresh)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
			a.doubt(ctx)
		}
	}
}

// doubt asks the witnesses where a run is in flight and nothing has been
// reached lately, though something had been before.
func (a *Agent) doubt(ctx context.Context) {
	a.mu.Lock()
	idle := a.inFlight == 0
	a.mu.Unlock()
	now, n := time.Now(), &a.network
	n.mu.Lock()
	doubtful := !n.reached.IsZero() && now.Sub(n.reached) >= fresh
	n.mu.Unlock()
	if !idle && doubtful && n.canTell() {
		n.ask(ctx, now)
	}
}

package hub

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/sonde-media/sonde/internal/api"
	"github.com/sonde-media/sonde/internal/incident"
	"github.com/sonde-media/sonde/internal/store"
	"github.com/sonde-media/sonde/probes"
)

const (
	watchEvery  = time.Second
	watchSoon   = 200 * time.Millisecond // after runs came: what comes together is read together
	upEvery     = time.Minute
	renewAfter  = 2 * time.Second // a spool that is delivered brings many late runs
	forgetEvery = 10 * time.Minute
	toldFor     = 7 * 24 * time.Hour // what was told is remembered at least
	tellShare   = 10                 // answers stay for so many times what it took to find them
	tellEvery   = 5 * time.Second    // how far the first reading has come
)

// A watch follows the store and keeps the fold of what it says.
type watch struct {
	run     string // names this process in the records of when hubs were up
	shows   shows
	arrived signal // of runs

	mu     sync.Mutex     // guards what follows
	fold   *incident.Fold // nil: it is still being read
	told   []api.Incident // as of toldAt
	toldAt time.Time
	took   time.Duration // to tell them
	newer  bool          // the fold has runs that told doesn't know
	since  time.Time     // when this hub began to watch
	up     []store.Span  // when any was, as of a minute ago; nil: that isn't recorded
}

// errReading says that the past is still being read.
var errReading = errors.New("the hub is still reading what it has stored; try again in a few seconds")

// Run watches for incidents until ctx ends: it reads what is stored, and goes
// on with what comes.
func (h *Hub) Run(ctx context.Context) {
	h.watch.begin(time.Now())
	f := &follower{hub: h, fold: incident.New()}
	h.noteUp()
	defer h.noteUp()
	ticker := time.NewTicker(watchEvery)
	defer ticker.Stop()
	up := time.NewTicker(upEvery)
	defer up.Stop()
	for {
		f.look(ctx)
		select {
		case <-ctx.Done():
			return
		case <-up.C:
			h.noteUp()
		case <-ticker.C:
		case <-h.watch.arrived.come():
			select {
			case <-ctx.Done():
				return
			case <-time.After(watchSoon):
			}
		}
	}
}

// wake has runs that came looked at soon.
func (w *watch) wake() {
	select {
	case w.arrived.come() <- struct{}{}:
	default:
	}
}

// A signal is that something came. The zero signal is that nothing did.
type signal struct {
	once sync.Once
	c    chan struct{} // holds one from when something came until somebody heard of it
}

func (s *signal) come() chan struct{} {
	s.once.Do(func() { s.c = make(chan struct{}, 1) })
	return s.c
}

func (w *watch) begin(now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.run, w.since = rand.Text(), now
}

// noteUp records that this hub is there, and reads when others were.
func (h *Hub) noteUp() {
	if h.gate.records == nil {
		return
	}
	err := h.gate.records.NoteUp(h.watch.run, time.Now(), h.st.Keeps())
	up, upErr := h.gate.records.Up()
	if err := errors.Join(err, upErr); err != nil {
		h.log.Warn("times of being up neither recorded nor read", "err", err)
		return
	}
	h.watch.mu.Lock()
	defer h.watch.mu.Unlock()
	h.watch.up = up
}

// spans are when hubs were up, this one until now; nil where that isn't
// recorded.
func (w *watch) spans(now time.Time) []incident.Span {
	if w.up == nil {
		return nil
	}
	all := store.Apart(append(slices.Clone(w.up), store.Span{From: w.since, To: now}))
	spans := make([]incident.Span, len(all))
	for i, s := range all {
		spans[i] = incident.Span(s)
	}
	return spans
}

// Incidents returns all that the stored runs come to, the newest first: as of
// now, up to a second ago where no runs came since, and longer ago where very
// much fails. It is nil until what is stored has been read, and not the
// caller's to change.
func (h *Hub) Incidents(now time.Time) []api.Incident {
	w := &h.watch
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.fold == nil {
		return nil
	}
	if age := now.Sub(w.toldAt); age >= 0 && (age < w.took*tellShare || age < watchEvery && !w.newer) {
		return w.told
	}
	begin := time.Now()
	w.told, w.toldAt, w.newer = w.fold.Incidents(now, w.spans(now)), now, false
	w.took = time.Since(begin)
	return w.told
}

// folded calls f with the fold, while nobody else uses it.
func (h *Hub) folded(f func(*incident.Fold)) error {
	h.watch.mu.Lock()
	defer h.watch.mu.Unlock()
	if h.watch.fold == nil {
		return errReading
	}
	f(h.watch.fold)
	return nil
}

// A follower brings a fold up to what the store has.
type follower struct {
	hub     *Hub
	fold    *incident.Fold
	cursor  store.Cursor
	beaten  bool      // the heartbeats that were stored are in
	beatAt  time.Time // when they were looked for last
	late    time.Time // since when lanes wait to be renewed; zero: none
	forgot  time.Time
	failing bool // the store couldn't be read, which is logged once
}

// look takes in what is new, and logs what keeps it from that.
func (f *follower) look(ctx context.Context) {
	err := f.follow(ctx)
	switch {
	case ctx.Err() != nil:
	case err == nil:
		f.failing = false
	case !f.failing:
		f.failing = true
		f.hub.log.Error("incidents not brought up to date", "err", err)
	}
}

func (f *follower) follow(ctx context.Context) error {
	if err := f.runs(ctx); err != nil {
		return err
	}
	if err := f.beats(ctx); err != nil {
		return err
	}
	if err := f.renew(ctx); err != nil {
		return err
	}
	err := f.forget(ctx)
	f.publish()
	return err
}

// publish lets others see the fold, once it is complete.
func (f *follower) publish() {
	w := &f.hub.watch
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.fold == nil {
		w.fold = f.fold
		s := f.fold.Stats()
		f.hub.log.Info("watching for incidents", "runs", s.Runs, "hosts", s.Hosts)
	}
}

// change calls change while nobody reads the fold.
func (f *follower) change(change func(*incident.Fold)) {
	f.hub.watch.mu.Lock()
	defer f.hub.watch.mu.Unlock()
	change(f.fold)
}

// maxFollowed is how many runs are read at once.
const maxFollowed = 5000

// runs takes in what was stored since.
func (f *follower) runs(ctx context.Context) error {
	begin, told, n := time.Now(), time.Now(), 0
	for {
		all, next, err := f.hub.st.Follow(ctx, f.cursor, maxFollowed)
		if err != nil {
			return err
		}
		if len(all) == 0 {
			f.cursor = next
			return nil
		}
		f.change(func(fold *incident.Fold) {
			for i := range all {
				fold.Add(run(&all[i]))
			}
			f.hub.watch.newer = true
		})
		f.cursor, n = next, n+len(all)
		if time.Since(told) >= tellEvery {
			told = time.Now()
			f.hub.log.Info("reading what is stored", "runs", n, "at", all[len(all)-1].Started, "took", time.Since(begin).Round(time.Second))
		}
	}
}

// run is a stored run as the fold takes it.
func run(r *store.Followed) *incident.Run {
	made := &incident.Run{Run: r.Run, Hops: make([]incident.Hop, len(r.Hops))}
	for i, h := range r.Hops {
		made.Hops[i] = incident.Hop{Host: h.Host, Address: h.Address, Cert: h.Cert, CDN: h.CDN, Code: probes.Code(h.Code)}
		if t, err := time.Parse(time.RFC3339, h.CertNotAfter); err == nil {
			made.Hops[i].NotAfter = t
		}
	}
	return made
}

// beats takes in who was heard of: all heartbeats that are stored at first,
// then the newest of each agent.
func (f *follower) beats(ctx context.Context) error {
	if !f.beaten {
		all, err := f.hub.st.Heartbeats(ctx)
		if err != nil {
			return err
		}
		f.change(func(fold *incident.Fold) {
			for _, b := range all {
				fold.Beat(b.Region, b.Agent, b.Received, b.Interval)
			}
		})
		f.beaten = true
		return nil
	}
	now := time.Now()
	if now.Sub(f.beatAt) < watchEvery {
		return nil
	}
	f.beatAt = now
	all, err := f.hub.st.Agents(ctx, api.Query{From: now.Add(-time.Hour), To: now})
	if err != nil {
		return err
	}
	f.change(func(fold *incident.Fold) {
		for _, a := range all.Agents {
			switch {
			case a.Received != nil:
				fold.Beat(a.Region, a.Agent, *a.Received, a.Interval)
			case a.Heartbeat != nil:
				fold.Beat(a.Region, a.Agent, *a.Heartbeat, a.Interval)
			}
		}
	})
	return nil
}

// renew reads lanes from their begin that a run came too late for: at once
// before anybody has seen the fold, and else when a burst of them is over.
func (f *follower) renew(ctx context.Context) error {
	stale := f.fold.Stale()
	switch {
	case len(stale) == 0:
		f.late = time.Time{}
		return nil
	case f.late.IsZero():
		f.late = time.Now()
	}
	if f.seen() && time.Since(f.late) < renewAfter {
		return nil
	}
	for _, l := range stale {
		var all []*incident.Run
		err := f.hub.st.Lane(ctx, l.Region, l.Target, l.Agent, func(r store.Followed) bool {
			all = append(all, run(&r))
			return true
		})
		if err != nil {
			return fmt.Errorf("renew what is known of a target: %w", err)
		}
		f.change(func(fold *incident.Fold) { fold.Renew(l, slices.Values(all)) })
	}
	f.late = time.Time{}
	return nil
}

func (f *follower) seen() bool {
	f.hub.watch.mu.Lock()
	defer f.hub.watch.mu.Unlock()
	return f.hub.watch.fold != nil
}

// forget drops what isn't an incident any more, and won't be, and what was told
// of those.
func (f *follower) forget(ctx context.Context) error {
	now := time.Now()
	if now.Sub(f.forgot) < forgetEvery {
		return nil
	}
	f.forgot = now
	f.change(func(fold *incident.Fold) { fold.Forget(now, f.hub.st.Keeps()) })
	if f.hub.gate.records == nil {
		return nil
	}
	return f.hub.gate.records.Forget(ctx, now.Add(-max(f.hub.st.Keeps(), toldFor)))
}

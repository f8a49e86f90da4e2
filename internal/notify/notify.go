// Package notify tells receivers of incidents by webhook: one message when an
// incident opens, one when it is resolved, and between them as often as the
// receiver wants it.
//
//	incidents + what was recorded ──plan──► deliveries (due) ──send──► sent, or due again, or given up
//
// What is to be told is a pure function of the incidents and of what was told
// before, and every step is recorded before the next: a hub that is killed goes
// on where it was, and two hubs over the same records come to the same
// messages, each sent by who holds its lease. A message is sent twice only
// where a hub dies between the receiver's answer and the record of it; both
// then have the same Idempotency-Key.
package notify

import (
	"context"
	"crypto/rand"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/sonde-media/sonde/internal/api"
)

// A Book keeps what becomes of messages, for all hubs that share it.
type Book interface {
	// Deliver adds how far a message got.
	Deliver(ctx context.Context, d api.Delivery) error
	// Deliveries returns what was added after the row after, and the newest row.
	Deliveries(ctx context.Context, after int64) (rows []api.Delivery, newest int64, err error)
	// Lease gives name to holder until a time, unless another holds it now.
	Lease(ctx context.Context, name, holder string, until time.Time) (held bool, err error)
}

// Options say what is told to whom. Every is a choice; the rest is required.
type Options struct {
	Book      Book
	Incidents func(now time.Time) []api.Incident // nil where they aren't known yet
	Receivers func() []*Receiver                 // may change from call to call
	Hub       string                             // its URL for people, "" for none
	Log       *slog.Logger
	Every     time.Duration // how often incidents are looked at; 0: DefaultEvery
}

// DefaultEvery is how often incidents are looked at.
const DefaultEvery = 2 * time.Second

// A Notifier tells receivers of incidents. Run it once.
type Notifier struct {
	Options
	holder  string // this process, in leases
	client  *http.Client
	missing map[string]time.Time // when an incident that was told as open was first gone

	mu     sync.Mutex // guards what follows
	ledger ledger
	busy   map[string]bool // receivers that are being told something
}

// New returns a notifier.
func New(o Options) *Notifier {
	if o.Every <= 0 {
		o.Every = DefaultEvery
	}
	return &Notifier{
		Options: o, holder: rand.Text(), client: newClient(),
		missing: map[string]time.Time{}, ledger: newLedger(), busy: map[string]bool{},
	}
}

// Run tells until ctx ends, and returns when nothing is being sent any more.
func (n *Notifier) Run(ctx context.Context) {
	defer n.client.CloseIdleConnections()
	var sending sync.WaitGroup
	defer sending.Wait()
	tick := time.NewTicker(n.Every)
	defer tick.Stop()
	for why := ""; ; {
		err := n.look(ctx, time.Now(), &sending)
		switch {
		case ctx.Err() != nil:
			return
		case err == nil:
			why = ""
		case err.Error() != why: // once, not every two seconds
			why = err.Error()
			n.Log.Error("incidents not notified of", "err", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// look records what is to be told now, and starts to tell receivers that
// aren't being told something already.
func (n *Notifier) look(ctx context.Context, now time.Time, sending *sync.WaitGroup) error {
	receivers := n.Receivers()
	if len(receivers) == 0 {
		return nil
	}
	if err := n.refresh(ctx); err != nil {
		return err
	}
	if incidents := n.Incidents(now); incidents != nil {
		if err := n.enqueue(ctx, receivers, incidents, now); err != nil {
			return err
		}
	}
	for _, r := range receivers {
		due := n.due(r.Name, now)
		if len(due) == 0 || !n.begin(r.Name) {
			continue
		}
		sending.Go(func() {
			defer n.end(r.Name)
			n.tell(ctx, r, due)
		})
	}
	return nil
}

// refresh takes in what became of messages, by this hub or another.
func (n *Notifier) refresh(ctx context.Context) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	rows, newest, err := n.Book.Deliveries(ctx, n.ledger.newest)
	if err != nil {
		return err
	}
	for _, d := range rows {
		n.ledger.take(d)
	}
	n.ledger.newest = newest
	return nil
}

// enqueue records what is to be told.
func (n *Notifier) enqueue(ctx context.Context, receivers []*Receiver, incidents []api.Incident, now time.Time) error {
	gone := n.gone(incidents, now)
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, r := range receivers {
		for _, d := range n.ledger.plan(r, incidents, gone, now) {
			if err := n.Book.Deliver(ctx, d); err != nil {
				return err
			}
			n.ledger.take(d)
		}
	}
	n.ledger.forget(incidents, now)
	return nil
}

// settled is for how long an incident that was told as open must be gone
// before it is withdrawn: runs that come late can bring it back.
const settled = 5 * time.Minute

// gone returns the incidents that were told as open and are none any more.
func (n *Notifier) gone(incidents []api.Incident, now time.Time) map[string]bool {
	there := map[string]bool{}
	for i := range incidents {
		there[incidents[i].ID] = true
	}
	n.mu.Lock()
	open := n.ledger.open()
	n.mu.Unlock()
	gone := map[string]bool{}
	for id := range open {
		since, known := n.missing[id]
		switch {
		case there[id]:
			delete(n.missing, id)
		case !known:
			n.missing[id] = now
		case now.Sub(since) >= settled:
			gone[id] = true
		}
	}
	for id := range n.missing {
		if !open[id] {
			delete(n.missing, id)
		}
	}
	return gone
}

func (n *Notifier) due(receiver string, now time.Time) []api.Delivery {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.ledger.due(receiver, now)
}

// begin reports whether nothing was being sent to the receiver, and that
// something is now.
func (n *Notifier) begin(receiver string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.busy[receiver] {
		return false
	}
	n.busy[receiver] = true
	return true
}

func (n *Notifier) end(receiver string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.busy, receiver)
}

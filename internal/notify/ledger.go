package notify

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/sonde-media/sonde/internal/api"
)

// remembered is for how long messages about an incident that ended are
// remembered here; the book keeps them.
const remembered = 7 * 24 * time.Hour

// A ledger is what is known of messages: the newest state of each, by receiver
// and incident.
type ledger struct {
	newest  int64 // row of the book
	threads map[threadKey]*thread
}

type threadKey struct{ receiver, incident string }

// A thread is the messages about one incident to one receiver, in the order in
// which they came up.
type thread struct {
	deliveries []*api.Delivery
}

func newLedger() ledger { return ledger{threads: map[threadKey]*thread{}} }

// take notes what became of a message. Nothing follows its end: a hub that
// didn't know of it yet may have thought it due.
func (l *ledger) take(d api.Delivery) {
	key := threadKey{d.Receiver, d.Incident}
	t := l.threads[key]
	if t == nil {
		t = &thread{}
		l.threads[key] = t
	}
	i, known := slices.BinarySearchFunc(t.deliveries, &d, before)
	if !known {
		t.deliveries = slices.Insert(t.deliveries, i, &d)
		return
	}
	if was := t.deliveries[i]; !was.Final() {
		d.Snapshot = cmp.Or(d.Snapshot, was.Snapshot) // recorded once
		d.Labels = was.Labels
		*was = d
	}
	t.lighten()
}

// lighten drops the incident from messages that need it no more: the newest
// does until the incident ends, for it may be withdrawn.
func (t *thread) lighten() {
	for i, d := range t.deliveries {
		if d.Final() && (ends(d.Event) || i < len(t.deliveries)-1) {
			d.Snapshot = nil
		}
	}
}

// before orders the messages about an incident as they are to be sent.
func before(a, b *api.Delivery) int {
	return cmp.Or(cmp.Compare(a.Round, b.Round), cmp.Compare(stage(a.Event), stage(b.Event)), cmp.Compare(a.Repeat, b.Repeat))
}

func stage(event string) int {
	switch event {
	case api.EventOpened, api.EventAgain:
		return 0
	case api.EventRepeat:
		return 1
	}
	return 2
}

func ends(event string) bool { return stage(event) == 2 }

func (t *thread) last() *api.Delivery { return t.deliveries[len(t.deliveries)-1] }

// open returns the incidents that a receiver was last told of as open.
func (l *ledger) open() map[string]bool {
	open := map[string]bool{}
	for key, t := range l.threads {
		if !ends(t.last().Event) {
			open[key.incident] = true
		}
	}
	return open
}

// due returns the messages to a receiver whose time has come, the oldest first.
// Of an incident it is one: what comes later waits for what came before.
func (l *ledger) due(receiver string, now time.Time) (all []api.Delivery) {
	for key, t := range l.threads {
		if key.receiver != receiver {
			continue
		}
		i := slices.IndexFunc(t.deliveries, func(d *api.Delivery) bool { return !d.Final() })
		if i >= 0 && !t.deliveries[i].Due.After(now) {
			all = append(all, *t.deliveries[i])
		}
	}
	slices.SortFunc(all, func(a, b api.Delivery) int { return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Key, b.Key)) })
	return all
}

// still returns a message as it is now, and whether it is to be sent: one that
// was tried in vain meanwhile, by another hub maybe, waits for its next time.
func (l *ledger) still(d api.Delivery) (api.Delivery, bool) {
	t := l.threads[threadKey{d.Receiver, d.Incident}]
	if t == nil {
		return d, false
	}
	i, known := slices.BinarySearchFunc(t.deliveries, &d, before)
	if !known || t.deliveries[i].Final() || t.deliveries[i].Tries != d.Tries {
		return d, false
	}
	return *t.deliveries[i], true
}

// forget drops what ended long ago and is no incident any more.
func (l *ledger) forget(incidents []api.Incident, now time.Time) {
	there := map[string]bool{}
	for i := range incidents {
		there[incidents[i].ID] = true
	}
	maps.DeleteFunc(l.threads, func(key threadKey, t *thread) bool {
		last := t.last()
		return ends(last.Event) && last.Final() && !there[key.incident] && now.Sub(last.At) > remembered
	})
}

// Newest returns the newest state of each message of what a book has.
func Newest(rows []api.Delivery) (all []api.Delivery) {
	l := newLedger()
	for _, d := range rows {
		l.take(d)
	}
	for _, t := range l.threads {
		for _, d := range t.deliveries {
			all = append(all, *d)
		}
	}
	slices.SortFunc(all, func(a, b api.Delivery) int { return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Key, b.Key)) })
	return all
}

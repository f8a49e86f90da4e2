package agent

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sonde-media/sonde/probes"
)

// fresh is how old what is known of our network may be, to judge a failure by:
// what ends by a time-out has been failing for longer than that, and what is
// refused at once is rarely of the moment in which a network goes.
const fresh = 2 * time.Second

// A network knows whether this machine reaches anything.
type network struct {
	witnesses []*witness
	sources   []netip.Addr

	mu      sync.Mutex // guards what follows
	reached time.Time  // when anything outside this machine was last reached; zero: never
	cut     period     // when we were last cut off
	learnt  bool       // the witnesses have been asked while the network was good
	last    *question
	own     own
}

// A period lasts from the question whose answer was that we are cut off until
// something is reached again.
type period struct {
	from, to time.Time // zero: never; not over
}

// overlaps reports whether the period shares time with an operation. We may have
// been cut off for a while before that was found out.
func (p period) overlaps(begin, end time.Time) bool {
	return !p.from.IsZero() && end.After(p.from.Add(-fresh)) && (p.to.IsZero() || begin.Before(p.to))
}

// note remembers what r, a finished run, reached outside this machine.
func (n *network) note(r *probes.Run) {
	var last time.Time
	for s := range r.Root.All() {
		if s.Fail != nil || s.Name != "connect" && s.Name != "hop" {
			continue
		}
		if end := s.Start.Add(s.Took); end.After(last) && n.outside(s.Text(probes.AttrPeerAddress)) {
			last = end
		}
	}
	n.reach(last)
}

func (n *network) reach(at time.Time) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.reachedAt(at)
}

// reachedAt needs the lock.
func (n *network) reachedAt(at time.Time) {
	n.reached = later(n.reached, at)
	if n.cut.to.IsZero() && at.After(n.cut.from) {
		n.cut.to = at
	}
}

// outside reports whether addr is the address of another machine.
func (n *network) outside(addr string) bool {
	a, err := netip.ParseAddr(addr)
	if err != nil || a.IsLoopback() {
		return false
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	return !n.own.has(a)
}

// learn asks the witnesses once, when something has been reached for the first
// time: those that don't answer then will be no proof later that we are cut off.
func (n *network) learn(ctx context.Context) {
	n.mu.Lock()
	now := !n.learnt && !n.reached.IsZero() && n.canTell()
	n.learnt = n.learnt || now
	n.mu.Unlock()
	if now {
		n.ask(ctx, time.Now())
	}
}

// testify finds out whether r, which failed as it would if we were cut off,
// did so because we are. It returns the witness for its tree, nil where there is
// nothing to tell.
func (n *network) testify(ctx context.Context, r *probes.Run) *probes.Step {
	op, peer := operation(r)
	w := probes.NewStep(probes.WitnessStep)
	if err := n.route(peer); err != nil {
		w.Set(probes.AttrAgentWitnesses, []string{cmp.Or(peer, "localhost") + "=" + err.Error()})
		err = probes.Fail(probes.LocalNetwork, fmt.Errorf("nothing leads from here to %s: %w", cmp.Or(peer, "the resolver"), err))
		w.Done(&err)
		return w
	}
	if peer != "" && !n.outside(peer) || !n.canTell() {
		return nil
	}
	end := op.Start.Add(op.Took)
	answers, fail := n.question(ctx, later(op.Start, end.Add(-fresh)), end.Add(-fresh))
	if fail == nil && n.cutOff(op.Start, end) {
		fail = probes.Fail(probes.LocalNetwork, errors.New("this agent was cut off until a moment ago"))
	}
	if fail == nil && answers == nil {
		return nil
	}
	w.Set(probes.AttrAgentWitnesses, answers)
	w.Done(&fail)
	return w
}

// canTell reports whether any witness's silence could prove that we are cut off.
func (n *network) canTell() bool {
	return slices.ContainsFunc(n.witnesses, func(w *witness) bool { return w.named || !w.near })
}

// question asks the witnesses, unless something was reached since proof. It
// returns what they said at since or later, and the failure that it comes to.
func (n *network) question(ctx context.Context, proof, since time.Time) ([]string, error) {
	n.mu.Lock()
	proven := n.reached.After(proof)
	n.mu.Unlock()
	if proven {
		return nil, nil
	}
	q := n.ask(ctx, since)
	if q == nil {
		return nil, nil
	}
	return q.answers, q.fail
}

// cutOff reports whether we are known to have been, at a time between begin and
// end.
func (n *network) cutOff(begin, end time.Time) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.cut.overlaps(begin, end)
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// operation returns the step of r that its verdict is of, and the address it
// had to do with, "" where it came to none.
func operation(r *probes.Run) (op *probes.Step, peer string) {
	op = r.Root
	for next := op; next != nil; next = failedBelow(op, r.Code) {
		op = next
		if addr := op.Text(probes.AttrPeerAddress); addr != "" {
			peer = addr
		}
	}
	return op, peer
}

// failedBelow returns the first critical child of s that failed with code.
func failedBelow(s *probes.Step, code probes.Code) *probes.Step {
	for _, c := range s.Steps {
		if c.Fail != nil && c.Fail.Code == code && c.Attrs[probes.AttrCritical] != false {
			return c
		}
	}
	return nil
}

// A question is put to all witnesses, on behalf of all runs that fail at about
// the same time.
type question struct {
	began   time.Time
	done    chan struct{} // closed when what follows is set
	answers []string      // "address=ok" or "address=what is wrong"
	fail    error         // that we are cut off; nil where we aren't, or nobody could tell
}

// ask returns an answered question that was put at since or later, nil where
// ctx ended.
func (n *network) ask(ctx context.Context, since time.Time) *question {
	n.mu.Lock()
	q := n.last
	if q != nil && !q.began.Before(since) {
		n.mu.Unlock()
		select {
		case <-q.done:
			return q
		case <-ctx.Done():
			return nil
		}
	}
	q = &question{began: time.Now(), done: make(chan struct{})}
	n.last = q
	n.mu.Unlock()
	defer close(q.done)
	n.put(ctx, q)
	return q
}

const (
	patience = 2 * time.Second        // for witnesses
	courtesy = 300 * time.Millisecond // for the others when one has answered
)

// put asks all witnesses at once. One that answers is enough: we aren't cut off.
func (n *network) put(ctx context.Context, q *question) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	replies := make([]error, len(n.witnesses))
	var all sync.WaitGroup
	for i, w := range n.witnesses {
		all.Go(func() {
			if replies[i] = w.ask(ctx); replies[i] == nil {
				time.AfterFunc(courtesy, cancel)
			}
		})
	}
	all.Wait()
	n.conclude(q, replies)
}

// conclude makes of the witnesses' replies what they come to.
func (n *network) conclude(q *question, replies []error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	answered, silent := false, []string{}
	for i, w := range n.witnesses {
		said := "ok"
		if err := replies[i]; err != nil {
			said = err.Error()
			if w.counts(!n.reached.IsZero()) {
				silent = append(silent, w.address)
			}
		} else {
			answered, w.answered = true, true
		}
		q.answers = append(q.answers, w.address+"="+said)
	}
	switch {
	case answered:
		n.reachedAt(q.began)
	case n.reached.After(q.began): // by a run, meanwhile
	case len(silent) > 0:
		if n.cut.from.IsZero() || !n.cut.to.IsZero() {
			n.cut = period{from: q.began}
		}
		q.fail = probes.Fail(probes.LocalNetwork, fmt.Errorf("this agent is cut off: no answer from %s", strings.Join(silent, ", ")))
	}
}

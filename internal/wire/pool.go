package wire

import (
	"context"
	"fmt"
	"net/url"
	"sync"

	"github.com/sonde-media/sonde/probes"
)

// Connections of one origin that are open at once, as browsers have it.
const (
	perOrigin = 6  // HTTP/1.1
	streams   = 64 // HTTP/2, well below what servers allow
)

// A Pool shares connections per origin as a browser does within one page: one
// for HTTP/2, up to six for HTTP/1.1. The steps of making a connection stand
// below the hop that needed it first. An origin to which no connection could
// be made is not tried again; later hops fail with the same code.
type Pool struct {
	n *Net

	mu      sync.Mutex // guards what follows
	origins map[string]*origin
	all     []*conn
	leave   []func() // give back seats at hosts
}

// Pool returns an empty pool. It must be closed.
func (n *Net) Pool() *Pool { return &Pool{n: n, origins: map[string]*origin{}} }

// Close ends all connections.
func (p *Pool) Close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, k := range p.all {
		k.Close()
	}
	for _, leave := range p.leave {
		leave()
	}
	p.all, p.leave = nil, nil
}

// Fetch is [Net.Fetch] over the pool's connections. It is safe for concurrent
// use.
func (p *Pool) Fetch(ctx context.Context, parent *probes.Step, req Request) (*Response, error) {
	return p.n.fetch(ctx, parent, req, p.connect)
}

// An origin is scheme, host and port, and the connections to it.
type origin struct {
	gate   chan struct{}  // its one token guards failed, and is held while the first connection is made
	failed error          // why no connection could be made
	facts  map[string]any // what was learnt of the origin then; guarded like failed
	slots  chan struct{}  // a token a request under way; made with the first connection

	mu     sync.Mutex // guards what follows
	shared *conn      // HTTP/2
	idle   []*conn    // HTTP/1.1
}

func (p *Pool) origin(u *url.URL) *origin {
	key := fmt.Sprintf("%s://%s:%d", u.Scheme, u.Hostname(), port(u))
	p.mu.Lock()
	defer p.mu.Unlock()
	o := p.origins[key]
	if o == nil {
		o = &origin{gate: make(chan struct{}, 1)}
		p.origins[key] = o
	}
	return o
}

// connect gives a hop a connection to the origin of u, open already or new.
func (p *Pool) connect(ctx context.Context, hop *probes.Step, u *url.URL) (*conn, func(), error) {
	o := p.origin(u)
	if err := take(ctx, o.gate); err != nil {
		return nil, nil, err
	}
	err := p.reach(ctx, hop, u, o)
	<-o.gate
	if err != nil {
		return nil, nil, err
	}
	if err := take(ctx, o.slots); err != nil {
		return nil, nil, err
	}
	k := o.pick()
	if k == nil {
		if k, err = p.open(ctx, hop, u); err != nil {
			<-o.slots
			return nil, nil, err
		}
	}
	for key, v := range k.facts {
		hop.Set(key, v)
	}
	return k, func() { o.put(k); <-o.slots }, nil
}

// reach makes sure that the origin was reached once, so that its protocol is
// known before others ask; the caller holds the gate.
func (p *Pool) reach(ctx context.Context, hop *probes.Step, u *url.URL, o *origin) error {
	if o.failed != nil {
		return o.failAgain(hop)
	}
	if o.slots != nil && !o.lost() {
		return nil
	}
	if o.slots == nil {
		if err := p.sit(ctx, hop, u); err != nil {
			o.failed = err // or each of the others would wait as long
			return err
		}
	}
	k, err := p.open(ctx, hop, u)
	if err != nil {
		o.failed, o.facts = err, faultFacts(hop)
		return err
	}
	if o.slots == nil {
		o.slots = make(chan struct{}, p.width(u, k))
	}
	o.put(k)
	return nil
}

// sit takes the seat of the first connection to an origin until the pool is
// closed.
func (p *Pool) sit(ctx context.Context, hop *probes.Step, u *url.URL) error {
	leave, err := p.n.sit(ctx, hop, u.Hostname())
	if err == nil {
		p.keep(leave)
	}
	return err
}

// width is how many requests may be under way at the origin of k: with HTTP/1.1
// as many as there are seats for connections now, as one that waited for more
// might wait for itself.
func (p *Pool) width(u *url.URL, k *conn) int {
	if k.h2 {
		return streams
	}
	more, leave := p.n.sitMore(u.Hostname(), perOrigin-1)
	p.keep(leave)
	return 1 + more
}

func (p *Pool) keep(leave func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.leave = append(p.leave, leave)
}

// faultFacts are what the steps of a hop tell of why no connection could be
// made, for the hops that won't try: each of them may be the one a run's cause
// is taken from.
func faultFacts(hop *probes.Step) map[string]any {
	facts := map[string]any{}
	for _, key := range append([]string{probes.AttrPeerAddress}, leafKeys...) {
		facts[key] = hop.Text(key)
	}
	for _, s := range hop.Steps {
		if fault := s.Text(probes.AttrFault); fault != "" {
			facts[probes.AttrFault] = fault
		}
	}
	return facts
}

// failAgain fails hop as the one that tried to connect.
func (o *origin) failAgain(hop *probes.Step) error {
	for key, v := range o.facts {
		hop.Set(key, v)
	}
	f := probes.AsFailure(o.failed)
	return probes.Fail(f.Code, fmt.Errorf("%s (not tried again)", f.Detail))
}

func (p *Pool) open(ctx context.Context, hop *probes.Step, u *url.URL) (*conn, error) {
	n := p.n
	if p.origin(u).slots != nil { // its addresses have been seen
		n = n.one()
	}
	k, err := n.open(ctx, hop, u, true)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.all = append(p.all, k)
	return k, nil
}

// lost reports whether the shared connection has ended, so that one hop must
// make another for all.
func (o *origin) lost() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.shared != nil && o.shared.ended()
}

// pick takes an open connection, nil where there is none.
func (o *origin) pick() *conn {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.shared != nil {
		return o.shared
	}
	for len(o.idle) > 0 {
		k := o.idle[len(o.idle)-1]
		o.idle = o.idle[:len(o.idle)-1]
		if !k.ended() {
			return k
		}
	}
	return nil
}

func (o *origin) put(k *conn) {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case k.ended() && !k.h2:
	case k.h2:
		o.shared = k
	default:
		o.idle = append(o.idle, k)
	}
}

// take puts a token into c when there is room.
func take(ctx context.Context, c chan struct{}) error {
	select {
	case c <- struct{}{}:
		return nil
	case <-ctx.Done():
		return asking.failure(ctx, fmt.Errorf("wait for a connection: %w", ctx.Err()))
	}
}

package wire

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sonde-media/sonde/probes"
)

// A visit is what one run has used.
type visit struct {
	bytes atomic.Int64

	mu   sync.Mutex            // guards what follows
	held map[string]int        // seats, by host
	good map[string]netip.Addr // of those that all were probed, by host:port
}

// chosen returns the address of origin to go on with, once all were probed.
func (v *visit) chosen(origin string) (a netip.Addr, ok bool) {
	if v == nil {
		return a, false
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	a, ok = v.good[origin]
	return a, ok
}

func (v *visit) choose(origin string, a netip.Addr) {
	if v == nil {
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.good[origin] = a
}

// holds counts by seats at host and reports whether there are others.
func (v *visit) holds(host string, by int) bool {
	if v == nil {
		return false
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	before := v.held[host]
	v.held[host] += by
	return before > 0
}

// admit waits in turn until host may be asked once more, for hop's URL, and
// fails where that is too far away. It comes before the connection is made:
// waiting is nobody's slowness, so no step of a server's holds it.
func (n *Net) admit(ctx context.Context, hop *probes.Step, host string) error {
	if v, most := n.visit, n.ledger.limits.RunBytes; v != nil && v.bytes.Load() >= most {
		return overRun(most)
	}
	wait, err := n.ledger.ask(host, hop.Text(probes.AttrURLHash), time.Now(), patience(ctx))
	if err != nil {
		return probes.Fail(probes.GuardBudget, err)
	}
	if wait == 0 {
		return nil
	}
	defer noteWait(hop, time.Now())
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return waited(ctx, "host_rate", host)
	}
}

func overRun(most int64) error {
	return probes.Fail(probes.GuardBudget, fmt.Errorf("run_bytes: this run has read its %d bytes; the next run may read as many", most))
}

// patience is how long a run waits for its turn: half of the time it has, so
// that what is left is enough not to blame the server for it.
func patience(ctx context.Context) time.Duration {
	if end, ok := ctx.Deadline(); ok {
		return max(0, time.Until(end)/2)
	}
	return probes.DefaultTimeout / 2
}

// waited is why waiting came to nothing.
func waited(ctx context.Context, limit, host string) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return probes.Fail(probes.Canceled, ctx.Err())
	}
	return probes.Fail(probes.GuardBudget, fmt.Errorf("%s of %s: no turn came in the time there was", limit, host))
}

func noteWait(hop *probes.Step, since time.Time) {
	ms := float64(time.Since(since)) / float64(time.Millisecond)
	before, _ := hop.Attrs[probes.AttrWaited].(float64)
	hop.Set(probes.AttrWaited, before+ms)
}

// sit waits in turn for a seat at host, which a connection needs. A run that
// has one doesn't wait for another at the same host: it might wait for itself.
// The function returned gives the seat back.
func (n *Net) sit(ctx context.Context, hop *probes.Step, host string) (func(), error) {
	a := n.ledger.use(host, 1)
	seats, err := int64(1), error(nil)
	switch has := n.visit.holds(host, 1); {
	case a.seats.TryAcquire(1):
	case has:
		seats = 0
	default:
		err = n.queue(ctx, hop, a, host)
	}
	leave := func() {
		a.seats.Release(seats)
		n.visit.holds(host, -1)
		n.ledger.use(host, -1)
	}
	if err != nil {
		seats = 0
		leave()
		return nil, err
	}
	return leave, nil
}

func (n *Net) queue(ctx context.Context, hop *probes.Step, a *account, host string) error {
	defer noteWait(hop, time.Now())
	ctx, cancel := context.WithTimeout(ctx, patience(ctx))
	defer cancel()
	if a.seats.Acquire(ctx, 1) != nil {
		return waited(ctx, "host_parallel", host)
	}
	return nil
}

// sitMore takes up to most further seats at host, those that are free now.
func (n *Net) sitMore(host string, most int) (got int, leave func()) {
	a := n.ledger.use(host, 1)
	for got < most && a.seats.TryAcquire(1) {
		got++
	}
	return got, func() {
		a.seats.Release(int64(got))
		n.ledger.use(host, -1)
	}
}

// holdOff keeps to a Retry-After (RFC 9110 §10.2.3) of the URL that it was the
// answer of; others of its host will say for themselves. Whose rate is limited
// stays away for an hour at most. Whether what is out of service still is has to
// be seen, and the schedule is hardly its burden: less than the usual interval.
func (n *Net) holdOff(status int, url string, wait time.Duration) {
	switch now := time.Now(); {
	case wait <= 0:
	case status == http.StatusTooManyRequests:
		n.ledger.hold(url, min(wait, maxHold), now)
	case status == http.StatusServiceUnavailable:
		n.ledger.hold(url, min(wait, maxOutage), now)
	}
}

// spend counts bytes read from host and says which limit they are beyond.
func (n *Net) spend(host string, bytes int64) error {
	if v, most := n.visit, n.ledger.limits.RunBytes; v != nil && v.bytes.Add(bytes) > most {
		return overRun(most)
	}
	if err := n.ledger.spend(host, bytes, time.Now()); err != nil {
		return probes.Fail(probes.GuardBudget, err)
	}
	return nil
}

// metered counts what is read of a body, and ends it where that is too much.
func (n *Net) metered(body io.ReadCloser, host string) io.ReadCloser {
	return &meter{body, n, host}
}

type meter struct {
	io.ReadCloser
	n    *Net
	host string
}

func (m *meter) Read(p []byte) (int, error) {
	c, err := m.ReadCloser.Read(p)
	if over := m.n.spend(m.host, int64(c)); over != nil && err == nil {
		err = over
	}
	return c, err
}

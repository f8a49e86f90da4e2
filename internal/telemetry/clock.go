package telemetry

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/otel/metric"

	"github.com/sonde-media/sonde/probes"
)

// timeHeader tells the sender's clock, as RFC 3339 with a fraction: of a
// request when it is sent, of a hub's answer when it is made.
const timeHeader = "Sonde-Time"

// A clock tells how far ours is ahead of the hub's. Each answer of the hub
// gives a reading, wrong by half its round trip at most; the one that can be
// wrong by least now is believed, so a reading ages as clocks drift apart. One
// from before our clock was set, or the machine slept, is void. It is safe for
// concurrent use.
type clock struct {
	mu   sync.Mutex // guards best
	best reading
}

// A reading compares two clocks once.
type reading struct {
	at     time.Time     // by ours, amid the round trip; the zero time: there is none
	ahead  time.Duration // ours minus the hub's
	within time.Duration // by which ahead can be wrong
}

const (
	maxRoundTrip = 10 * time.Second
	maxAhead     = 10 * 366 * 24 * time.Hour // more is nonsense
	dateWithin   = 500 * time.Millisecond    // the header Date tells whole seconds
	coarse       = 250 * time.Millisecond    // a reading worse than that says nothing about an offset within its error
	driftPart    = 10_000                    // clocks drift apart by 1 s in so many at most
	maxStep      = 50 * time.Millisecond     // wall and monotonic clock apart by more: it was set, or slept
	worthTelling = 100 * time.Millisecond    // an offset that the resource of each span tells
)

// note takes a reading from the header of an answer.
func (c *clock) note(sent, came time.Time, h http.Header) {
	took := came.Sub(sent)
	theirs, within, ok := hubTime(h)
	r := reading{at: sent.Add(took / 2), within: took/2 + within}
	r.ahead = r.at.Round(0).Sub(theirs)
	if !ok || took < 0 || took > maxRoundTrip || r.ahead.Abs() > maxAhead || stepped(sent, came) {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	best := c.best
	known := !best.at.IsZero() && !stepped(best.at, r.at)
	contradicted := (best.ahead - r.ahead).Abs() > best.error(r.at)+r.within
	if !known || contradicted || r.within <= best.error(r.at) {
		c.best = r
	}
}

// hubTime is what a hub's answer says of its clock, and by how much it may be
// off. A hub before timeHeader, or a proxy, sends Date.
func hubTime(h http.Header) (at time.Time, within time.Duration, ok bool) {
	if at, err := time.Parse(time.RFC3339Nano, h.Get(timeHeader)); err == nil {
		return at, 0, true
	}
	at, err := http.ParseTime(h.Get("Date"))
	return at.Add(dateWithin), dateWithin, err == nil
}

// error is by how much r can be wrong at t.
func (r reading) error(t time.Time) time.Duration {
	return r.within + t.Sub(r.at).Abs()/driftPart
}

// stepped reports whether the wall clock went otherwise than time between a
// and b.
func stepped(a, b time.Time) bool {
	return (b.Round(0).Sub(a.Round(0)) - b.Sub(a)).Abs() > maxStep
}

// ahead returns how far our clock was ahead of the hub's at t, a time by ours,
// and whether that is known.
func (c *clock) ahead(t time.Time) (time.Duration, bool) {
	c.mu.Lock()
	r := c.best
	c.mu.Unlock()
	if r.at.IsZero() || stepped(r.at, t) {
		return 0, false
	}
	if wrong := r.error(t); wrong > coarse && r.ahead.Abs() <= wrong {
		return 0, false
	}
	return r.ahead, true
}

// Now is the time by the hub's clock, as far as that is known, else by ours.
// What hosts say of dates is to be judged by it.
func (e *Exporter) Now() time.Time {
	now := time.Now()
	ahead, _ := e.clock.ahead(now)
	return now.Add(-ahead)
}

// noteClock notes on a root how far our clock was ahead of the hub's when it
// began, once that is known, and returns it.
func (e *Exporter) noteClock(root *probes.Step) time.Duration {
	ahead, known := e.clock.ahead(root.Start)
	if known {
		root.Set(probes.AttrClockOff, ahead.Milliseconds())
	}
	return ahead
}

// observeClock tells how far the clock is ahead, where that is known.
func (m *metrics) observeClock(c *clock) error {
	_, err := m.meter.Float64ObservableGauge("sonde.agent.clock_offset", metric.WithUnit("s"),
		metric.WithDescription("How far the agent's clock is ahead of the hub's."),
		metric.WithFloat64Callback(func(_ context.Context, o metric.Float64Observer) error {
			if ahead, known := c.ahead(time.Now()); known {
				o.Observe(ahead.Seconds(), with(m.region))
			}
			return nil
		}))
	if err != nil {
		return fmt.Errorf("metrics: %w", err)
	}
	return nil
}

// An offsetEncoder writes a resource that tells how far the clock is ahead.
type offsetEncoder struct {
	*encoder
	ahead time.Duration
}

// encoderFor returns the encoder that tells ahead, about: a resource is made
// anew only when it would tell something else.
func (e *Exporter) encoderFor(ahead time.Duration) *encoder {
	told := func(d time.Duration) bool { return d.Abs() >= worthTelling }
	now := e.encoder.Load()
	if now != nil && told(now.ahead) == told(ahead) && (now.ahead-ahead).Abs() <= worthTelling/2 {
		return now.encoder
	}
	r := e.opts.Resource
	if told(ahead) {
		r.ahead = ahead
	}
	next := &offsetEncoder{newEncoder(r), ahead}
	e.encoder.Store(next)
	return next.encoder
}

// A timed transport compares clocks at each round trip. Retries pass it one by
// one, so each request tells when it was sent, and not when the first was.
type timed struct {
	*http.Transport
	clock *clock
}

// RoundTrip implements [http.RoundTripper].
func (t timed) RoundTrip(req *http.Request) (*http.Response, error) {
	req = req.Clone(req.Context()) // which isn't ours to change
	sent := time.Now()
	req.Header.Set(timeHeader, sent.UTC().Format(time.RFC3339Nano))
	resp, err := t.Transport.RoundTrip(req)
	if err == nil {
		t.clock.note(sent, time.Now(), resp.Header)
	}
	return resp, err
}

const (
	firstAsked   = 3               // times; the first answer takes a connection too
	askPatience  = 2 * time.Second // for all of these
	maxDiscarded = 4 << 10         // bytes of an answer that nobody wants
)

// keepTime compares clocks with the hub until ctx ends, however seldom there
// is something to send. It calls first when it has begun to.
func (e *Exporter) keepTime(ctx context.Context, first func()) {
	d := e.hub()
	if d == nil {
		first()
		return
	}
	d.askTime(ctx, firstAsked)
	first()
	again := time.NewTicker(e.opts.Heartbeat)
	defer again.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-again.C:
			d.askTime(ctx, 1)
		}
	}
}

// askTime asks the hub for an answer that costs it nothing, up to n times. The
// transport takes the readings.
func (d *destination) askTime(ctx context.Context, n int) {
	ctx, cancel := context.WithTimeout(ctx, askPatience)
	defer cancel()
	url := strings.TrimSuffix(d.to.url, tracesPath) + "/healthz"
	for range n {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return
		}
		req.Header.Set("User-Agent", uploadAgent)
		resp, err := d.client.Do(req)
		if err != nil { // uploads will say so
			return
		}
		io.Copy(io.Discard, io.LimitReader(resp.Body, maxDiscarded)) // so that the connection serves again
		resp.Body.Close()
	}
}

package notify

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/go-retryablehttp"

	"github.com/sonde-media/sonde/internal/api"
)

const (
	tryTimeout = 10 * time.Second // of one request
	tryAgain   = 2                // requests more in one try, where a connection broke off
	tryWait    = time.Second      // between them
	leased     = 2 * time.Minute  // longer than a try lasts

	firstPause = 10 * time.Second // after a try in vain; doubled up to
	mostPause  = 15 * time.Minute
	mostAsked  = time.Hour      // that a Retry-After is heeded
	patience   = 24 * time.Hour // then a message is given up
	tooLate    = patience + time.Hour

	maxSaid = 200 // bytes of an answer that are recorded
)

// newClient returns what messages are sent by. It follows no redirect: 301 and
// 302 turn a POST into an empty GET, whose answer says nothing.
func newClient() *http.Client {
	return &http.Client{
		Transport:     http.DefaultTransport.(*http.Transport).Clone(),
		Timeout:       tryTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// tell sends messages to r one by one, until one can't be sent: a receiver that
// is away is asked for one at a time.
func (n *Notifier) tell(ctx context.Context, r *Receiver, due []api.Delivery) {
	for _, d := range due {
		switch done, err := n.attempt(ctx, r, d); {
		case ctx.Err() != nil:
			return
		case err != nil:
			n.Log.Error("notification not recorded", "receiver", r.Name, "incident", d.Incident, "err", err)
			return
		case !done:
			return
		}
	}
}

// attempt sends d if no other hub does or did, and records what became of it.
// It is done where the next one may be tried.
func (n *Notifier) attempt(ctx context.Context, r *Receiver, d api.Delivery) (done bool, err error) {
	held, err := n.Book.Lease(ctx, d.Key, n.holder, time.Now().Add(leased))
	if err != nil || !held {
		return true, err
	}
	if err := n.refresh(ctx); err != nil { // another hub may have sent it before we held the lease
		return false, err
	}
	n.mu.Lock()
	d, due := n.ledger.still(d)
	n.mu.Unlock()
	if !due {
		return true, nil
	}
	after, sent := n.try(ctx, r, &d)
	if ctx.Err() != nil && !sent {
		return false, nil // the hub ends: that is no try
	}
	n.report(d, after)
	// What was sent is recorded even while the hub ends: nobody sends it twice.
	recording, cancel := context.WithTimeout(context.WithoutCancel(ctx), tryTimeout)
	defer cancel()
	d.Snapshot = nil // stands in an earlier record
	if err := n.Book.Deliver(recording, d); err != nil {
		return false, err
	}
	n.mu.Lock()
	n.ledger.take(d)
	n.mu.Unlock()
	_, err = n.Book.Lease(recording, d.Key, n.holder, time.Now())
	return sent, err
}

// try sends d and notes in it what came of that. after is how long it waits
// until the next try.
func (n *Notifier) try(ctx context.Context, r *Receiver, d *api.Delivery) (after time.Duration, sent bool) {
	if time.Since(d.At) > tooLate {
		d.State, d.Error = api.DeliveryGivenUp, "it was due a day ago, and nobody tried"
		return 0, false
	}
	err := send(ctx, n.client, r, *d, n.Hub)
	d.Tries++
	if err == nil {
		d.State, d.Error = api.DeliverySent, ""
		return 0, true
	}
	d.Error = r.hide(plain(err.Error()))
	if time.Since(d.At) > patience {
		d.State = api.DeliveryGivenUp
		return 0, false
	}
	after = pause(d.Tries)
	if busy, ok := errors.AsType[*refusal](err); ok {
		after = max(after, busy.after)
	}
	d.Due = time.Now().Add(after)
	return after, false
}

// report logs what came of a try.
func (n *Notifier) report(d api.Delivery, after time.Duration) {
	log := n.Log.With("receiver", d.Receiver, "incident", d.Incident, "event", d.Event, "tries", d.Tries)
	switch d.State {
	case api.DeliverySent:
		log.Info("notified")
	case api.DeliveryGivenUp:
		log.Error("notification given up", "err", d.Error)
	default:
		log.Warn("notification not sent", "err", d.Error, "again", after.Round(time.Second))
	}
}

// pause is how long the try after the nth waits, with jitter.
func pause(n int) time.Duration {
	p := min(mostPause, firstPause<<min(n-1, 10))
	return p*3/4 + rand.N(p/2)
}

// A refusal is an answer that isn't 2xx.
type refusal struct {
	status string
	said   string
	after  time.Duration // that it asked to wait
}

func (e *refusal) Error() string {
	s := "answered " + e.status
	if e.said != "" {
		s += ": " + e.said
	}
	return s
}

// send sends one message, with the requests that a connection which breaks off
// takes.
func send(ctx context.Context, client *http.Client, r *Receiver, d api.Delivery, hub string) error {
	body, err := r.body(d, hub)
	if err != nil {
		return err
	}
	req, err := retryablehttp.NewRequestWithContext(ctx, http.MethodPost, r.URL, bytes.NewReader(body))
	if err != nil {
		return withoutURL(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "sonde-hub")
	req.Header.Set("Idempotency-Key", d.Key)
	for name, value := range r.Headers {
		req.Header.Set(name, value)
	}
	resp, err := retrying(client).Do(req)
	if err != nil {
		return withoutURL(err)
	}
	defer resp.Body.Close()
	said, _ := io.ReadAll(io.LimitReader(resp.Body, maxSaid)) // what it says of an error, if it says anything
	if resp.StatusCode/100 == 2 {
		return nil
	}
	return &refusal{resp.Status, strings.TrimSpace(string(said)), retryAfter(resp)}
}

func retrying(client *http.Client) *retryablehttp.Client {
	c := retryablehttp.NewClient()
	c.HTTPClient, c.Logger = client, nil
	c.RetryMax, c.RetryWaitMin, c.RetryWaitMax = tryAgain, tryWait/4, tryWait
	c.Backoff = retryablehttp.LinearJitterBackoff
	c.ErrorHandler = retryablehttp.PassthroughErrorHandler
	// What is answered waits for its turn in the queue: that survives us.
	c.CheckRetry = func(ctx context.Context, _ *http.Response, err error) (bool, error) {
		if ctx.Err() != nil {
			return false, ctx.Err()
		}
		return err != nil, nil
	}
	return c
}

// withoutURL is err without the URL, which is a secret.
func withoutURL(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		return fmt.Errorf("send: %w", u.Err)
	}
	return err
}

func retryAfter(resp *http.Response) time.Duration {
	text := resp.Header.Get("Retry-After")
	if n, err := strconv.Atoi(text); err == nil {
		return min(time.Duration(max(n, 0))*time.Second, mostAsked)
	}
	if at, err := http.ParseTime(text); err == nil {
		return min(max(0, time.Until(at)), mostAsked)
	}
	return 0
}

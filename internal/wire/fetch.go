package wire

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/sonde-media/sonde/probes"
)

// Fetch gets req over fresh connections, following redirects, in one hop step
// of parent an exchange. A failure is the error of the step where it happened.
func (n *Net) Fetch(ctx context.Context, parent *probes.Step, req Request) (*Response, error) {
	return n.fetch(ctx, parent, req, n.fresh)
}

// A connector gives the connection for one hop, and a function that takes it
// back when the answer has been read.
type connector func(ctx context.Context, hop *probes.Step, u *url.URL) (*conn, func(), error)

func (n *Net) fresh(ctx context.Context, hop *probes.Step, u *url.URL) (*conn, func(), error) {
	leave, err := n.sit(ctx, hop, u.Hostname())
	if err != nil {
		return nil, nil, err
	}
	k, err := n.open(ctx, hop, u, false)
	if err != nil {
		leave()
		return nil, nil, err
	}
	return k, func() { k.Close(); leave() }, nil
}

func (n *Net) fetch(ctx context.Context, parent *probes.Step, req Request, connect connector) (*Response, error) {
	out := &Response{begin: time.Now()}
	u, err := parse(req.URL)
	if err != nil {
		return nil, probes.Fail(probes.HTTPOther, err)
	}
	f := fetching{n: n, req: req, connect: connect, out: out, seen: map[string]bool{}}
	for previous := (*url.URL)(nil); u != nil; {
		at := u
		if u, err = f.hop(ctx, parent, u, previous); err != nil {
			return nil, err
		}
		previous = at
	}
	return out, nil
}

// fetching is the state of one fetch on its way through the redirects.
type fetching struct {
	n       *Net
	req     Request
	connect connector
	out     *Response
	seen    map[string]bool // URLs asked
}

// hop does one exchange and returns where it redirects to, nil at the end.
func (f *fetching) hop(ctx context.Context, parent *probes.Step, u, previous *url.URL) (next *url.URL, err error) {
	s := parent.Begin("hop")
	defer s.Done(&err)
	f.note(s, u, previous)
	f.seen[u.String()] = true

	res, release, err := f.ask(ctx, s, u)
	if err != nil {
		return nil, err
	}
	defer release()
	if !redirects(res) {
		return nil, f.end(ctx, s, u, res)
	}
	skim(s, res)
	return f.follow(s, u, res)
}

// end takes res as the answer. A HEAD and a 304 have no body.
func (f *fetching) end(ctx context.Context, s *probes.Step, u *url.URL, res *http.Response) error {
	f.out.URL, f.out.Status, f.out.Header, f.out.Hop = u, res.StatusCode, res.Header, s
	noteLastRole(s)
	countHops(s, u.Hostname(), f.out.Hops)
	if f.req.method() == http.MethodHead || res.StatusCode == http.StatusNotModified {
		res.Body.Close()
		return nil
	}
	return drain(ctx, s, res, f.req, f.out)
}

// ask sends the request over a connection. Where a kept one turns out to have
// been closed by the server meanwhile, it asks over another, as clients do;
// the tree shows both.
func (f *fetching) ask(ctx context.Context, s *probes.Step, u *url.URL) (*http.Response, func(), error) {
	for try := 1; ; try++ {
		if err := f.n.admit(ctx, s, u.Hostname()); err != nil {
			return nil, nil, err
		}
		k, release, err := f.connect(ctx, s, u)
		if err != nil {
			return nil, nil, err
		}
		res, err := f.n.exchange(ctx, s, k, u, f.req)
		if err == nil {
			return res, release, nil
		}
		release()
		if !errors.Is(err, errGone) || try == 2 {
			return nil, nil, err
		}
		s.Steps[len(s.Steps)-1].Optional()
	}
}

func (f *fetching) note(s *probes.Step, u, previous *url.URL) {
	s.Set(probes.AttrMethod, f.req.method())
	setURL(s, u, f.req.RecordQuery)
	noteRole(s, u)
	s.Set(probes.AttrUserAgent, f.n.o.UserAgent)
	s.Set(probes.AttrSyntheticType, "bot")
	s.Set(probes.AttrHopIndex, f.out.Hops)
	if previous != nil {
		s.Set(probes.AttrResendCount, f.out.Hops)
		s.Set(probes.AttrHopPrevious, previous.Hostname())
	}
	f.out.Hops++
}

// follow returns where a redirect leads, or why it can't be followed.
func (f *fetching) follow(s *probes.Step, u *url.URL, res *http.Response) (*url.URL, error) {
	location := res.Header.Get("Location")
	next, err := u.Parse(location)
	if err != nil || location == "" {
		location = probes.RecordURLText(location, f.req.RecordQuery)
		return nil, probes.Fail(probes.RedirectLocation, fmt.Errorf("%d with Location %q", res.StatusCode, clip(location)))
	}
	next.Fragment = ""
	if err := Normalize(next); err != nil {
		return nil, probes.Fail(probes.RedirectLocation, fmt.Errorf("bad Location %q: %w", clip(probes.RecordURL(next, f.req.RecordQuery)), err))
	}
	s.Set(probes.AttrLocation, probes.RecordURL(next, f.req.RecordQuery))
	if f.seen[next.String()] {
		return nil, probes.Fail(probes.RedirectLoop, fmt.Errorf("back to %s after %d hops", probes.RecordURL(next, f.req.RecordQuery), f.out.Hops))
	}
	if f.out.Hops > f.n.o.Redirects {
		return nil, probes.Fail(probes.RedirectLimit, fmt.Errorf("more than %d redirects", f.n.o.Redirects))
	}
	noteRedirectRole(s, next)
	if u.Scheme == "https" && next.Scheme == "http" {
		s.Find(probes.Note(probes.RedirectDowngrade, u.Hostname(), "from https to http://"+next.Host+"; Android's Media3 doesn't follow"))
	}
	return next, nil
}

// parse reads the URL of a target or of something it refers to.
func parse(rawURL string) (*url.URL, error) {
	u, err := url.Parse(strings.TrimSpace(rawURL))
	if err != nil {
		return nil, reason(err)
	}
	u.Fragment = ""
	return u, Normalize(u)
}

// reason is why a URL can't be read. It tells nothing of one that may hold a
// password: errors of net/url quote what they stumbled on, or all of it.
func reason(err error) error {
	e, ok := errors.AsType[*url.Error](err)
	if !ok || strings.Contains(e.URL, "@") {
		return errors.New("not a URL")
	}
	return fmt.Errorf("not a URL: %w", e.Err)
}

// setURL notes u and what identifies the whole of it.
func setURL(s *probes.Step, u *url.URL, all bool) {
	s.Set(probes.AttrURL, probes.RecordURL(u, all))
	sum := sha256.Sum256([]byte(u.String()))
	s.Set(probes.AttrURLHash, hex.EncodeToString(sum[:8]))
	s.Set(probes.AttrServerAddress, u.Hostname())
	s.Set(probes.AttrServerPort, port(u))
}

package source

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/go-retryablehttp"

	"github.com/sonde-media/sonde/internal/config"
)

const (
	requestTimeout = time.Minute // of one try, body included
	retries        = 2           // within one look
	firstRetry     = time.Second // after a look in vain; doubled up to the poll
	mostAfter      = time.Hour   // that a Retry-After is heeded
	maxHeader      = 64 << 10
	maxSameHost    = 5 // redirects
)

// ConfigPath is where a hub has the configuration.
const ConfigPath = "/api/v1/config"

// A remote is a configuration by HTTP, as a hub serves it.
type remote struct {
	url    *url.URL
	token  string
	client *retryablehttp.Client
	poll   time.Duration

	etag   string // of what came last
	sum    [sha256.Size]byte
	err    error         // that parsing it gave
	vain   int           // looks without an answer, or a busy hub's, since the last one
	failed error         // of the last look
	after  time.Duration // that the last answer asked to wait
}

func newRemote(from string, o Options) (*remote, error) {
	u, err := url.Parse(from)
	if err != nil || u.Hostname() == "" {
		return nil, fmt.Errorf("want a URL such as https://hub.example:4318%s", ConfigPath)
	}
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.TLSClientConfig = &tls.Config{RootCAs: o.Roots}
	t.MaxResponseHeaderBytes = maxHeader
	c := retryablehttp.NewClient()
	c.Logger = nil
	c.RetryMax, c.RetryWaitMin, c.RetryWaitMax = retries, 100*time.Millisecond, 300*time.Millisecond
	c.Backoff = retryablehttp.LinearJitterBackoff
	c.CheckRetry = again
	c.ErrorHandler = retryablehttp.PassthroughErrorHandler
	c.HTTPClient = &http.Client{Transport: t, Timeout: requestTimeout, CheckRedirect: stay}
	return &remote{url: u, token: o.Token, client: c, poll: cmp.Or(o.Poll, DefaultURLPoll)}, nil
}

// stay follows redirects on one host alone: another one gets no token, and who
// leads there is perhaps no hub.
func stay(to *http.Request, via []*http.Request) error {
	from := via[0].URL
	if len(via) > maxSameHost || to.URL.Scheme != from.Scheme || to.URL.Host != from.Host {
		return http.ErrUseLastResponse
	}
	return nil
}

// again retries within a second what broke off. Everything else has time until
// the next look.
func again(ctx context.Context, resp *http.Response, err error) (bool, error) {
	if ctx.Err() != nil {
		return false, ctx.Err()
	}
	if err != nil {
		return retryablehttp.ErrorPropagatedRetryPolicy(ctx, resp, err)
	}
	return resp.StatusCode == http.StatusBadGateway || resp.StatusCode == http.StatusGatewayTimeout, nil
}

// String leaves out what a URL may hold of secrets.
func (r *remote) String() string {
	u := url.URL{Scheme: r.url.Scheme, Host: r.url.Host, Path: r.url.Path}
	return u.String()
}

// pause has jitter, so that a fleet doesn't come all at once.
func (r *remote) pause() time.Duration {
	wait := r.poll
	switch {
	case refused(r.failed):
		wait = 2 * r.poll
	case r.vain > 0:
		wait = min(wait, firstRetry<<min(r.vain-1, 16))
	}
	return max(wait*3/4+rand.N(wait/2+1), r.after)
}

func (r *remote) look(ctx context.Context, force bool) (*Version, error) {
	if force {
		r.etag, r.sum = "", [sha256.Size]byte{}
	}
	v, err := r.ask(ctx)
	r.failed = err
	if Passing(err) {
		r.vain++
	} else {
		r.vain = 0
	}
	return v, err
}

func (r *remote) ask(ctx context.Context) (*Version, error) {
	r.after = 0
	req, err := retryablehttp.NewRequestWithContext(ctx, http.MethodGet, r.url.String(), nil)
	if err != nil {
		return nil, away{withoutURL(err)}
	}
	req.Header.Set("Accept", "application/yaml, */*;q=0.1")
	req.Header.Set("User-Agent", "sonde-agent")
	if r.token != "" {
		req.Header.Set("Authorization", "Bearer "+r.token)
	}
	if r.etag != "" {
		req.Header.Set("If-None-Match", r.etag)
	}
	sent := time.Now()
	resp, err := r.client.Do(req)
	if resp != nil {
		defer resp.Body.Close()
	}
	if err != nil {
		return nil, away{r.explain(withoutURL(err))}
	}
	r.after = retryAfter(resp)
	switch {
	case resp.StatusCode == http.StatusNotModified && r.etag != "":
		return nil, r.err
	case resp.StatusCode != http.StatusOK:
		return nil, r.refusal(resp)
	}
	return r.take(resp, ahead(resp, sent))
}

// take reads a configuration. One that came before is no news, whatever the
// hub makes of ETags.
func (r *remote) take(resp *http.Response, ahead time.Duration) (*Version, error) {
	body, err := io.ReadAll(io.LimitReader(resp.Body, config.MaxBytes+1))
	switch {
	case err != nil:
		return nil, away{fmt.Errorf("the answer broke off: %w", err)}
	case len(body) > config.MaxBytes:
		return nil, &Refusal{resp.StatusCode, fmt.Sprintf("the configuration is larger than %d MiB", config.MaxBytes>>20)}
	}
	etag := resp.Header.Get("ETag")
	sum := sha256.Sum256(body)
	if sum == r.sum {
		r.etag = etag
		return nil, r.err
	}
	c, err := config.Parse(r.String(), body, os.LookupEnv)
	r.etag, r.sum, r.err = etag, sum, err
	if err != nil {
		return nil, err
	}
	return &Version{
		Config: c, Region: resp.Header.Get("Sonde-Region"), Ahead: ahead,
		fetched: time.Now(), etag: etag, body: body,
	}, nil
}

// ahead compares our clock with the hub's, by the header that only a hub sends.
func ahead(resp *http.Response, sent time.Time) time.Duration {
	at, err := time.Parse(time.RFC3339Nano, resp.Header.Get("Sonde-Time"))
	if err != nil {
		return 0
	}
	return sent.Add(time.Since(sent) / 2).Sub(at)
}

// busy reports whether status will be another one soon.
func busy(status int) bool {
	return status == http.StatusTooManyRequests || status >= 500
}

func retryAfter(resp *http.Response) time.Duration {
	text := resp.Header.Get("Retry-After")
	if n, err := strconv.Atoi(text); err == nil {
		return time.Duration(min(max(n, 0), int(mostAfter.Seconds()))) * time.Second
	}
	if at, err := http.ParseTime(text); err == nil {
		return min(max(time.Until(at), 0), mostAfter)
	}
	return 0
}

// said is what a hub says about an answer that isn't what was asked for; ""
// where it isn't a hub that spoke.
func said(resp *http.Response) (hub string, text []byte) {
	text, err := io.ReadAll(io.LimitReader(resp.Body, 4<<10))
	var answer struct {
		Error string `json:"error"`
	}
	if err != nil || json.Unmarshal(text, &answer) != nil {
		return "", text
	}
	return strings.TrimSpace(answer.Error), text
}

// refusal says what to do about an answer that is no configuration.
func (r *remote) refusal(resp *http.Response) error {
	hub, text := said(resp)
	refuse := func(format string, args ...any) error {
		return &Refusal{resp.StatusCode, fmt.Sprintf(format, args...)}
	}
	host := r.url.Host
	switch status := resp.StatusCode; {
	case r.url.Scheme == "http" && status == http.StatusBadRequest && bytes.Contains(text, []byte("HTTPS")):
		return refuse("%s speaks https: write https://%s", host, host)
	case status/100 == 3:
		return refuse("%s leads to another address, where no token is sent: give %s itself", host, leadsTo(resp))
	case status == http.StatusUnauthorized && r.token == "":
		return refuse("%s asks for a token: make one by `sonde hub token create --region NAME` where the hub runs, and set SONDE_TOKEN to it", host)
	case status == http.StatusUnauthorized:
		return refuse("%s doesn't know this token; it may be mistyped or revoked: make one by `sonde hub token create --region NAME` where the hub runs, and set SONDE_TOKEN to it", host)
	case hub != "":
		return refuse("%s: %s", host, hub)
	case busy(status):
		return refuse("%s answers %s", host, resp.Status)
	}
	return refuse("%s answers %s at %s; is it a hub's address?", host, resp.Status, r.url.Path)
}

func leadsTo(resp *http.Response) string {
	u, err := resp.Location()
	if err != nil {
		return "the address"
	}
	return u.Scheme + "://" + u.Host
}

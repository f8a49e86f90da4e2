package api

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/hashicorp/go-retryablehttp"
)

// Limits of the client.
const (
	clientTimeout = 30 * time.Second // of one try
	clientRetries = 2
	maxAnswer     = 256 << 20 // bytes
)

// A Client asks a hub. Its methods may be called by several goroutines.
type Client struct {
	base  *url.URL
	token string
	http  *retryablehttp.Client
}

// A StatusError is an answer that isn't 200, with what the hub said about it.
// One of status 404 is fs.ErrNotExist.
type StatusError struct {
	Status  int
	Message string
}

func (e *StatusError) Error() string { return e.Message }

// Is reports whether target is what the status means.
func (e *StatusError) Is(target error) bool {
	return target == fs.ErrNotExist && e.Status == http.StatusNotFound
}

// NewClient returns a client of the hub at base, such as
// https://hub.example:4318, that shows token where it isn't "".
func NewClient(base, token string) (*Client, error) {
	return NewClientBy(base, token, nil)
}

// NewClientBy is NewClient that asks by the transport of via, and within its
// time-out where it has one; nil: one of its own.
func NewClientBy(base, token string, via *http.Client) (*Client, error) {
	u, err := url.Parse(base)
	if err != nil {
		return nil, fmt.Errorf("hub: %w", err)
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, fmt.Errorf("hub: want a URL such as http://127.0.0.1:4318, got %q", base)
	}
	c := retryablehttp.NewClient()
	c.Logger = nil
	c.RetryMax = clientRetries
	c.RetryWaitMin, c.RetryWaitMax = 100*time.Millisecond, time.Second
	c.Backoff = capped
	c.CheckRetry = again
	c.ErrorHandler = retryablehttp.PassthroughErrorHandler
	if via != nil {
		own := *via
		c.HTTPClient = &own
	}
	c.HTTPClient.Timeout = cmp.Or(c.HTTPClient.Timeout, clientTimeout)
	// The hub never redirects: what does is something else, and gets no token.
	c.HTTPClient.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &Client{base: u, token: token, http: c}, nil
}

// capped waits as the hub asks but no longer than a person does.
func capped(shortest, longest time.Duration, try int, resp *http.Response) time.Duration {
	return min(longest, retryablehttp.LinearJitterBackoff(shortest, 2*shortest, try, resp))
}

// again retries what may go well in a second.
func again(ctx context.Context, resp *http.Response, err error) (bool, error) {
	if ctx.Err() != nil {
		return false, ctx.Err()
	}
	if err != nil {
		return retryablehttp.DefaultRetryPolicy(ctx, resp, err)
	}
	switch resp.StatusCode {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true, nil
	}
	return false, nil
}

// Close closes idle connections.
func (c *Client) Close() { c.http.HTTPClient.CloseIdleConnections() }

// Matrix asks for region × target.
func (c *Client) Matrix(ctx context.Context, q Query) (a Matrix, err error) {
	err = c.ask(ctx, "matrix", q, &a)
	return a, err
}

// Series asks for runs by outcome over time.
func (c *Client) Series(ctx context.Context, q Query) (a Series, err error) {
	err = c.ask(ctx, "series", q, &a)
	return a, err
}

// Runs asks for the newest runs.
func (c *Client) Runs(ctx context.Context, q Query) (a Runs, err error) {
	err = c.ask(ctx, "runs", q, &a)
	return a, err
}

// Labels asks for the values to filter by.
func (c *Client) Labels(ctx context.Context, q Query) (a Labels, err error) {
	err = c.ask(ctx, "labels", q, &a)
	return a, err
}

// Agents asks who reports.
func (c *Client) Agents(ctx context.Context, q Query) (a Agents, err error) {
	err = c.ask(ctx, "agents", q, &a)
	return a, err
}

// Trace asks for the spans of one run.
func (c *Client) Trace(ctx context.Context, traceID string) (a Trace, err error) {
	err = c.ask(ctx, "traces/"+url.PathEscape(traceID), Query{}, &a)
	return a, err
}

// Incidents asks for those that overlap the query's range and match its lists,
// in a state: StateOpen, StateResolved or "" for both.
func (c *Client) Incidents(ctx context.Context, q Query, state string) (a Incidents, err error) {
	v := q.Values()
	if state != "" {
		v.Set("state", state)
	}
	err = c.send(ctx, http.MethodGet, "incidents", v, nil, &a)
	return a, err
}

// Incident asks for all that is known of one incident. Of its ID the first
// characters are enough where only one begins with them.
func (c *Client) Incident(ctx context.Context, id string) (a IncidentDetail, err error) {
	err = c.ask(ctx, "incidents/"+url.PathEscape(id), Query{}, &a)
	return a, err
}

// AddNote adds what an operator says of an incident, and returns it as it was
// recorded. A note that was sent twice is one.
func (c *Client) AddNote(ctx context.Context, id string, n Note) (a Note, err error) {
	if n.At.IsZero() {
		n.At = time.Now()
	}
	body, err := json.Marshal(n)
	if err != nil {
		return a, err
	}
	err = c.send(ctx, http.MethodPost, "incidents/"+url.PathEscape(id)+"/notes", nil, body, &a)
	return a, err
}

// Impact asks what stands behind a host or a certificate, by its SHA-256; "" is
// everything.
func (c *Client) Impact(ctx context.Context, of string) (a Impact, err error) {
	v := url.Values{}
	if of != "" {
		v.Set("of", of)
	}
	err = c.send(ctx, http.MethodGet, "impact", v, nil, &a)
	return a, err
}

func (c *Client) ask(ctx context.Context, name string, q Query, answer any) error {
	return c.send(ctx, http.MethodGet, name, q.Values(), nil, answer)
}

// send asks below /api/v1; a body is JSON, nil none.
func (c *Client) send(ctx context.Context, method, name string, v url.Values, body []byte, answer any) error {
	u := c.base.JoinPath("/api/v1", name)
	u.RawQuery = v.Encode()
	var sent any
	if body != nil {
		sent = body
	}
	req, err := retryablehttp.NewRequestWithContext(ctx, method, u.String(), sent)
	if err != nil {
		return err
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	return c.answered(req, answer)
}

// answered sends req and reads its answer.
func (c *Client) answered(req *retryablehttp.Request, answer any) error {
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return fmt.Errorf("ask the hub: %w", err)
	}
	defer resp.Body.Close()
	body := io.LimitReader(resp.Body, maxAnswer)
	if resp.StatusCode != http.StatusOK {
		return statusError(resp, body)
	}
	if err := json.NewDecoder(body).Decode(answer); err != nil {
		return fmt.Errorf("the answer of %s is none of a hub's: %w", c.base.Host, err)
	}
	return nil
}

// statusError returns what the hub said, or that it wasn't a hub that spoke.
func statusError(resp *http.Response, body io.Reader) error {
	text, err := io.ReadAll(io.LimitReader(body, 64<<10))
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("ask the hub: %w", err)
	}
	var e Error
	if json.Unmarshal(text, &e) != nil || strings.TrimSpace(e.Error) == "" {
		e.Error = fmt.Sprintf("%s answered %s; is it a hub's address?", resp.Request.URL.Host, resp.Status)
	}
	return &StatusError{resp.StatusCode, e.Error}
}

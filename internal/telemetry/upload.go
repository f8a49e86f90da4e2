package telemetry

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/go-retryablehttp"

	"github.com/sonde-media/sonde/probes"
)

const (
	requestTimeout = 30 * time.Second
	lastUpload     = 2 * time.Second // what a stopping agent spends on sending
	maxInflated    = 16 << 20        // of what one request inflates to; also a guard against a damaged file

	joinFiles = 64      // batches that go into one request when there is a backlog
	joinBytes = 2 << 20 // and how many bytes of them, gzipped

	uploadAgent = "sonde-agent"
)

// A destination is one receiver of spans with the spool before it.
type destination struct {
	name   string
	to     endpoint
	spool  *spool
	log    *slog.Logger
	client *http.Client
	retry  retryTimes

	unsaved []batch // by Exporter.flush alone: what the disk didn't take
	trouble string  // by the uploading goroutine alone: what was logged last
}

// retryTimes bound the jittered waits between attempts.
type retryTimes struct {
	first, most time.Duration // while the receiver is away or busy
	slow        time.Duration // while an operator must do something
}

var defaultRetry = retryTimes{first: 200 * time.Millisecond, most: 10 * time.Second, slow: 30 * time.Second}

func newTransport(roots *x509.CertPool) *http.Transport {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.TLSClientConfig = &tls.Config{RootCAs: roots}
	t.MaxIdleConnsPerHost = 2
	return t
}

// newUploadClient returns a client that leaves redirects alone: followed, a
// 302 turns a POST into an empty GET whose 200 would be silent loss, and keys in
// headers other than Authorization go to whatever host it leads to.
func newUploadClient(by http.RoundTripper) *http.Client {
	return &http.Client{
		Transport:     by,
		Timeout:       requestTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// run uploads until ctx is canceled.
func (d *destination) run(ctx context.Context) {
	defer d.client.CloseIdleConnections()
	for ctx.Err() == nil {
		wake := d.spool.wake
		var pause <-chan time.Time
		if err := d.drain(ctx, math.MaxInt32); err != nil { // an answer broke off, or the like
			wake, pause = nil, time.After(d.backoff(0, 0, 0, nil))
		}
		select {
		case <-ctx.Done():
		case <-wake:
		case <-pause:
		}
	}
}

// last tries to empty the spool before the process ends, without patience.
func (d *destination) last(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastUpload)
	defer cancel()
	if err := d.drain(ctx, 0); err != nil {
		d.log.Warn("runs stay in the spool until the next start", "to", d.name, "dir", d.spool.dir, "err", err)
	}
	d.client.CloseIdleConnections()
}

// drain sends what the spool holds, oldest first, until it is empty, ctx ends
// or the retries of one request are used up.
func (d *destination) drain(ctx context.Context, retries int) error {
	for {
		files := d.spool.oldest(joinFiles, joinBytes)
		if len(files) == 0 {
			return nil
		}
		if err := d.send(ctx, files, retries); err != nil {
			return err
		}
	}
}

// send delivers the first of files, as many as fit in one request, and settles
// them: sent, or buried where the receiver refuses them for good. An error
// means that they are to be sent again.
func (d *destination) send(ctx context.Context, files []spoolFile, retries int) error {
	body, n, err := d.join(files)
	files = files[:n]
	if err == nil {
		err = d.post(ctx, body, retries)
	}
	if err == nil {
		d.recovered()
		for _, f := range files {
			d.spool.done(f)
		}
		return nil
	}
	refusal, ok := errors.AsType[*refusal](err)
	switch {
	case !ok:
		return err
	case len(files) > 1 && refusal.spans == 0: // one by one, so that a bad batch takes none with it
		for _, f := range files {
			if err := d.send(ctx, []spoolFile{f}, retries); err != nil {
				return err
			}
		}
	default:
		d.log.Warn("runs refused for good, kept as dead letters", "to", d.name, "files", len(files),
			"dir", d.spool.dir+"/"+deadDir, "err", refusal)
		d.bury(files, refusal)
	}
	return nil
}

// bury counts no more runs as lost than spans were refused, where a receiver
// took the others.
func (d *destination) bury(files []spoolFile, why *refusal) {
	left := int64(math.MaxInt64)
	if why.spans > 0 {
		left = why.spans
	}
	for _, f := range files {
		lost := min(left, int64(f.runs))
		left -= lost
		d.spool.bury(f, lost)
	}
}

// A refusal is a receiver's last word on a request.
type refusal struct {
	reason string
	spans  int64 // that it refused where it took the others; 0: it took none
}

func (r *refusal) Error() string { return r.reason }

// post sends body, trying again as long as there is hope. The receiver's last
// word against it is a *refusal.
func (d *destination) post(ctx context.Context, body []byte, retries int) error {
	req, err := retryablehttp.NewRequestWithContext(ctx, http.MethodPost, d.to.url, body)
	if err != nil {
		return fmt.Errorf("upload: %w", err)
	}
	req.Header = d.to.headers.Clone()
	req.Header.Set("Content-Type", "application/x-protobuf")
	req.Header.Set("Content-Encoding", "gzip")
	req.Header.Set("User-Agent", uploadAgent)
	client := &retryablehttp.Client{
		HTTPClient: d.client, RetryMax: retries,
		CheckRetry: d.checkRetry, Backoff: d.backoff, ErrorHandler: retryablehttp.PassthroughErrorHandler,
	}
	resp, err := client.Do(req)
	if resp != nil {
		defer resp.Body.Close()
	}
	if err != nil {
		return fmt.Errorf("upload: %w", withoutURL(err))
	}
	answer, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	if err != nil {
		return fmt.Errorf("upload: %w", err)
	}
	return d.judge(resp, answer)
}

// judge tells success, refusal and what is to be sent again.
func (d *destination) judge(resp *http.Response, answer []byte) error {
	if hopeful(resp.StatusCode) || misdirected(resp.StatusCode) {
		return errors.New(resp.Status)
	}
	if resp.StatusCode/100 != 2 {
		return &refusal{reason: strings.TrimSpace(resp.Status + ": " + probes.Bounded(strings.ToValidUTF8(string(answer[:min(len(answer), 500)]), "?")))}
	}
	rejected, message := partial(resp.Header.Get("Content-Type"), answer)
	if rejected > 0 {
		return &refusal{reason: fmt.Sprintf("partial success, %d spans rejected: %s", rejected, message), spans: rejected}
	}
	if message != "" {
		d.log.Warn("receiver says", "from", d.name, "message", message)
	}
	return nil
}

// hopeful reports whether OTLP lets a client try again after status.
func hopeful(status int) bool {
	switch status {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// misdirected reports whether status speaks about the URL or the token and
// not about the request: a mistyped one must not cost runs.
func misdirected(status int) bool {
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusMethodNotAllowed:
		return true
	}
	return status/100 == 3
}

func (d *destination) checkRetry(ctx context.Context, resp *http.Response, err error) (bool, error) {
	if ctx.Err() != nil {
		return false, ctx.Err()
	}
	switch {
	case err != nil:
		d.complain("receiver is away, runs wait in the spool", withoutURL(err).Error())
	case resp.StatusCode == http.StatusUnauthorized || resp.StatusCode == http.StatusForbidden:
		d.complain("receiver refuses the token, runs wait in the spool; set SONDE_TOKEN, or the headers of an OTLP endpoint, to what it expects", resp.Status)
	case misdirected(resp.StatusCode):
		d.complain("nothing takes runs at this URL, they wait in the spool; check the URL", resp.Status)
	case hopeful(resp.StatusCode):
		d.complain("receiver is busy, runs wait in the spool", resp.Status)
	default:
		return false, nil
	}
	return true, nil
}

// withoutURL is what net/http says besides the URL, which may hold a key.
func withoutURL(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		return u.Err
	}
	return err
}

// complain logs trouble once, until it is another one or over.
func (d *destination) complain(message, reason string) {
	if d.trouble != message {
		d.log.Warn(message, "to", d.name, "host", d.to.host(), "err", reason)
	}
	d.trouble = message
}

func (d *destination) recovered() {
	if d.trouble != "" {
		d.log.Info("runs are sent again", "to", d.name)
	}
	d.trouble = ""
}

// backoff doubles the wait from attempt to attempt, waits no shorter than a
// receiver asks by Retry-After, within maxRetryAfter, and adds jitter so that
// agents don't come back all at once.
func (d *destination) backoff(_, _ time.Duration, attempt int, resp *http.Response) time.Duration {
	wait := d.retry.most
	if attempt < 16 {
		wait = min(wait, d.retry.first<<attempt)
	}
	var after time.Duration
	if resp != nil {
		after = retryAfter(resp.Header, time.Now())
		if misdirected(resp.StatusCode) {
			wait = d.retry.slow
		}
	}
	return max(wait/2, after) + rand.N(cmp.Or(max(wait/2, after/10), 1))
}

// maxRetryAfter bounds what a receiver's Retry-After can do.
const maxRetryAfter = 10 * time.Minute

// retryAfter is how long an answer asks to wait: by seconds or a date.
func retryAfter(h http.Header, now time.Time) time.Duration {
	text := h.Get("Retry-After")
	if s, err := strconv.Atoi(text); err == nil {
		return time.Duration(max(0, min(s, int(maxRetryAfter/time.Second)))) * time.Second
	}
	at, err := http.ParseTime(text)
	if err != nil {
		return 0
	}
	if theirs, err := http.ParseTime(h.Get("Date")); err == nil {
		now = theirs
	}
	return max(0, min(at.Sub(now), maxRetryAfter))
}

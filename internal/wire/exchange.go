package wire

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"
	"golang.org/x/net/http2"

	"github.com/sonde-media/sonde/probes"
)

var asking = stage{probes.HTTPTimeout, probes.HTTPReset, probes.HTTPOther}

// exchange sends req over k and waits for the first byte of the answer, in a
// request step of hop. A status that is neither an answer nor a redirect is a
// failure; the answer is then closed.
func (n *Net) exchange(ctx context.Context, hop *probes.Step, k *conn, u *url.URL, req Request) (_ *http.Response, err error) {
	s := hop.Begin("request")
	defer s.Done(&err)
	r, err := http.NewRequestWithContext(ctx, req.method(), u.String(), nil)
	if err != nil {
		return nil, probes.Fail(probes.HTTPOther, reason(err))
	}
	n.setHeader(r, req)
	res, err := k.roundTrip(r)
	if err != nil {
		return nil, requestFailure(ctx, err)
	}
	res.Body = n.metered(res.Body, u.Hostname())
	noteAnswer(s, hop, res)
	n.noteRetry(hop, res)
	if err := statusFailure(res, req); err != nil {
		res.Body.Close()
		return nil, err
	}
	return res, nil
}

func (n *Net) setHeader(r *http.Request, req Request) {
	for key, values := range req.Header {
		r.Header[key] = values
	}
	r.Header.Set("User-Agent", n.o.UserAgent)
	if r.Header.Get("Accept") == "" {
		r.Header.Set("Accept", "*/*")
	}
	if user := r.URL.User; user != nil { // only http.Client does this by itself
		password, _ := user.Password()
		r.SetBasicAuth(user.Username(), password)
	}
	if r.Header.Get("Accept-Encoding") == "" {
		r.Header.Set("Accept-Encoding", "gzip")
	}
	setValue(r.Header, "If-None-Match", req.Since.ETag)
	setValue(r.Header, "If-Modified-Since", req.Since.LastModified)
	if req.Range != "" {
		r.Header.Set("Range", req.Range)
		r.Header.Set("Accept-Encoding", "identity")
	}
}

// setValue sends what a server said before, where it may be sent.
func setValue(h http.Header, key, value string) {
	if value != "" && httpguts.ValidHeaderFieldValue(value) {
		h.Set(key, value)
	}
}

// method is what r is asked with.
func (r Request) method() string { return cmp.Or(r.Method, http.MethodGet) }

// conditional reports whether r may be answered with 304.
func (r Request) conditional() bool { return r.Since != Validators{} }

func requestFailure(ctx context.Context, err error) error {
	if isAlert(err) { // TLS 1.3 tells of a missing client certificate only now
		return probes.Fail(probes.TLSAlert, err)
	}
	if stream, ok := errors.AsType[http2.StreamError](err); ok {
		return probes.Fail(probes.HTTPReset, stream)
	}
	if errors.Is(err, errGone) || strings.Contains(err.Error(), "GOAWAY") { // whose type is not exported
		return probes.Fail(probes.HTTPReset, err)
	}
	return asking.failure(ctx, legible(err))
}

// legible bounds what an error quotes of the answer, and cuts the value off a
// header line that can't be read: it may be a Location or a cookie.
func legible(err error) error {
	text := err.Error()
	before, line, ok := strings.Cut(text, "malformed MIME header")
	if !ok && len(text) <= maxQuoted {
		return err
	}
	if ok {
		_, line, _ = strings.Cut(line, ": ")
		key, _, _ := strings.Cut(strings.TrimLeft(line, `"`), ":")
		text = fmt.Sprintf("%smalformed header line %q", before, clip(key))
	}
	return &quoting{text[:min(len(text), maxQuoted)], err}
}

const maxQuoted = 512

// A quoting error has a text of its own in place of its cause's.
type quoting struct {
	text string
	err  error
}

func (e *quoting) Error() string { return e.text }
func (e *quoting) Unwrap() error { return e.err }

func noteAnswer(s, hop *probes.Step, res *http.Response) {
	for _, step := range []*probes.Step{s, hop} {
		step.Set(probes.AttrStatus, res.StatusCode)
	}
	hop.Set(probes.AttrProtocolVersion, protocolText(res))
	hop.Set(probes.AttrContentType, clip(res.Header.Get("Content-Type")))
	hop.Set(probes.AttrContentRange, clip(res.Header.Get("Content-Range")))
	hop.Set(probes.AttrETag, clip(res.Header.Get("Etag")))
	hop.Set(probes.AttrEncoding, clip(joined(res.Header, "Content-Encoding")))
	noteCDN(hop, res.Header)
}

// noteRetry notes how long the server asks to wait, and keeps to it where it
// refuses us.
func (n *Net) noteRetry(hop *probes.Step, res *http.Response) {
	wait, ok := retryAfter(res.Header, time.Now())
	if !ok {
		return
	}
	hop.Set(probes.AttrRetryAfter, int(wait/time.Second))
	n.holdOff(res.StatusCode, hop.Text(probes.AttrURLHash), wait)
}

func protocolText(res *http.Response) string {
	if res.ProtoMajor >= 2 {
		return strconv.Itoa(res.ProtoMajor)
	}
	return fmt.Sprintf("%d.%d", res.ProtoMajor, res.ProtoMinor)
}

// clip bounds what a stranger may write into a record.
func clip(text string) string { return probes.Clip(text, 256) }

// statusFailure says what a status means that is no answer and no redirect.
func statusFailure(res *http.Response, req Request) error {
	code := probes.HTTPStatus
	if res.StatusCode == 416 && res.Header.Get("Content-Range") == "bytes */0" {
		return probes.Fail(probes.BodyEmpty, errors.New("416: the file has no content"))
	}
	switch status := res.StatusCode; {
	case status >= 200 && status < 300, redirects(res), status == http.StatusNotModified && req.conditional():
		return nil
	case status == 401 || status == 403 || status == 451:
		code = probes.HTTPDenied
	case status == 404 || status == 410:
		code = probes.HTTPMissing
	case status == 429:
		code = probes.HTTPThrottled
	}
	text := fmt.Sprintf("%d %s", res.StatusCode, cmp.Or(http.StatusText(res.StatusCode), "(no standard status)"))
	if after := res.Header.Get("Retry-After"); after != "" {
		text += ", Retry-After: " + clip(after)
	}
	return probes.Fail(code, errors.New(text))
}

// redirects reports whether res leads elsewhere. A 300 does where it names the
// place (RFC 9110 §15.4.1): Media3, OkHttp and curl go there.
func redirects(res *http.Response) bool {
	switch res.StatusCode {
	case 301, 302, 303, 307, 308:
		return true
	case 300:
		return res.Header.Get("Location") != ""
	}
	return false
}

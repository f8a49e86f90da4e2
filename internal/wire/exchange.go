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
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
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
	if err := statusFailure(res); err != nil {
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
	if req.Range != "" {
		r.Header.Set("Range", req.Range)
		r.Header.Set("Accept-Encoding", "identity")
	}
}

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
}

func protocolText(res *http.Response) string {
	if res.ProtoMajor >= 2 {
		return strconv.Itoa(res.ProtoMajor)
	}
	return fmt.Sprintf("%d.%d", res.ProtoMajor, res.ProtoMinor)
}

// clip bounds what a stranger may write into a record.
func clip(text string) string { return text[:min(len(text), 256)] }

// statusFailure says what a status means that is no answer and no redirect.
func statusFailure(res *http.Response) error {
	code := probes.HTTPStatus
	if res.StatusCode == 416 && res.Header.Get("Content-Range") == "bytes */0" {
		return probes.Fail(probes.BodyEmpty, errors.New("416: the file has no content"))
	}
	switch status := res.StatusCode; {
	case status >= 200 && status < 300, redirects(status):
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

func redirects(status int) bool {
	switch status {
	case 301, 302, 303, 307, 308:
		return true
	}
	return false
}

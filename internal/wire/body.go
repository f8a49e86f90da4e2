package wire

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/http2"

	"github.com/sonde-media/sonde/probes"
)

var draining = stage{probes.BodyTimeout, probes.BodyTruncated, probes.BodyOther}

// What a redirect's own body may cost; no client waits for it.
const (
	redirectBody = 16 << 10
	redirectWait = 250 * time.Millisecond
)

// drain reads the body of res in a body step of hop, into out, and closes it.
func drain(ctx context.Context, hop *probes.Step, res *http.Response, req Request, out *Response) (err error) {
	s := hop.Begin("body")
	defer s.Done(&err)
	defer res.Body.Close()
	wire := &counter{r: res.Body, most: 2*max(req.Limit, req.Keep) + slack}
	defer func() { noteTransfer(s, hop, wire) }()
	body, err := inflate(res, wire)
	switch {
	case err == io.EOF && wire.n == 0: // said to be gzip, but there is nothing
		body = http.NoBody
	case err != nil:
		return bodyFailure(ctx, err, wire.n, res)
	}
	if err := read(body, wire, req, res, out); err != nil {
		return bodyFailure(ctx, err, wire.n, res)
	}
	if out.Size == 0 && !req.EmptyOK {
		return probes.Fail(probes.BodyEmpty, fmt.Errorf("status %d and no content", res.StatusCode))
	}
	if !out.Complete && !req.StopAtKeep {
		detail := fmt.Sprintf("larger than %d bytes; reading stopped there", out.Size)
		f := probes.Note(probes.BodySize, res.Request.URL.Hostname(), detail)
		if req.LargeOK {
			f.Severity = probes.Notice
		}
		s.Find(f)
	}
	if took := wire.last.Sub(s.Start); slow(wire.n, took) {
		detail := fmt.Sprintf("%d bytes in %s, less than %d a second", wire.n, probes.Roughly(took), minRate)
		s.Find(probes.Note(probes.BodySlow, res.Request.URL.Hostname(), detail))
	}
	return nil
}

// measurable is how many bytes tell a throughput: fewer may all have come with
// the header.
const measurable = 16 << 10

// noteTransfer notes how much came on the wire, and how fast.
func noteTransfer(s, hop *probes.Step, wire *counter) {
	took := wire.last.Sub(s.Start)
	for _, step := range []*probes.Step{s, hop} {
		step.Set(probes.AttrBodySize, wire.n)
		if wire.n >= measurable && took > 0 {
			step.Set(probes.AttrThroughput, int64(float64(wire.n)/took.Seconds()))
		}
	}
}

// A body is slow that takes slowAfter or longer and comes at less than minRate
// bytes a second: 128 kbit/s, at which most podcasts are encoded.
const (
	slowAfter = 5 * time.Second
	minRate   = 16 << 10
)

func slow(bytes int64, took time.Duration) bool {
	return took >= slowAfter && float64(bytes) < minRate*took.Seconds()
}

// read reads to the end or to the limit and keeps the head.
func read(body io.Reader, wire *counter, req Request, res *http.Response, out *Response) error {
	limit := max(req.Limit, req.Keep)
	want := limit + 1 // one more tells whether that was all
	if req.StopAtKeep {
		limit, want = req.Keep, req.Keep
	}
	h := head{keep: req.Keep, most: limit, sink: req.Sink, last: time.Now()}
	h.grow(int(min(req.Keep, max(0, res.ContentLength), maxRoom)))
	buffer := buffers.Get().(*[]byte)
	defer buffers.Put(buffer)
	n, err := io.CopyBuffer(&h, io.LimitReader(body, want), *buffer)
	if wire.ended && errors.Is(err, io.ErrUnexpectedEOF) && res.StatusCode == http.StatusPartialContent {
		err = nil // a part of what is compressed, all of which came
	}
	out.Body, out.Size, out.Kept = h.kept, min(n, limit), h.last.Sub(out.begin)
	whole := n <= limit && n == wire.n && n == res.ContentLength // said before the end is seen
	out.Complete = err == nil && (n < want || whole)
	return err
}

// maxRoom is how much room is made for what a server says that it will send.
const maxRoom = 1 << 20

// buffers are what bodies pass through.
var buffers = sync.Pool{New: func() any {
	b := make([]byte, 32<<10)
	return &b
}}

// A head keeps the first bytes written to it, and hands on most bytes.
type head struct {
	keep, most int64
	kept       []byte
	sink       io.Writer // may be nil
	last       time.Time // when the last byte kept came
}

func (h *head) Write(p []byte) (int, error) {
	if room := h.keep - int64(len(h.kept)); room > 0 {
		fit := p[:min(int64(len(p)), room)]
		h.grow(len(h.kept) + len(fit))
		h.kept = append(h.kept, fit...)
		h.last = time.Now()
	}
	if h.sink == nil || h.most == 0 {
		return len(p), nil
	}
	fit := p[:min(int64(len(p)), h.most)]
	h.most -= int64(len(fit))
	if _, err := h.sink.Write(fit); err != nil {
		return 0, probes.Fail(probes.Internal, fmt.Errorf("hand on the body: %w", err))
	}
	return len(p), nil
}

// grow makes room for need bytes by doubling, and for keep at most: append
// grows in smaller steps, past what will ever be kept, and leaves twice as much
// behind.
func (h *head) grow(need int) {
	if need <= cap(h.kept) {
		return
	}
	room := min(int64(max(need, 2*cap(h.kept))), max(h.keep, int64(need)))
	h.kept = append(make([]byte, 0, room), h.kept...)
}

// inflate undoes the Content-Encoding. A part from the middle of what is
// compressed can't be inflated by anybody, and is left as it is.
func inflate(res *http.Response, r io.Reader) (io.Reader, error) {
	switch codings := codings(res.Header); {
	case len(codings) == 0, res.StatusCode == http.StatusPartialContent && !fromStart(res.Header):
		return r, nil
	case len(codings) > 1:
		return nil, fmt.Errorf("Content-Encoding %q: compressed %d times, which clients don't undo", clip(joined(res.Header, "Content-Encoding")), len(codings))
	case codings[0] == "gzip", codings[0] == "x-gzip":
		return gzip.NewReader(r)
	default:
		return nil, fmt.Errorf("Content-Encoding %q was not asked for: only gzip was", clip(codings[0]))
	}
}

// codings are the content codings of an answer in the order in which they were
// made (RFC 9110 §8.4), identity left out.
func codings(h http.Header) (names []string) {
	for name := range strings.SplitSeq(joined(h, "Content-Encoding"), ",") {
		if name = strings.ToLower(strings.TrimSpace(name)); name != "" && name != "identity" {
			names = append(names, name)
		}
	}
	return names
}

// fromStart reports whether a part begins where the whole does.
func fromStart(h http.Header) bool {
	return strings.HasPrefix(strings.ToLower(strings.TrimSpace(h.Get("Content-Range"))), "bytes 0-")
}

func bodyFailure(ctx context.Context, err error, n int64, res *http.Response) error {
	if errors.Is(err, io.EOF) { // a gzip header cut off
		err = io.ErrUnexpectedEOF
	}
	if _, ok := errors.AsType[http2.StreamError](err); ok || strings.Contains(err.Error(), "GOAWAY") { // whose type is not exported
		return probes.Fail(probes.BodyTruncated, fmt.Errorf("after %d bytes: %w", n, err))
	}
	stated := ""
	if res.ContentLength >= 0 {
		stated = fmt.Sprintf(" of %d", res.ContentLength)
	}
	return draining.failure(ctx, fmt.Errorf("after %d%s bytes: %w", n, stated, err))
}

// skim reads what little a redirect says, in a body step that can't fail.
func skim(hop *probes.Step, res *http.Response) {
	s := hop.Begin("body")
	timer := time.AfterFunc(redirectWait, func() { res.Body.Close() })
	n, _ := io.CopyN(io.Discard, res.Body, redirectBody)
	timer.Stop()
	res.Body.Close()
	s.Set(probes.AttrBodySize, n)
	s.Done(nil)
}

// slack is what compression may add to a body, its half besides.
const slack = 1 << 20

// A counter counts the bytes as transferred, and fails past most: gzip may go
// on for ever without a byte inflated.
type counter struct {
	r       io.Reader
	n, most int64
	last    time.Time // when the last of them came
	ended   bool      // the body ended as it should
}

func (c *counter) Read(p []byte) (int, error) {
	if c.n > c.most {
		return 0, errors.New("far more bytes come than they inflate to")
	}
	n, err := c.r.Read(p)
	if n > 0 {
		c.n, c.last = c.n+int64(n), time.Now()
	}
	c.ended = err == io.EOF
	return n, err
}

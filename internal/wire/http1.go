package wire

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"sync"
)

// http1 speaks HTTP/1.1 (RFC 9112) for a single exchange, in the goroutine of
// its caller. net/http's transport has two goroutines a connection to keep it
// for others, which costs as much again as what it does with it.
type http1 struct{ net.Conn }

// A head1 is what reading an answer takes besides the connection.
type head1 struct {
	from  bounded
	br    *bufio.Reader
	bytes bytes.Buffer // the request
}

var heads1 = sync.Pool{New: func() any {
	h := new(head1)
	h.br = bufio.NewReader(&h.from)
	return h
}}

// bounded reads r, and fails where more than left bytes would be read.
type bounded struct {
	r    io.Reader
	left int64
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, fmt.Errorf("server response headers exceeded %d bytes; aborted", maxHeaderBytes)
	}
	n, err := b.r.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	return n, err
}

func (c http1) roundTrip(r *http.Request) (*http.Response, error) {
	h := heads1.Get().(*head1)
	h.from = bounded{c.Conn, maxHeaderBytes}
	h.br.Reset(&h.from)
	stop := context.AfterFunc(r.Context(), func() { c.Close() })
	res, err := h.ask(c.Conn, r)
	if err != nil {
		stop()
		c.Close()
		return nil, orDone(r.Context(), err)
	}
	h.from.left = math.MaxInt64
	res.Body = &single{ctx: r.Context(), conn: c.Conn, inner: res.Body, free: func() {
		stop()
		h.from.r = nil
		heads1.Put(h)
	}}
	return res, nil
}

// ask sends r and reads the answer's head, past what comes before it (RFC 9110
// §15.2), all of which has the room of one head.
func (h *head1) ask(conn net.Conn, r *http.Request) (*http.Response, error) {
	r.Close = true
	h.bytes.Reset()
	if err := r.Write(&h.bytes); err != nil {
		return nil, err
	}
	_, unsent := conn.Write(h.bytes.Bytes()) // an answer may have come nonetheless
	if _, err := h.br.Peek(1); err != nil {
		if unsent != nil {
			err = unsent
		}
		return nil, err
	}
	for {
		res, err := http.ReadResponse(h.br, r)
		if err != nil || res.StatusCode >= 200 || res.StatusCode == http.StatusSwitchingProtocols {
			return res, err
		}
	}
}

// orDone is err, or why ctx ended where that is what made it.
func orDone(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// A single is the body of the only answer over a connection, which ends with
// it.
type single struct {
	ctx  context.Context
	conn net.Conn

	mu    sync.Mutex // guards what follows; held while reading
	inner io.Reader
	free  func() // gives back what reading took; nil when it was called
}

func (b *single) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.free == nil {
		return 0, http.ErrBodyReadAfterClose
	}
	n, err := b.inner.Read(p)
	if err != nil && err != io.EOF {
		err = orDone(b.ctx, err)
	}
	return n, err
}

// Close may be called while another goroutine reads, whom it wakes.
func (b *single) Close() error {
	err := b.conn.Close()
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.free != nil {
		b.free()
		b.free = nil
	}
	return err
}

package wire

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// What one exchange over HTTP/2 may take.
const (
	window2   = 4 << 20  // bytes the server may be ahead of us
	control2  = 10_000   // frames without content that are put up with
	fragment2 = 16 << 10 // bytes of a frame, at least what every server takes
	stream2   = 1        // the only one
)

// http2Conn speaks HTTP/2 (RFC 9113) for a single exchange, in the goroutine
// of its caller, as http1 does HTTP/1.1.
type http2Conn struct{ net.Conn }

// A frames2 reads and writes the frames of one exchange.
type frames2 struct {
	conn   net.Conn
	br     *bufio.Reader
	out    bytes.Buffer
	fr     *http2.Framer
	broken bool // its framer can't be used again

	control int    // frames without content so far
	data    []byte // of the last DATA frame, not yet read
	ended   bool   // the stream has
	left    int64  // bytes of content still to come; negative where nobody said
	credit  int    // bytes read that the server wasn't told of yet
}

var pool2 = sync.Pool{New: func() any {
	f := &frames2{br: bufio.NewReader(nil)}
	f.fr = http2.NewFramer(&f.out, f.br)
	f.fr.SetReuseFrames()
	f.fr.SetMaxReadFrameSize(fragment2)
	f.fr.MaxHeaderListSize = maxHeaderBytes
	return f
}}

func (c http2Conn) roundTrip(r *http.Request) (*http.Response, error) {
	f := pool2.Get().(*frames2)
	f.reset(c.Conn)
	stop := context.AfterFunc(r.Context(), func() { c.Close() })
	res, err := f.ask(r)
	if err != nil {
		stop()
		c.Close()
		return nil, orDone(r.Context(), err)
	}
	res.Body = &single{ctx: r.Context(), conn: c.Conn, inner: f, free: func() {
		stop()
		f.release()
	}}
	return res, nil
}

func (f *frames2) reset(conn net.Conn) {
	f.conn, f.control, f.data, f.ended, f.left, f.credit = conn, 0, nil, false, -1, 0
	f.br.Reset(conn)
	f.out.Reset()
	f.fr.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
}

func (f *frames2) release() {
	if !f.broken {
		f.conn, f.data = nil, nil
		f.br.Reset(nil)
		pool2.Put(f)
	}
}

// ask sends r, all in one write, and reads up to the answer's head.
func (f *frames2) ask(r *http.Request) (*http.Response, error) {
	if err := f.request(r); err != nil {
		return nil, err
	}
	unsent := f.flush() // an answer may have come nonetheless
	size := uint32(0)
	for {
		frame, err := f.next()
		if err != nil {
			if unsent != nil {
				err = unsent
			}
			return nil, err
		}
		head, ok := frame.(*http2.MetaHeadersFrame)
		if !ok {
			return nil, http2.ConnectionError(http2.ErrCodeProtocol)
		}
		if size += head.Length; head.Truncated || size > maxHeaderBytes {
			return nil, errors.New("http2: response header list larger than advertised limit")
		}
		res, err := f.answer(r, head)
		if err != nil || res.StatusCode >= 200 {
			return res, err
		}
	}
}

// request writes what opens the connection and r.
func (f *frames2) request(r *http.Request) error {
	f.out.WriteString(http2.ClientPreface)
	f.fr.WriteSettings(
		http2.Setting{ID: http2.SettingEnablePush, Val: 0},
		http2.Setting{ID: http2.SettingInitialWindowSize, Val: window2},
		http2.Setting{ID: http2.SettingMaxHeaderListSize, Val: maxHeaderBytes},
	)
	f.fr.WriteWindowUpdate(0, window2)
	block := headerBlock(r)
	first := block[:min(len(block), fragment2)]
	block = block[len(first):]
	err := f.fr.WriteHeaders(http2.HeadersFrameParam{
		StreamID: stream2, BlockFragment: first, EndStream: true, EndHeaders: len(block) == 0,
	})
	for err == nil && len(block) > 0 {
		part := block[:min(len(block), fragment2)]
		block = block[len(part):]
		err = f.fr.WriteContinuation(stream2, len(block) == 0, part)
	}
	return err
}

// headerBlock is the head of r as HPACK has it (RFC 7541).
func headerBlock(r *http.Request) []byte {
	var b bytes.Buffer
	e := hpack.NewEncoder(&b)
	e.WriteField(hpack.HeaderField{Name: ":authority", Value: r.URL.Host})
	e.WriteField(hpack.HeaderField{Name: ":method", Value: r.Method})
	e.WriteField(hpack.HeaderField{Name: ":path", Value: r.URL.RequestURI()})
	e.WriteField(hpack.HeaderField{Name: ":scheme", Value: r.URL.Scheme})
	for _, key := range slices.Sorted(maps.Keys(r.Header)) {
		name := strings.ToLower(key)
		if slices.Contains(hopByHop, name) {
			continue
		}
		for _, v := range r.Header[key] {
			e.WriteField(hpack.HeaderField{Name: name, Value: v, Sensitive: key == "Authorization"})
		}
	}
	return b.Bytes()
}

// hopByHop are fields that HTTP/2 has no place for (RFC 9113 §8.2.2).
var hopByHop = []string{"connection", "host", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"}

// flush sends what was written. While an answer is on its way an error of it
// counts for nothing: the server may have said all and gone.
func (f *frames2) flush() error {
	if f.out.Len() == 0 {
		return nil
	}
	_, err := f.conn.Write(f.out.Bytes())
	f.out.Reset()
	return err
}

// next returns the next HEADERS or DATA frame of the exchange and sees to what
// stands between.
func (f *frames2) next() (http2.Frame, error) {
	for {
		frame, err := f.fr.ReadFrame()
		if err != nil {
			f.broken = true
			return nil, f.readFailure(err)
		}
		switch frame := frame.(type) {
		case *http2.MetaHeadersFrame:
			if frame.StreamID == stream2 {
				f.ended = frame.StreamEnded()
				return frame, nil
			}
			return nil, http2.ConnectionError(http2.ErrCodeProtocol)
		case *http2.DataFrame:
			if frame.StreamID == stream2 && (frame.Length > 0 || frame.StreamEnded()) {
				f.ended = frame.StreamEnded()
				return frame, nil
			}
		}
		if err := f.attend(frame); err != nil {
			return nil, err
		}
	}
}

func (f *frames2) readFailure(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	if detail := f.fr.ErrorDetail(); detail != nil {
		return fmt.Errorf("%w: %w", err, detail)
	}
	return err
}

// attend does what a frame besides the answer asks for.
func (f *frames2) attend(frame http2.Frame) error {
	if f.control++; f.control > control2 {
		return errors.New("http2: frames without content come and come")
	}
	switch frame := frame.(type) {
	case *http2.SettingsFrame:
		if frame.IsAck() {
			return nil
		}
		f.fr.WriteSettingsAck()
	case *http2.PingFrame:
		if frame.IsAck() {
			return nil
		}
		f.fr.WritePing(true, frame.Data)
	case *http2.RSTStreamFrame:
		if frame.StreamID == stream2 {
			return http2.StreamError{StreamID: stream2, Code: frame.ErrCode}
		}
	case *http2.GoAwayFrame:
		if frame.LastStreamID < stream2 { // else it goes on with what was asked
			return fmt.Errorf("http2: the server sent GOAWAY: %v %q", frame.ErrCode, clip(string(frame.DebugData())))
		}
	case *http2.PushPromiseFrame:
		return http2.ConnectionError(http2.ErrCodeProtocol)
	}
	f.flush()
	return nil
}

// answer makes a response of its head (RFC 9113 §8.3.2).
func (f *frames2) answer(r *http.Request, head *http2.MetaHeadersFrame) (*http.Response, error) {
	status, err := strconv.Atoi(head.PseudoValue("status"))
	if err != nil || status < 100 || status > 999 {
		return nil, fmt.Errorf("http2: malformed response: status %q", clip(head.PseudoValue("status")))
	}
	res := &http.Response{
		Status: fmt.Sprintf("%d %s", status, http.StatusText(status)), StatusCode: status,
		Proto: "HTTP/2.0", ProtoMajor: 2, Header: http.Header{}, ContentLength: -1, Request: r,
	}
	for _, field := range head.RegularFields() {
		res.Header.Add(field.Name, field.Value)
	}
	if lengths := res.Header["Content-Length"]; len(lengths) == 1 {
		if n, err := strconv.ParseInt(lengths[0], 10, 64); err == nil && n >= 0 {
			res.ContentLength = n
		}
	}
	if f.left = res.ContentLength; r.Method == http.MethodHead || status == http.StatusNotModified {
		f.left = -1
	}
	return res, nil
}

// Read reads the content. Its end is that of the stream.
func (f *frames2) Read(p []byte) (int, error) {
	for len(f.data) == 0 {
		if f.ended {
			return 0, f.end()
		}
		if err := f.more(); err != nil {
			return 0, err
		}
	}
	n := copy(p, f.data)
	f.data = f.data[n:]
	return n, nil
}

// end says what a stream that has ended lacks.
func (f *frames2) end() error {
	if f.left > 0 {
		return io.ErrUnexpectedEOF
	}
	return io.EOF
}

// more reads a frame's content.
func (f *frames2) more() error {
	frame, err := f.next()
	if err != nil {
		return err
	}
	d, ok := frame.(*http2.DataFrame)
	if !ok { // trailers
		if !f.ended {
			return http2.ConnectionError(http2.ErrCodeProtocol)
		}
		return nil
	}
	f.data = d.Data()
	if f.left >= 0 {
		if f.left -= int64(len(f.data)); f.left < 0 {
			return errors.New("http2: more content than Content-Length says")
		}
	}
	f.pay(int(d.Length))
	return nil
}

// pay tells the server of n bytes read, now and then, so that it goes on.
func (f *frames2) pay(n int) {
	if f.credit += n; f.credit < window2/2 || f.ended {
		return
	}
	f.fr.WriteWindowUpdate(0, uint32(f.credit))
	f.fr.WriteWindowUpdate(stream2, uint32(f.credit))
	f.credit = 0
	f.flush()
}

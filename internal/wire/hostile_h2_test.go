package wire_test

import (
	"bytes"
	"crypto/tls"
	"io"
	"net"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/sonde-media/sonde/internal/wire"
	"github.com/sonde-media/sonde/probes"
)

// speaking makes a server agree to one protocol.
func speaking(version string) func(*tls.Config) {
	return func(c *tls.Config) { c.NextProtos = []string{version} }
}

// A talk is what a server says on a request's stream; gone is closed when the
// other side is.
type talk func(f *http2.Framer, stream uint32, gone <-chan struct{})

// framing serves HTTP/2 frame by frame: talk is called when a request's header
// has come, with its stream. Whatever else comes is read and dropped. It
// returns the URL and what the client must trust.
func framing(t *testing.T, talk talk) (string, wire.Options) {
	t.Helper()
	url, ca := servingH2(t, func(c *tls.Conn) { converse(c, talk) })
	return url, wire.Options{Roots: ca.Pool, AllowPrivate: true}
}

func converse(c net.Conn, talk talk) {
	if _, err := io.ReadFull(c, make([]byte, len(http2.ClientPreface))); err != nil {
		return
	}
	f := http2.NewFramer(c, c)
	f.WriteSettings()
	for {
		frame, err := f.ReadFrame()
		if err != nil {
			return
		}
		if h, ok := frame.(*http2.HeadersFrame); ok {
			gone := make(chan struct{})
			go func() { defer close(gone); io.Copy(io.Discard, c) }()
			talk(f, h.StreamID, gone)
			c.Close()
			<-gone
			return
		}
	}
}

// forever calls write until nobody listens.
func forever(write func() error) {
	for write() == nil {
	}
}

// What a server may do with frames: each ends with a code, in bounds.
func TestHostileHTTP2(t *testing.T) {
	answer := http2.HeadersFrameParam{BlockFragment: block(":status", "200"), EndHeaders: true}
	open := func(f *http2.Framer, stream uint32) {
		h := answer
		h.StreamID = stream
		f.WriteHeaders(h)
	}
	defer boundMemory(t)()
	for _, c := range []struct {
		name    string
		talk    talk
		timeout time.Duration
		codes   []probes.Code
	}{
		{"continuation without end", func(f *http2.Framer, s uint32, gone <-chan struct{}) {
			f.WriteHeaders(http2.HeadersFrameParam{StreamID: s, BlockFragment: block(":status", "200")})
			more := block("x-y", "zzzzzzzzzzzzzzzzzzzzzzzzzzzz")
			forever(func() error { return f.WriteContinuation(s, false, more) })
		}, late, []probes.Code{probes.HTTPOther, probes.HTTPReset}},
		{"empty continuations", func(f *http2.Framer, s uint32, gone <-chan struct{}) {
			f.WriteHeaders(http2.HeadersFrameParam{StreamID: s, BlockFragment: block(":status", "200")})
			forever(func() error { return f.WriteContinuation(s, false, nil) })
		}, soon, []probes.Code{probes.HTTPTimeout, probes.HTTPOther, probes.HTTPReset}},
		{"1xx without end", func(f *http2.Framer, s uint32, gone <-chan struct{}) {
			hints := block(":status", "103", "link", "</x>")
			forever(func() error {
				return f.WriteHeaders(http2.HeadersFrameParam{StreamID: s, BlockFragment: hints, EndHeaders: true})
			})
		}, late, []probes.Code{probes.HTTPOther, probes.HTTPReset}},
		{"a header bomb", func(f *http2.Framer, s uint32, gone <-chan struct{}) {
			var b bytes.Buffer
			e := hpack.NewEncoder(&b)
			e.WriteField(hpack.HeaderField{Name: ":status", Value: "200"})
			for range 10_000 { // an index of a byte or two each
				e.WriteField(hpack.HeaderField{Name: "x-bomb", Value: string(bytes.Repeat([]byte("x"), 3000))})
			}
			block := b.Bytes()
			f.WriteHeaders(http2.HeadersFrameParam{StreamID: s, BlockFragment: block[:min(len(block), 16000)], EndHeaders: len(block) <= 16000})
			for block = block[min(len(block), 16000):]; len(block) > 0; block = block[min(len(block), 16000):] {
				if f.WriteContinuation(s, len(block) <= 16000, block[:min(len(block), 16000)]) != nil {
					return
				}
			}
			<-gone
		}, late, []probes.Code{probes.HTTPOther, probes.HTTPReset}},
		{"resets the stream", func(f *http2.Framer, s uint32, gone <-chan struct{}) {
			f.WriteRSTStream(s, http2.ErrCodeInternal)
			<-gone
		}, late, []probes.Code{probes.HTTPReset}},
		{"resets without end", func(f *http2.Framer, s uint32, gone <-chan struct{}) {
			forever(func() error { return f.WriteRSTStream(s, http2.ErrCodeInternal) })
		}, late, []probes.Code{probes.HTTPReset}},
		{"resets in the body", func(f *http2.Framer, s uint32, gone <-chan struct{}) {
			open(f, s)
			f.WriteData(s, false, []byte("xxx"))
			f.WriteRSTStream(s, http2.ErrCodeInternal)
			<-gone
		}, late, []probes.Code{probes.BodyTruncated}},
		{"settings without end", func(f *http2.Framer, _ uint32, gone <-chan struct{}) {
			forever(func() error { return f.WriteSettings(http2.Setting{ID: http2.SettingMaxFrameSize, Val: 1 << 15}) })
		}, soon, []probes.Code{probes.HTTPTimeout, probes.HTTPOther, probes.HTTPReset}},
		{"pings without end", func(f *http2.Framer, _ uint32, gone <-chan struct{}) {
			forever(func() error { return f.WritePing(false, [8]byte{1}) })
		}, soon, []probes.Code{probes.HTTPTimeout, probes.HTTPOther, probes.HTTPReset}},
		{"empty data without end", func(f *http2.Framer, s uint32, gone <-chan struct{}) {
			open(f, s)
			forever(func() error { return f.WriteData(s, false, nil) })
		}, soon, []probes.Code{probes.BodyTimeout, probes.BodyOther, probes.BodyTruncated}},
		{"padding without end", func(f *http2.Framer, s uint32, gone <-chan struct{}) {
			open(f, s)
			pad := make([]byte, 255)
			forever(func() error { return f.WriteDataPadded(s, false, nil, pad) })
		}, soon, []probes.Code{probes.BodyTimeout, probes.BodyOther, probes.BodyTruncated}},
		{"more than the window", func(f *http2.Framer, s uint32, gone <-chan struct{}) {
			open(f, s)
			forever(func() error { return f.WriteData(s, false, make([]byte, 16<<10)) })
		}, late, []probes.Code{"", probes.BodyOther, probes.BodyTruncated}},
		{"goes away at once", func(f *http2.Framer, _ uint32, gone <-chan struct{}) {
			f.WriteGoAway(0, http2.ErrCodeEnhanceYourCalm, []byte("calm"))
		}, late, []probes.Code{probes.HTTPReset}},
		{"goes away in the body", func(f *http2.Framer, s uint32, gone <-chan struct{}) {
			open(f, s)
			f.WriteGoAway(s, http2.ErrCodeNo, nil)
		}, late, []probes.Code{probes.BodyTruncated}},
		{"goes away and stays", func(f *http2.Framer, s uint32, gone <-chan struct{}) {
			f.WriteGoAway(s, http2.ErrCodeNo, nil)
			<-gone
		}, soon, []probes.Code{probes.HTTPTimeout}},
		{"pushes", func(f *http2.Framer, s uint32, gone <-chan struct{}) {
			f.WritePushPromise(http2.PushPromiseParam{StreamID: s, PromiseID: 2, BlockFragment: block(":method", "GET"), EndHeaders: true})
			<-gone
		}, soon, []probes.Code{probes.HTTPOther, probes.HTTPReset, probes.HTTPTimeout}},
		{"a frame beyond all sizes", func(f *http2.Framer, _ uint32, gone <-chan struct{}) {
			f.WriteRawFrame(http2.FrameData, 0, 1, make([]byte, 1<<20))
			<-gone
		}, soon, []probes.Code{probes.HTTPOther, probes.HTTPReset, probes.HTTPTimeout}},
		{"no status", func(f *http2.Framer, s uint32, gone <-chan struct{}) {
			f.WriteHeaders(http2.HeadersFrameParam{StreamID: s, BlockFragment: block("x", "y"), EndHeaders: true})
			<-gone
		}, late, []probes.Code{probes.HTTPOther, probes.HTTPReset}},
		{"hangs up", func(*http2.Framer, uint32, <-chan struct{}) {}, late, []probes.Code{probes.HTTPReset}},
	} {
		url, o := framing(t, c.talk)
		for way, fetch := range ways(newNet(t, o)) {
			if err := ends(t, fetch, url, c.timeout, c.codes); err != nil {
				t.Errorf("%s, %s: %v", c.name, way, err)
			}
		}
	}
}

package wire_test

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"golang.org/x/net/http2"

	"github.com/sonde-media/sonde/internal/wire"
	"github.com/sonde-media/sonde/internal/wire/wiretest"
	"github.com/sonde-media/sonde/probes"
)

// frames serves HTTP/2 as script has it, frame by frame, to one client after
// another, and returns its URL and what to trust.
func frames(t *testing.T, script func(*http2.Framer)) (string, *wiretest.CA) {
	t.Helper()
	return servingH2(t, func(c *tls.Conn) { serveFrames(c, script) })
}

func serveFrames(c *tls.Conn, script func(*http2.Framer)) {
	defer io.Copy(io.Discard, c) // until the client goes: bytes unread would cut off what it has still to read
	defer c.CloseWrite()
	if _, err := io.ReadFull(c, make([]byte, len(http2.ClientPreface))); err != nil {
		return
	}
	fr := http2.NewFramer(c, c)
	fr.WriteSettings()
	for {
		f, err := fr.ReadFrame()
		if err != nil {
			return
		}
		if _, ok := f.(*http2.HeadersFrame); ok {
			script(fr)
			return
		}
	}
}

func writeHead(fr *http2.Framer, end bool, fields ...string) {
	fr.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: block(fields...), EndStream: end, EndHeaders: true})
}

// What a server may do to an exchange over HTTP/2, and what it is called.
func TestHTTP2(t *testing.T) {
	for name, c := range map[string]struct {
		script func(*http2.Framer)
		code   probes.Code
		told   string
	}{
		"answered": {func(fr *http2.Framer) {
			writeHead(fr, false, ":status", "103")
			fr.WritePing(false, [8]byte{})
			writeHead(fr, false, ":status", "200", "content-length", "2")
			fr.WriteData(1, false, []byte("x"))
			fr.WriteGoAway(1, http2.ErrCodeNo, nil)
			fr.WriteData(1, false, []byte("y"))
			writeHead(fr, true, "trailer", "x")
		}, "", ""},
		"refused": {func(fr *http2.Framer) { fr.WriteRSTStream(1, http2.ErrCodeRefusedStream) }, probes.HTTPReset, "REFUSED_STREAM"},
		"sent away": {
			func(fr *http2.Framer) { fr.WriteGoAway(0, http2.ErrCodeEnhanceYourCalm, []byte("calm down")) },
			probes.HTTPReset, "calm down",
		},
		"closed":     {func(*http2.Framer) {}, probes.HTTPReset, "EOF"},
		"no status":  {func(fr *http2.Framer) { writeHead(fr, true, "x", "y") }, probes.HTTPOther, "status"},
		"bad status": {func(fr *http2.Framer) { writeHead(fr, true, ":status", "2oo") }, probes.HTTPOther, `"2oo"`},
		"bad name":   {func(fr *http2.Framer) { writeHead(fr, true, ":status", "200", "A", "b") }, probes.HTTPReset, "PROTOCOL_ERROR"},
		"data first": {func(fr *http2.Framer) { fr.WriteData(1, true, []byte("x")) }, probes.HTTPOther, "PROTOCOL_ERROR"},
		"pushed": {func(fr *http2.Framer) {
			fr.WritePushPromise(http2.PushPromiseParam{StreamID: 1, PromiseID: 2, BlockFragment: block(":status", "200"), EndHeaders: true})
		}, probes.HTTPOther, ""},
		"no frames":   {func(fr *http2.Framer) { fr.WriteRawFrame(0xBE, 0, 0, make([]byte, 20_000)) }, probes.HTTPOther, "frame too large"},
		"only frames": {func(fr *http2.Framer) { repeat(func() error { return fr.WriteData(1, false, nil) }) }, probes.HTTPOther, "without content"},
		"cut": {func(fr *http2.Framer) {
			writeHead(fr, false, ":status", "200", "content-length", "3")
			fr.WriteData(1, false, []byte("x"))
		}, probes.BodyTruncated, "after 1 of 3 bytes"},
		"short": {func(fr *http2.Framer) {
			writeHead(fr, false, ":status", "200", "content-length", "3")
			fr.WriteData(1, true, []byte("x"))
		}, probes.BodyTruncated, "after 1 of 3 bytes"},
		"short of all": {func(fr *http2.Framer) { writeHead(fr, true, ":status", "200", "content-length", "3") }, probes.BodyTruncated, "after 0 of 3"},
		"long": {func(fr *http2.Framer) {
			writeHead(fr, false, ":status", "200", "content-length", "1")
			fr.WriteData(1, true, []byte("xyz"))
		}, probes.BodyOther, "more content"},
		"reset": {func(fr *http2.Framer) {
			writeHead(fr, false, ":status", "200")
			fr.WriteData(1, false, []byte("x"))
			fr.WriteRSTStream(1, http2.ErrCodeInternal)
		}, probes.BodyTruncated, "INTERNAL_ERROR"},
	} {
		t.Run(name, func(t *testing.T) {
			url, ca := frames(t, c.script)
			res, err := newNet(t, wire.Options{Roots: ca.Pool, AllowPrivate: true}).Fetch(t.Context(), probes.NewStep("root"), wire.Request{URL: url, Keep: 100})
			if c.code == "" {
				if err != nil || string(res.Body) != "xy" || !res.Complete {
					t.Errorf("got %+v, %v", res, err)
				}
				return
			}
			if f := probes.AsFailure(cmpErr(err)); f.Code != c.code || !strings.Contains(f.Detail, c.told) {
				t.Errorf("got %s, %q; want %s, %q", f.Code, f.Detail, c.code, c.told)
			}
		})
	}
}

func repeat(f func() error) {
	for f() == nil {
	}
}

// A body larger than the window comes whole: the server is told of what was
// read.
func TestHTTP2Window(t *testing.T) {
	ca := wiretest.NewCA(t)
	const size = 20 << 20
	s := wiretest.Server(t, ca.Issue(t, wiretest.Cert{}), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor != 2 || r.Host == "" || r.URL.RawQuery != "a=b" || r.UserAgent() != wire.DefaultUserAgent {
			t.Errorf("got %s %s %s %q", r.Proto, r.Host, r.URL, r.UserAgent())
		}
		io.Copy(w, io.LimitReader(zeros{}, size))
	}))
	n := newNet(t, wire.Options{Roots: ca.Pool, AllowPrivate: true})
	res, err := n.Fetch(t.Context(), probes.NewStep("root"), wire.Request{URL: s.URL + "/x?a=b", Keep: 1, Limit: size})
	if err != nil || res.Size != size || !res.Complete {
		t.Errorf("got %+v, %v", res, err)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// What bytes a stranger may send in place of HTTP, they end with a code.
func FuzzExchange(f *testing.F) {
	f.Add([]byte("HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx"), false)
	f.Add([]byte("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;x\r\nx\r\n0\r\nA: b\r\n\r\n"), false)
	var b bytes.Buffer
	fr := http2.NewFramer(&b, nil)
	fr.WriteSettings()
	writeHead(fr, false, ":status", "200")
	fr.WriteData(1, true, []byte("x"))
	f.Add(b.Bytes(), true)
	f.Fuzz(func(t *testing.T, answer []byte, two bool) {
		client, server := net.Pipe()
		defer client.Close()
		go func() {
			defer server.Close()
			go io.Copy(io.Discard, server)
			server.Write(answer)
		}()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://h.example/", nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := wire.Exchange(client, r, two)
		if err != nil {
			return
		}
		defer res.Body.Close()
		n, err := io.Copy(io.Discard, res.Body)
		if n > int64(len(answer)) || errors.Is(err, io.ErrNoProgress) {
			t.Errorf("got %d bytes of %d, %v", n, len(answer), err)
		}
	})
}

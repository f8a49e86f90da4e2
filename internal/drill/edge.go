package drill

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"io"
	"log"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"
)

// connKey is where a request's context has its connection.
type connKey struct{}

// server serves every edge: the address a connection came to says which.
func (w *World) server() *http.Server {
	return &http.Server{
		Handler:           http.HandlerFunc(w.serve),
		TLSConfig:         &tls.Config{GetCertificate: w.certificate, SessionTicketsDisabled: true},
		ConnContext:       func(ctx context.Context, c net.Conn) context.Context { return context.WithValue(ctx, connKey{}, c) },
		ErrorLog:          log.New(io.Discard, "", 0), // clients that refuse a certificate are the purpose
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       30 * time.Second,
	}
}

func (w *World) certificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	return w.served(w.at(hello.Conn.LocalAddr(), hello.ServerName)), nil
}

// at is the edge at an address. One that hosts share is the edge of the host
// that was asked for.
func (w *World) at(addr net.Addr, host string) edge {
	ap, _ := netip.ParseAddrPort(addr.String())
	e := w.edges[ap.Addr().Unmap()]
	if i := w.scenario.hostAt(host); e.host.Name == "" && i >= 0 {
		e.host = w.scenario.Hosts[i]
	} else if e.host.Name == "" {
		e.host = w.scenario.Hosts[0] // as good as another for who names none
	}
	return e
}

func (w *World) serve(rw http.ResponseWriter, r *http.Request) {
	host, _, _ := strings.Cut(r.Host, ":")
	e := w.at(r.Context().Value(http.LocalAddrContextKey).(net.Addr), host)
	if !w.wait(r.Context(), e) {
		reset(r)
	}
	if _, ok := w.fault(HTTPReset, e); ok {
		reset(r)
	}
	if r.Host != w.authority(e.host.Name) {
		http.Error(rw, "this edge serves "+e.host.Name, http.StatusMisdirectedRequest)
		return
	}
	rw.Header().Set("Server", "drill")
	if sign := cdnHeaders[e.host.CDN]; sign != nil {
		sign(rw.Header(), e.region)
	}
	if f, ok := w.fault(HTTPStatus, e); ok {
		http.Error(rw, http.StatusText(f.Value), f.Value)
		return
	}
	if rest, ok := strings.CutPrefix(r.URL.Path, redirecting); ok {
		w.lead(rw, r, e, rest)
		return
	}
	w.content(rw, r, e)
}

// wait takes the time that a fault makes an answer take; false: there is none.
func (w *World) wait(ctx context.Context, e edge) bool {
	if _, ok := w.fault(HTTPStall, e); ok {
		<-ctx.Done() // the client's patience or the world ends
		return false
	}
	f, ok := w.fault(HTTPSlow, e)
	if !ok {
		return true
	}
	t := time.NewTimer(f.Delay)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// reset ends the connection with a TCP reset, in HTTP/2 too.
func reset(r *http.Request) {
	if c, ok := r.Context().Value(connKey{}).(*tls.Conn); ok {
		if tcp, ok := c.NetConn().(*net.TCPConn); ok {
			tcp.SetLinger(0)
		}
		c.NetConn().Close()
	}
	panic(http.ErrAbortHandler)
}

// redirecting begins the paths that lead on: what follows is where to.
const redirecting = "/redirect.mp3/"

// through is a URL that leads through hosts to path on the last one, media.
func (w *World) through(via []string, media, path string) string {
	url := "https://"
	for _, h := range via {
		url += w.authority(h) + redirecting
	}
	return url + w.authority(media) + path
}

// lead redirects as analytics and ad insertion do.
func (w *World) lead(rw http.ResponseWriter, r *http.Request, e edge, rest string) {
	to := "https://" + rest
	if f, ok := w.fault(Detour, e); ok {
		to = w.through(f.Via, "", "")
		to = strings.TrimSuffix(to, w.authority("")) + rest
	}
	rw.Header().Set("Cache-Control", "no-store")
	http.Redirect(rw, r, to, http.StatusFound)
}

// A site is the files of a host by path.
type site map[string]file

type file struct {
	contentType string
	body        []byte
	modified    time.Time
	feed        *series // whose feed it is, nil for other files
}

func (w *World) content(rw http.ResponseWriter, r *http.Request, e edge) {
	f, ok := w.sites[e.host.Name][r.URL.Path]
	if !ok {
		http.NotFound(rw, r)
		return
	}
	if f.feed != nil {
		f.body = w.feed(f, e)
	}
	if _, ok := w.fault(BodyHTML, e); ok {
		f.body = []byte("<!doctype html><title>Sorry</title><h1>Something went wrong</h1><p>Please try again later.</p>\n")
	}
	if _, ok := w.fault(BodyShort, e); ok {
		f.body = f.body[:len(f.body)*3/5]
	}
	if _, ok := w.fault(RangeIgnored, e); ok {
		r.Header.Del("Range")
		rw = noRanges{rw}
	}
	sum := sha256.Sum256(f.body)
	rw.Header().Set("Content-Type", f.contentType)
	rw.Header().Set("ETag", `"`+hex.EncodeToString(sum[:8])+`"`)
	rw.Header().Set("Cache-Control", "max-age=60")
	if _, ok := w.fault(RangeCompressed, e); ok && r.Header.Get("Range") != "" {
		f.body = compressed(f.body)
		rw.Header().Set("Content-Encoding", "gzip")
	}
	http.ServeContent(rw, r, "", f.modified, bytes.NewReader(f.body))
}

// noRanges doesn't own up to ranges.
type noRanges struct{ http.ResponseWriter }

func (n noRanges) WriteHeader(status int) {
	n.Header().Del("Accept-Ranges")
	n.ResponseWriter.WriteHeader(status)
}

func compressed(body []byte) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	z.Write(body)
	z.Close() // a buffer takes all
	return b.Bytes()
}

package drill

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"io"
	"log"
	"net"
	"net/http"
	"net/netip"
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
	e := w.at(hello.Conn.LocalAddr())
	if f, ok := w.fault(CertificateExpires, e.host, e.region); ok {
		return f.cert, nil
	}
	return w.certs[e.host], nil
}

func (w *World) at(addr net.Addr) edge {
	ap, _ := netip.ParseAddrPort(addr.String())
	return w.edges[ap.Addr()]
}

func (w *World) serve(rw http.ResponseWriter, r *http.Request) {
	e := w.at(r.Context().Value(http.LocalAddrContextKey).(net.Addr))
	if _, ok := w.fault(HTTPReset, e.host, e.region); ok {
		reset(r)
	}
	if r.Host != w.authority(e.host) {
		http.Error(rw, "this edge serves "+e.host, http.StatusMisdirectedRequest)
		return
	}
	if f, ok := w.fault(HTTPStatus, e.host, e.region); ok {
		http.Error(rw, http.StatusText(f.Value), f.Value)
		return
	}
	rw.Header().Set("Server", "drill")
	if _, ok := aliases[e.host]; ok {
		rw.Header().Set("Via", "1.1 "+e.region+".edges.example")
		rw.Header().Set("X-Cache", "HIT")
	}
	w.sites[e.host].ServeHTTP(rw, r)
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

// A site is the files of a host by path.
type site map[string]file

type file struct {
	contentType string
	body        []byte
	modified    time.Time
}

func (s site) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	f, ok := s[r.URL.Path]
	if !ok {
		http.NotFound(rw, r)
		return
	}
	sum := sha256.Sum256(f.body)
	rw.Header().Set("Content-Type", f.contentType)
	rw.Header().Set("ETag", `"`+hex.EncodeToString(sum[:8])+`"`)
	rw.Header().Set("Cache-Control", "max-age=60")
	http.ServeContent(rw, r, "", f.modified, bytes.NewReader(f.body))
}

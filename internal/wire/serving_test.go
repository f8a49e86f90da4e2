package wire_test

import (
	"bytes"
	"crypto/tls"
	"net"
	"testing"

	"golang.org/x/net/http2/hpack"

	"github.com/sonde-media/sonde/internal/wire/wiretest"
)

// serving has talk serve one connection after another until the test ends, and
// returns the server's host and port. Connections are closed after talk.
func serving(t *testing.T, talk func(c net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			talk(c)
			c.Close()
		}
	}()
	t.Cleanup(func() { l.Close(); <-done })
	return l.Addr().String()
}

// servingH2 does so over TLS, with HTTP/2 agreed on, and returns what is to be
// trusted too.
func servingH2(t *testing.T, talk func(c *tls.Conn)) (string, *wiretest.CA) {
	t.Helper()
	ca := wiretest.NewCA(t)
	config := &tls.Config{Certificates: []tls.Certificate{ca.Issue(t, wiretest.Cert{})}, NextProtos: []string{"h2"}}
	addr := serving(t, func(c net.Conn) {
		secure := tls.Server(c, config)
		defer secure.Close()
		talk(secure)
	})
	return "https://" + addr, ca
}

// block is a block of header fields as HTTP/2 has it (RFC 7541).
func block(fields ...string) []byte {
	var b bytes.Buffer
	e := hpack.NewEncoder(&b)
	for i := 0; i < len(fields); i += 2 {
		e.WriteField(hpack.HeaderField{Name: fields[i], Value: fields[i+1]})
	}
	return b.Bytes()
}

//go:build unix

package wire

import (
	"crypto/elliptic"
	"crypto/tls"
	"net"
	"sync"
	"syscall"
	"testing"

	"github.com/sonde-media/sonde/internal/wire/wiretest"
	"github.com/sonde-media/sonde/probes"
)

// BenchmarkHandshake compares our handshake, facts and findings noted, with
// crypto/tls and its verification, both ends on one machine. The server's part
// is in both.
func BenchmarkHandshake(b *testing.B) {
	for _, kind := range []struct {
		name string
		root wiretest.Cert
		leaf wiretest.Cert
	}{
		{"P-256", wiretest.Cert{}, wiretest.Cert{Intermediate: &wiretest.Cert{}}},
		{"P-384 by RSA-4096", wiretest.Cert{RSA: 4096}, wiretest.Cert{Curve: elliptic.P384(), Intermediate: &wiretest.Cert{RSA: 4096}}},
	} {
		ca := wiretest.NewCA(b, kind.root)
		kind.leaf.Names = []string{"a.example"}
		cert := ca.Issue(b, kind.leaf)
		n, err := New(Options{Roots: ca.Pool})
		if err != nil {
			b.Fatal(err)
		}
		ours := func(conn net.Conn) error {
			_, err := n.handshake(b.Context(), probes.NewStep("hop"), conn, "a.example")
			return err
		}
		b.Run(kind.name+"/sonde", func(b *testing.B) { shake(b, cert, ours) })
		alone := n.For(Choices{X25519: true})
		b.Run(kind.name+"/sonde, X25519", func(b *testing.B) {
			shake(b, cert, func(conn net.Conn) error {
				_, err := alone.handshake(b.Context(), probes.NewStep("hop"), conn, "a.example")
				return err
			})
		})
		b.Run(kind.name+"/crypto-tls", func(b *testing.B) {
			shake(b, cert, func(conn net.Conn) error {
				config := &tls.Config{ServerName: "a.example", RootCAs: ca.Pool, NextProtos: protocols}
				return tls.Client(conn, config).HandshakeContext(b.Context())
			})
		})
	}
}

func shake(b *testing.B, cert tls.Certificate, client func(net.Conn) error) {
	b.ReportAllocs()
	config := &tls.Config{Certificates: []tls.Certificate{cert}, NextProtos: protocols, SessionTicketsDisabled: true}
	begin := cpu(b)
	for b.Loop() {
		here, there := net.Pipe()
		var wg sync.WaitGroup
		wg.Go(func() { tls.Server(there, config).HandshakeContext(b.Context()) })
		if err := client(here); err != nil {
			b.Fatal(err)
		}
		wg.Wait()
		here.Close()
		there.Close()
	}
	b.ReportMetric(float64(cpu(b)-begin)/float64(b.N), "cpu-ns/op")
}

// cpu is the CPU time that this process has had, of all its threads.
func cpu(b *testing.B) int64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return u.Utime.Nano() + u.Stime.Nano()
}

// BenchmarkVerify is the client's part alone.
func BenchmarkVerify(b *testing.B) {
	ca := wiretest.NewCA(b)
	cert := ca.Issue(b, wiretest.Cert{Names: []string{"a.example"}, Intermediate: &wiretest.Cert{}})
	chain := served(b, cert.Certificate...)
	v := newVerifier(Options{Roots: ca.Pool})
	b.Run("known", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			c, err := v.verify(chain, "a.example", day0)
			if err != nil {
				b.Fatal(err)
			}
			s, hop := probes.NewStep("tls"), probes.NewStep("hop")
			c.facts.note(s, hop)
			c.findings("a.example", day0)
		}
	})
	b.Run("anew", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := pathsOf(chain, ca.Pool, day0); err != nil {
				b.Fatal(err)
			}
		}
	})
}

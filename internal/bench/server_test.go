package bench

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"maps"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sonde-media/sonde/probes"
)

// A server is the process that all probe.
type server struct {
	dir      string // holds ca.pem
	variants []string
	bases    map[string][]string // by variant: three, each on a port of its own
}

func startServer(t *testing.T, p pins, variants []string) *server {
	t.Helper()
	s := &server{dir: t.TempDir(), variants: variants}
	in, out, _ := start(t, p, 0, "server", s.dir)
	if err := json.NewEncoder(in).Encode(variants); err != nil {
		t.Fatal(err)
	}
	if err := json.NewDecoder(out).Decode(&s.bases); err != nil {
		t.Fatalf("the server has ended: %v", err)
	}
	return s
}

// jobs are all cases.
func (s *server) jobs(n int) (jobs []job) {
	for _, v := range s.variants {
		base, n := s.bases[v][0], n
		if v == "plain" {
			n *= 5 // which takes no longer, and is as exact
		}
		chain := job{Case: "chain " + v, Kind: "enclosure", URL: base + "/1", Module: "range", Range: "bytes=0-65535", Count: n}
		chain.Options = probes.Options{"head": false, "seek": false} // as little as the others do
		jobs = append(jobs, chain)
		if v != "plain" {
			chain.Case += " x25519" // offered by Sonde alone
			chain.Options = maps.Clone(chain.Options)
			chain.Options["x25519_only"] = true
			jobs = append(jobs, chain)
		}
		jobs = append(jobs,
			job{Case: "page " + v, Kind: "page", URL: base + "/page", Module: "whole", Count: n},
			job{Case: "feed " + v, Kind: "feed", URL: base + "/feed", Module: "whole", Options: probes.Options{"episodes": 0}, Count: n})
	}
	return jobs
}

// serve is the server's process: it reads the variants, tells where they are,
// and ends with its input.
func serve(stdout io.Writer, stdin io.Reader) error {
	in := json.NewDecoder(stdin)
	var variants []string
	if err := in.Decode(&variants); err != nil {
		return err
	}
	bases := map[string][]string{}
	var roots bytes.Buffer
	for _, v := range variants {
		cert, err := issue(v, &roots)
		if err != nil {
			return err
		}
		if bases[v], err = listen(cert); err != nil {
			return err
		}
	}
	if err := os.WriteFile(filepath.Join(os.Getenv(dirKey), "ca.pem"), roots.Bytes(), 0o600); err != nil {
		return err
	}
	if err := json.NewEncoder(stdout).Encode(bases); err != nil {
		return err
	}
	if err := in.Decode(&variants); err != io.EOF {
		return err
	}
	return nil
}

// listen serves the three hops of a chain, each on a port of its own.
func listen(cert *tls.Certificate) (bases []string, err error) {
	var listeners [3]net.Listener
	for i := range listeners {
		if listeners[i], err = net.Listen("tcp4", "127.0.0.1:0"); err != nil {
			return nil, err
		}
		scheme := "http"
		if cert != nil {
			scheme = "https"
		}
		_, port, _ := net.SplitHostPort(listeners[i].Addr().String())
		bases = append(bases, fmt.Sprintf("%s://localhost:%s", scheme, port))
	}
	mux := routes(bases)
	for _, l := range listeners {
		s := &http.Server{Handler: mux, ErrorLog: log.New(io.Discard, "", 0)}
		if cert == nil {
			go s.Serve(l)
			continue
		}
		s.TLSConfig = &tls.Config{Certificates: []tls.Certificate{*cert}, NextProtos: strings.Split(*alpn, ",")}
		if !strings.Contains(*alpn, "h2") {
			s.TLSNextProto = map[string]func(*http.Server, *tls.Conn, http.Handler){}
		}
		go s.ServeTLS(l, "", "")
	}
	return bases, nil
}

func routes(bases []string) *http.ServeMux {
	mux := http.NewServeMux()
	mux.Handle("/1", http.RedirectHandler(bases[1]+"/2", http.StatusFound))
	mux.Handle("/2", http.RedirectHandler(bases[2]+"/audio.mp3", http.StatusFound))
	audio, page, feed := audio(), page(), feed()
	mux.HandleFunc("/audio.mp3", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "audio/mpeg")
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(audio))
	})
	var pages atomic.Int64
	mux.HandleFunc("/count", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, pages.Load()) })
	mux.HandleFunc("/page", func(w http.ResponseWriter, r *http.Request) {
		pages.Add(1)
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Write(page)
	})
	mux.HandleFunc("POST /v1/traces", func(w http.ResponseWriter, r *http.Request) { // of a hub that keeps nothing
		io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/x-protobuf")
	})
	mux.HandleFunc("/feed", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/rss+xml")
		w.Write(feed)
	})
	return mux
}

// audio is ten megabytes of MPEG audio, 128 kbit/s at 44.1 kHz, all silence.
func audio() []byte {
	frame := make([]byte, 417)
	copy(frame, []byte{0xFF, 0xFB, 0x90, 0x64})
	return bytes.Repeat(frame, 10<<20/len(frame))
}

// page is a document of 2 KB without anything to fetch.
func page() []byte {
	var b bytes.Buffer
	b.WriteString("<!doctype html><html lang=en><head><meta charset=utf-8><title>A show</title></head><body><h1>A show</h1>\n")
	for b.Len() < 2<<10 {
		fmt.Fprintf(&b, "<p>Episode %d, of which there is this much to say.</p>\n", b.Len())
	}
	return b.Bytes()
}

// feed is a document of 500 KB, as long as a feed of some years.
func feed() []byte {
	var b bytes.Buffer
	b.WriteString(`<?xml version="1.0" encoding="UTF-8"?><rss version="2.0" xmlns:itunes="http://www.itunes.com/dtds/podcast-1.0.dtd"><channel><title>A show</title><link>https://show.example/</link><description>Told weekly.</description>` + "\n")
	for i := 1; b.Len() < 500<<10; i++ {
		fmt.Fprintf(&b, `<item><title>Episode %d</title><guid isPermaLink="false">show-%d</guid><pubDate>%s</pubDate><description>%s</description>`, i, i,
			time.Date(2026, 1, 1, 6, 0, 0, 0, time.UTC).AddDate(0, 0, -7*i).Format(time.RFC1123Z), strings.Repeat("This is what it is about. ", 40))
		fmt.Fprintf(&b, `<enclosure url="https://cdn.example/%d.mp3" type="audio/mpeg" length="12345678"/><itunes:duration>1800</itunes:duration></item>`+"\n", i)
	}
	b.WriteString("</channel></rss>\n")
	return b.Bytes()
}

// issue makes a leaf with an intermediate below a root of its own, which it
// adds to roots. Without TLS there is none.
func issue(variant string, roots io.Writer) (*tls.Certificate, error) {
	p256 := func() (crypto.Signer, error) { return ecdsa.GenerateKey(elliptic.P256(), rand.Reader) }
	p384 := func() (crypto.Signer, error) { return ecdsa.GenerateKey(elliptic.P384(), rand.Reader) }
	rsa4096 := func() (crypto.Signer, error) { return rsa.GenerateKey(rand.Reader, 4096) }
	makes := map[string][3]func() (crypto.Signer, error){ // of leaf, intermediate and root
		"p256":      {p256, p256, p256},
		"p384-rsa":  {p256, p384, rsa4096}, // as Let's Encrypt issues
		"p384-leaf": {p384, rsa4096, rsa4096},
	}
	if makes[variant][0] == nil { // plain
		return nil, nil
	}
	key, err1 := makes[variant][0]()
	betweenKey, err2 := makes[variant][1]()
	rootKey, err3 := makes[variant][2]()
	if err := errors.Join(err1, err2, err3); err != nil {
		return nil, err
	}
	root := template("Root "+variant, true)
	between := template("Intermediate "+variant, true)
	rootDER, err1 := x509.CreateCertificate(rand.Reader, root, root, rootKey.Public(), rootKey)
	betweenDER, err2 := x509.CreateCertificate(rand.Reader, between, root, betweenKey.Public(), rootKey)
	leafDER, err3 := x509.CreateCertificate(rand.Reader, template("localhost", false), between, key.Public(), betweenKey)
	if err := errors.Join(err1, err2, err3); err != nil {
		return nil, err
	}
	err := pem.Encode(roots, &pem.Block{Type: "CERTIFICATE", Bytes: rootDER})
	return &tls.Certificate{Certificate: [][]byte{leafDER, betweenDER}, PrivateKey: key}, err
}

func template(name string, ca bool) *x509.Certificate {
	serial, _ := rand.Int(rand.Reader, big.NewInt(1<<62))
	c := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: name}, BasicConstraintsValid: true, IsCA: ca,
		NotBefore: time.Now().Add(-30 * 24 * time.Hour), NotAfter: time.Now().Add(100 * 24 * time.Hour),
		KeyUsage: x509.KeyUsageCertSign,
	}
	if !ca {
		c.DNSNames, c.KeyUsage = []string{name}, x509.KeyUsageDigitalSignature
		c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	}
	return c
}

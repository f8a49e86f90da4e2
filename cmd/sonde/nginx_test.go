package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sonde-media/sonde/internal/wire/wiretest"
)

// A site is an nginx with a certificate for feeds.test and audio.test.
type site struct {
	root, port, resolver, ca string
}

func newSite(t *testing.T, nginx string) *site {
	t.Helper()
	s := &site{root: t.TempDir(), resolver: wiretest.DNS(t, map[string][]string{
		"feeds.test": {"127.0.0.1"}, "audio.test": {"127.0.0.1"}, "old.test": {"127.0.0.1"},
	})}
	ca := wiretest.NewCA(t)
	s.ca = filepath.Join(s.root, "ca.pem")
	writePEM(t, s.ca, "CERTIFICATE", ca.Root())
	s.key(t, "good", ca.Issue(t, wiretest.Cert{Names: []string{"feeds.test", "audio.test"}}))
	s.key(t, "old", ca.Issue(t, wiretest.Cert{Names: []string{"old.test"}, NotAfter: time.Now().Add(-time.Hour)}))
	for _, dir := range []string{"www", "tmp"} {
		if err := os.MkdirAll(filepath.Join(s.root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	s.start(t, nginx)
	return s
}

func (s *site) key(t *testing.T, name string, cert tls.Certificate) {
	t.Helper()
	var chain bytes.Buffer
	for _, der := range cert.Certificate {
		pem.Encode(&chain, &pem.Block{Type: "CERTIFICATE", Bytes: der})
	}
	if err := os.WriteFile(filepath.Join(s.root, name+".pem"), chain.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(cert.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	writePEM(t, filepath.Join(s.root, name+".key"), "PRIVATE KEY", der)
}

func writePEM(t *testing.T, path, kind string, der []byte) {
	t.Helper()
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}

const nginxConf = `daemon off;
%s
worker_processes 1;
pid ROOT/pid;
error_log ROOT/error.log;
events {}
http {
	access_log off;
	client_body_temp_path ROOT/tmp; proxy_temp_path ROOT/tmp; fastcgi_temp_path ROOT/tmp;
	uwsgi_temp_path ROOT/tmp; scgi_temp_path ROOT/tmp;
	types { application/rss+xml xml rss; audio/mpeg mp3; audio/x-m4a m4a m4b; audio/ogg ogg oga opus; audio/flac flac; audio/wav wav; audio/aac aac; }
	server {
		listen 127.0.0.1:PORT ssl http2;
		server_name feeds.test audio.test;
		ssl_certificate ROOT/good.pem; ssl_certificate_key ROOT/good.key;
		root ROOT/www;
		location /prefix/ { rewrite ^/prefix/(.*)$ https://audio.test:PORT/$1 redirect; }
		location /busy/ { return 503; }
	}
	server {
		listen 127.0.0.1:PORT ssl http2;
		server_name old.test;
		ssl_certificate ROOT/old.pem; ssl_certificate_key ROOT/old.key;
		root ROOT/www;
	}
}
`

// start runs nginx on a free port until the test ends. The port may be taken
// between its choice and nginx, which then ends; another is chosen.
func (s *site) start(t *testing.T, nginx string) {
	t.Helper()
	user := ""
	if os.Getuid() == 0 {
		user = "user root;" // whose files the test's are
	}
	for range 5 {
		s.port = freePort(t)
		conf := strings.NewReplacer("ROOT", s.root, "PORT", s.port).Replace(fmt.Sprintf(nginxConf, user))
		path := filepath.Join(s.root, "nginx.conf")
		if err := os.WriteFile(path, []byte(conf), 0o600); err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		cmd := exec.Command(nginx, "-p", s.root, "-c", path, "-e", filepath.Join(s.root, "error.log"))
		cmd.Stdout, cmd.Stderr = &out, &out
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() { ended <- cmd.Wait() }()
		if s.answers(ended) {
			t.Cleanup(func() {
				cmd.Process.Signal(os.Interrupt)
				<-ended
			})
			return
		}
		t.Logf("nginx ended: %s", out.String())
	}
	t.Fatal("nginx doesn't start")
}

// answers waits until the port is listened on, false where nginx ends first.
func (s *site) answers(ended chan error) bool {
	for {
		select {
		case <-ended:
			return false
		default:
		}
		if conn, err := net.Dial("tcp", "127.0.0.1:"+s.port); err == nil {
			conn.Close()
			return true
		}
	}
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

func (s *site) url(host, path string) string {
	return fmt.Sprintf("https://%s/%s", net.JoinHostPort(host, s.port), path)
}

func (s *site) write(t *testing.T, name string, b []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(s.root, "www", name), b, 0o644); err != nil {
		t.Fatal(err)
	}
}

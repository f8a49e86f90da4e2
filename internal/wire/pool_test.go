package wire_test

import (
	"crypto/sha256"
	"crypto/tls"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sonde-media/sonde/internal/wire"
	"github.com/sonde-media/sonde/internal/wire/wiretest"
	"github.com/sonde-media/sonde/probes"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newNet(t *testing.T, o wire.Options) *wire.Net {
	t.Helper()
	n, err := wire.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// fetchAll fetches paths at once through p and returns their steps in order.
func fetchAll(t *testing.T, p *wire.Pool, urls ...string) *probes.Step {
	root := probes.NewStep("root")
	var wg sync.WaitGroup
	for _, u := range urls {
		s := root.Begin("asset")
		wg.Go(func() {
			_, err := p.Fetch(t.Context(), s, wire.Request{URL: u, Keep: 1 << 20})
			s.Done(&err)
		})
	}
	wg.Wait()
	return root
}

func count(root *probes.Step, name string) (n int) {
	for s := range root.All() {
		if s.Name == name {
			n++
		}
	}
	return n
}

func TestPoolShares(t *testing.T) {
	ca := wiretest.NewCA(t)
	for _, c := range []struct {
		version     string
		connections int
	}{{"h2", 1}, {"http/1.1", 6}} {
		var gate sync.WaitGroup // holds the first answers until as many are asked as may be at once
		gate.Add(6)
		var once sync.Map
		s := wiretest.Server(t, ca.Issue(t, wiretest.Cert{}), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if n := len(r.URL.Path); n <= 2 {
				if _, seen := once.LoadOrStore(r.URL.Path, true); !seen && r.URL.Path < "/6" {
					gate.Done()
					gate.Wait()
				}
			}
			fmt.Fprint(w, "x")
		}), func(t *tls.Config) { t.NextProtos = []string{c.version} })
		p := newNet(t, wire.Options{Roots: ca.Pool, AllowPrivate: true}).Pool()
		var urls []string
		for i := range 6 {
			urls = append(urls, fmt.Sprintf("%s/%d", s.URL, i))
		}
		root := fetchAll(t, p, urls...)
		for range 3 {
			more := fetchAll(t, p, urls...)
			root.Steps = append(root.Steps, more.Steps...)
		}
		p.Close()
		for s := range root.All() {
			if s.Fail != nil {
				t.Fatalf("%s: %v", c.version, s.Fail)
			}
			if s.Name == "hop" && s.Text(probes.AttrCertSHA256) == "" {
				t.Errorf("%s: a hop over an open connection doesn't know its certificate", c.version)
			}
		}
		if got := count(root, "tls"); got != c.connections {
			t.Errorf("%s: %d connections, want %d", c.version, got, c.connections)
		}
		if got := count(root, "request"); got != 24 {
			t.Errorf("%s: %d requests, want 24", c.version, got)
		}
	}
}

func TestPoolDoesNotHammerTheDead(t *testing.T) {
	ca := wiretest.NewCA(t)
	var mu sync.Mutex
	tried := 0
	cert := ca.Issue(t, wiretest.Cert{NotAfter: time.Now().Add(-time.Minute)})
	fingerprint := fmt.Sprintf("%X", sha256.Sum256(cert.Leaf.Raw))
	s := wiretest.Server(t, cert, http.NotFoundHandler(), func(c *tls.Config) {
		c.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) {
			mu.Lock()
			defer mu.Unlock()
			tried++
			return nil, nil
		}
	})
	p := newNet(t, wire.Options{Roots: ca.Pool, AllowPrivate: true}).Pool()
	defer p.Close()
	root := fetchAll(t, p, s.URL, s.URL, s.URL, s.URL)
	for _, a := range root.Steps {
		if a.Fail == nil || a.Fail.Code != probes.TLSExpired {
			t.Errorf("got %v", a.Fail)
		}
		if v := probes.Judge(a); v.Cause != fingerprint {
			t.Errorf("got cause %q, want the certificate, %s\n%s", v.Cause, fingerprint, wiretest.Outline(a))
		}
		if hop := a.Steps[0]; hop.Text(probes.AttrCertSHA256) != fingerprint {
			t.Errorf("a hop doesn't know the certificate it failed for\n%s", wiretest.Outline(a))
		}
	}
	mu.Lock()
	defer mu.Unlock()
	if tried != 1 {
		t.Errorf("tried %d times", tried)
	}
}

// A server may close a kept connection at any moment; the next request then
// goes over another, and the tree shows it.
func TestPoolAfterServerCloses(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "x") }))
	defer s.Close()
	p := newNet(t, wire.Options{AllowPrivate: true}).Pool()
	defer p.Close()
	for i := range 20 {
		root := fetchAll(t, p, s.URL)
		if f := root.Steps[0].Fail; f != nil {
			t.Fatalf("request %d: %v\n%s", i, f, wiretest.Outline(root))
		}
		s.CloseClientConnections()
	}
}

package wire_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/sonde-media/sonde/internal/wire"
	"github.com/sonde-media/sonde/internal/wire/wiretest"
	"github.com/sonde-media/sonde/probes"
)

func TestBodies(t *testing.T) {
	mux := http.NewServeMux()
	zip := func(text string) []byte {
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		w.Write([]byte(text))
		w.Close()
		return b.Bytes()
	}
	serve := func(path, encoding string, body []byte) {
		mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Encoding", encoding)
			w.Write(body)
		})
	}
	serve("/plain", "identity", []byte("0123456789"))
	serve("/gzip", "gzip", zip("0123456789"))
	serve("/bomb", "gzip", zip(strings.Repeat("0", 10<<20)))
	serve("/cut", "gzip", zip(strings.Repeat("0123456789", 100))[:20])
	serve("/bare", "gzip", []byte{})
	serve("/garbage", "gzip", []byte("this is no gzip at all"))
	serve("/br", "br", []byte("x"))
	mux.HandleFunc("/nothing", func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(204) })
	s := httptest.NewServer(mux)
	defer s.Close()
	n := newNet(t, wire.Options{AllowPrivate: true})
	for _, c := range []struct {
		path     string
		req      wire.Request
		code     probes.Code
		body     string
		size     int64
		complete bool
		finding  probes.Code
	}{
		{"/plain", wire.Request{Keep: 100}, "", "0123456789", 10, true, ""},
		{"/plain", wire.Request{Keep: 10}, "", "0123456789", 10, true, ""},
		{"/plain", wire.Request{Keep: 4, Limit: 100}, "", "0123", 10, true, ""},
		{"/plain", wire.Request{Keep: 4}, "", "0123", 4, false, probes.BodySize},
		{"/plain", wire.Request{Keep: 4, StopAtKeep: true}, "", "0123", 4, false, ""},
		{"/plain", wire.Request{Keep: 10, StopAtKeep: true}, "", "0123456789", 10, true, ""},
		{"/gzip", wire.Request{Keep: 100}, "", "0123456789", 10, true, ""},
		{"/bomb", wire.Request{Keep: 4, Limit: 1000}, "", "0000", 1000, false, probes.BodySize},
		{"/cut", wire.Request{Keep: 1000}, probes.BodyTruncated, "", 0, false, ""},
		{"/bare", wire.Request{Keep: 1000}, probes.BodyEmpty, "", 0, false, ""},
		{"/garbage", wire.Request{Keep: 1000}, probes.BodyOther, "", 0, false, ""},
		{"/br", wire.Request{Keep: 1000}, probes.BodyOther, "", 0, false, ""},
		{"/nothing", wire.Request{Keep: 1000}, probes.BodyEmpty, "", 0, false, ""},
		{"/nothing", wire.Request{Keep: 1000, EmptyOK: true}, "", "", 0, true, ""},
	} {
		root := probes.NewStep("root")
		c.req.URL = s.URL + c.path
		res, err := n.Fetch(t.Context(), root, c.req)
		if err != nil || c.code != "" {
			if f := probes.AsFailure(cmpErr(err)); f.Code != c.code {
				t.Errorf("%s %+v: got %v, want %s", c.path, c.req, err, c.code)
			}
			continue
		}
		var finding probes.Code
		for s := range root.All() {
			for _, f := range s.Findings {
				if f.Code != probes.InsecureHTTP {
					finding = f.Code
				}
			}
		}
		if string(res.Body) != c.body || res.Size != c.size || res.Complete != c.complete || finding != c.finding {
			t.Errorf("%s %+v: got %q, %d bytes, complete %v, finding %q", c.path, c.req, res.Body, res.Size, res.Complete, finding)
		}
	}
}

func cmpErr(err error) error {
	if err == nil {
		return fmt.Errorf("no error")
	}
	return err
}

func TestRedirects(t *testing.T) {
	ca := wiretest.NewCA(t)
	plain := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "x") }))
	defer plain.Close()
	mux := http.NewServeMux()
	s := wiretest.Server(t, ca.Issue(t, wiretest.Cert{}), mux)
	mux.HandleFunc("/down", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, plain.URL+"/?key=secret", http.StatusMovedPermanently)
	})
	mux.HandleFunc("/stalling", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", "/end")
		w.Header().Set("Content-Length", "1000")
		w.WriteHeader(302)
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	})
	mux.HandleFunc("/end", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "x") })
	n := newNet(t, wire.Options{Roots: ca.Pool, AllowPrivate: true})

	root := probes.NewStep("root")
	if _, err := n.Fetch(t.Context(), root, wire.Request{URL: s.URL + "/down?token=hush", Keep: 10}); err != nil {
		t.Fatal(err)
	}
	if got, want := wiretest.Outline(root), `root
  hop ?redirect_downgrade
    connect
    tls
    request
    body
  hop ?insecure_http
    connect
    request
    body
`; got != want {
		t.Errorf("got\n%s", got)
	}
	for s := range root.All() {
		for key, v := range s.Attrs {
			if text := fmt.Sprint(v); strings.Contains(text, "secret") || strings.Contains(text, "hush") {
				t.Errorf("%s tells a secret: %s", key, text)
			}
		}
	}
	if at := root.Steps[1]; at.Int(probes.AttrHopIndex) != 1 || at.Text(probes.AttrHopPrevious) != "127.0.0.1" {
		t.Errorf("the second hop is noted as %v", at.Attrs)
	}

	start := time.Now()
	if res, err := n.Fetch(t.Context(), probes.NewStep("root"), wire.Request{URL: s.URL + "/stalling", Keep: 10}); err != nil || res.Hops != 2 {
		t.Errorf("a redirect whose body stalls: %v, %v", res, err)
	}
	if took := time.Since(start); took > 20*time.Second {
		t.Errorf("it held us for %v", took)
	}
}

func TestNew(t *testing.T) {
	for _, o := range []wire.Options{{Resolver: "no-port"}} {
		if _, err := wire.New(o); err == nil {
			t.Errorf("%+v was taken", o)
		}
	}
}

func TestResolverAddress(t *testing.T) {
	for addr, want := range map[string]string{
		"192.0.2.1": "192.0.2.1:53", "192.0.2.1:5353": "192.0.2.1:5353",
		"2001:db8::1": "[2001:db8::1]:53", "[2001:db8::1]": "[2001:db8::1]:53", "[2001:db8::1]:54": "[2001:db8::1]:54",
		"dns.example": "dns.example:53",
		":53":         "", "a:b:c": "", "192.0.2.1:0": "", "192.0.2.1:dns": "", "": "",
	} {
		got, err := wire.ResolverAddress(addr)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q: got %q, %v, want %q", addr, got, err, want)
		}
	}
}

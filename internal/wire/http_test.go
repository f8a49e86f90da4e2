package wire_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/sonde-media/sonde/internal/wire"
	"github.com/sonde-media/sonde/internal/wire/wiretest"
	"github.com/sonde-media/sonde/probes"
)

// zipped is text in gzip.
func zipped(text string) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	w.Write([]byte(text))
	w.Close()
	return b.Bytes()
}

// get fetches req and returns the tree too.
func get(t *testing.T, n *wire.Net, req wire.Request) (*probes.Step, *wire.Response, error) {
	t.Helper()
	root := probes.NewStep("root")
	res, err := n.Fetch(t.Context(), root, req)
	return root, res, err
}

func TestHead(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("/start", func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodHead {
			t.Errorf("asked with %s", r.Method)
		}
		http.Redirect(w, r, "/end", http.StatusSeeOther)
	})
	mux.HandleFunc("/end", func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodHead {
			t.Errorf("went on with %s", r.Method)
		}
		w.Header().Set("Content-Length", "1000000")
		w.Header().Set("ETag", `"v1"`)
	})
	ca := wiretest.NewCA(t)
	s := wiretest.Server(t, ca.Issue(t, wiretest.Cert{}), mux)
	n := newNet(t, wire.Options{Roots: ca.Pool, AllowPrivate: true})
	root, res, err := get(t, n, wire.Request{URL: s.URL + "/start", Method: http.MethodHead})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := wiretest.Outline(root), `root
  hop
    connect
    tls
    request
    body
  hop
    connect
    tls
    request
`; got != want {
		t.Errorf("got\n%s", got)
	}
	if res.Status != 200 || res.Header.Get("Content-Length") != "1000000" || res.Complete || res.Size != 0 {
		t.Errorf("got %+v", res)
	}
	if at := root.Steps[1]; at.Text(probes.AttrMethod) != "HEAD" || at.Text(probes.AttrETag) != `"v1"` {
		t.Errorf("got %v", at.Attrs)
	}
	if _, _, err := get(t, n, wire.Request{URL: s.URL + "/missing", Method: http.MethodHead}); probes.AsFailure(cmpErr(err)).Code != probes.HTTPMissing {
		t.Errorf("got %v", err)
	}
}

func TestConditional(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"v1"`)
		if r.Header.Get("If-None-Match") == `"v1"` && r.Header.Get("If-Modified-Since") == "Tue, 03 Nov 2026 12:00:00 GMT" || r.URL.Path == "/always" {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		fmt.Fprint(w, "new")
	})
	mux.HandleFunc("/moved", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/", http.StatusFound) })
	s := httptest.NewServer(mux)
	defer s.Close()
	n := newNet(t, wire.Options{AllowPrivate: true})
	since := wire.Validators{ETag: `"v1"`, LastModified: "Tue, 03 Nov 2026 12:00:00 GMT"}
	for _, c := range []struct {
		path   string
		since  wire.Validators
		status int
		code   probes.Code
	}{
		{"/", wire.Validators{}, 200, ""},
		{"/", since, 304, ""},
		{"/moved", since, 304, ""},
		{"/", wire.Validators{ETag: `"v0"`}, 200, ""},
		{"/", wire.Validators{ETag: "\"v1\"\r\nX: y", LastModified: since.LastModified}, 200, ""}, // not sent
		{"/always", wire.Validators{}, 0, probes.HTTPStatus},
	} {
		root, res, err := get(t, n, wire.Request{URL: s.URL + c.path, Since: c.since, Keep: 10})
		if err != nil || c.code != "" {
			if f := probes.AsFailure(cmpErr(err)); f.Code != c.code {
				t.Errorf("%s %v: got %v", c.path, c.since, err)
			}
			continue
		}
		if res.Status != c.status || (res.Status == 304) != (len(res.Body) == 0) {
			t.Errorf("%s %v: got %d, %q\n%s", c.path, c.since, res.Status, res.Body, wiretest.Outline(root))
		}
	}
}

// faulty takes some bytes and then no more.
type faulty struct{ left int }

func (f *faulty) Write(p []byte) (int, error) {
	if f.left -= len(p); f.left < 0 {
		return 0, errors.New("full")
	}
	return len(p), nil
}

func TestSink(t *testing.T) {
	text := strings.Repeat("0123456789", 20_000)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		w.Write(zipped(text))
	}))
	defer s.Close()
	n := newNet(t, wire.Options{AllowPrivate: true})
	for _, c := range []struct {
		limit    int64
		complete bool
	}{{1 << 20, true}, {int64(len(text)), true}, {100_001, false}} {
		var sink bytes.Buffer
		_, res, err := get(t, n, wire.Request{URL: s.URL, Keep: 100, Limit: c.limit, Sink: &sink})
		if err != nil {
			t.Fatal(err)
		}
		if want := text[:min(len(text), int(c.limit))]; sink.String() != want || res.Size != int64(len(want)) || res.Complete != c.complete {
			t.Errorf("limit %d: %d bytes handed on, %d told, complete %v", c.limit, sink.Len(), res.Size, res.Complete)
		}
		if string(res.Body) != text[:100] || cap(res.Body) > 4096 {
			t.Errorf("limit %d: kept %d of %d", c.limit, len(res.Body), cap(res.Body))
		}
	}
	_, _, err := get(t, n, wire.Request{URL: s.URL, Limit: 1 << 20, Sink: &faulty{1000}})
	if f := probes.AsFailure(cmpErr(err)); f.Code != probes.Internal {
		t.Errorf("a sink that is full: got %v", err)
	}
}

func TestEncodings(t *testing.T) {
	whole := zipped(strings.Repeat("audio ", 50_000))
	mux := http.NewServeMux()
	serve := func(path string, status int, header string, body []byte) {
		mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
			for line := range strings.Lines(header) {
				key, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
				w.Header().Add(key, value)
			}
			w.WriteHeader(status)
			w.Write(body)
		})
	}
	serve("/twice", 200, "Content-Encoding: gzip, gzip", zipped(string(zipped("x"))))
	serve("/lines", 200, "Content-Encoding: gzip\nContent-Encoding: br", []byte("x"))
	serve("/deflate", 200, "Content-Encoding: deflate", []byte("x"))
	serve("/identity", 200, "Content-Encoding: identity, gzip", zipped("plain"))
	serve("/inside", 200, "Content-Encoding: gzip", zipped(string(zipped("x"))))
	serve("/start", 206, fmt.Sprintf("Content-Encoding: gzip\nContent-Range: bytes 0-99/%d", len(whole)), whole[:100])
	serve("/middle", 206, fmt.Sprintf("Content-Encoding: gzip\nContent-Range: bytes 50-99/%d", len(whole)), whole[50:100])
	s := httptest.NewServer(mux)
	defer s.Close()
	n := newNet(t, wire.Options{AllowPrivate: true})
	for path, want := range map[string]string{
		"/twice":   `body_other: after 0 of 50 bytes: Content-Encoding "gzip, gzip": compressed 2 times, which clients don't undo`,
		"/lines":   `body_other: after 0 of 1 bytes: Content-Encoding "gzip, br": compressed 2 times, which clients don't undo`,
		"/deflate": `body_other: after 0 of 1 bytes: Content-Encoding "deflate" was not asked for: only gzip was`,
	} {
		_, _, err := get(t, n, wire.Request{URL: s.URL + path, Keep: 10})
		if got := cmpErr(err).Error(); got != want && path != "/twice" || !strings.HasSuffix(got, want[strings.Index(want, "Content-"):]) {
			t.Errorf("%s: got %s", path, got)
		}
	}
	for path, want := range map[string]string{"/identity": "plain", "/inside": string(zipped("x")), "/start": "audio ", "/middle": string(whole[50:])} {
		root, res, err := get(t, n, wire.Request{URL: s.URL + path, Keep: 1000})
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		if body := string(res.Body); !strings.HasPrefix(body, want[:min(len(want), 6)]) {
			t.Errorf("%s: got %q", path, res.Body)
		}
		if root.Steps[0].Text(probes.AttrEncoding) == "" {
			t.Errorf("%s: the coding isn't told", path)
		}
	}
}

// Chains of redirects: what is told of each hop, and when somebody gives up.
func TestHopCount(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("/{n}", func(w http.ResponseWriter, r *http.Request) {
		var n int
		fmt.Sscan(r.PathValue("n"), &n)
		if n > 0 {
			w.Header().Set("Location", fmt.Sprintf("/%d", n-1))
			w.WriteHeader([]int{300, 301, 302, 303, 307, 308}[n%6])
			return
		}
		fmt.Fprint(w, "x")
	})
	mux.HandleFunc("/choices", func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(300) })
	s := httptest.NewServer(mux)
	defer s.Close()
	n := newNet(t, wire.Options{AllowPrivate: true})
	for redirects, want := range map[int]string{
		4: "",
		5: "6 hops: passes; Android's DownloadManager gives up (at most 4 redirects are advised)",
		9: "10 hops: passes; Android's DownloadManager, Dart's http package, Kodi, MPD and FFmpeg give up (at most 4 redirects are advised)",
	} {
		root, res, err := get(t, n, wire.Request{URL: fmt.Sprintf("%s/%d", s.URL, redirects), Keep: 1})
		if err != nil || res.Hops != redirects+1 {
			t.Fatal(err)
		}
		got := ""
		for step := range root.All() {
			for _, f := range step.Findings {
				if f.Code == probes.HopCount {
					got += f.Detail
				}
			}
		}
		if last := root.Steps[redirects]; got != want || last.Text(probes.AttrHopRole) != "origin" || root.Steps[0].Text(probes.AttrHopRole) != "unknown" {
			t.Errorf("%d: got %q, %v", redirects, got, last.Attrs)
		}
	}
	if _, _, err := get(t, n, wire.Request{URL: s.URL + "/25", Keep: 1}); probes.AsFailure(cmpErr(err)).Code != probes.RedirectLimit {
		t.Errorf("got %v", err)
	}
	if _, _, err := get(t, n, wire.Request{URL: s.URL + "/choices", Keep: 1}); probes.AsFailure(cmpErr(err)).Code != probes.HTTPStatus {
		t.Errorf("got %v", err)
	}
}

// What an answer tells stands on its hop, refused ones' included.
func TestHopFacts(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("/busy", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Retry-After", "7")
		w.Header().Set("X-Served-By", "cache-lga21984-LGA, cache-fra-etou8220021-FRA")
		w.Header().Set("X-Cache", "MISS, MISS")
		w.WriteHeader(http.StatusServiceUnavailable)
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Server", "cloudflare")
		w.Header().Set("CF-Ray", "8a5b0c1d2e3f4a5b-FRA")
		w.Header().Set("CF-Cache-Status", "HIT")
		w.Header().Set("Age", "12")
		w.Write(make([]byte, 64<<10))
	})
	s := httptest.NewServer(mux)
	defer s.Close()
	root, _, err := get(t, newNet(t, wire.Options{AllowPrivate: true}), wire.Request{URL: s.URL + "/busy", Keep: 10})
	f := probes.AsFailure(cmpErr(err))
	if hop := root.Steps[0]; f.Code != probes.HTTPStatus || hop.Int(probes.AttrRetryAfter) != 7 || hop.Text(probes.AttrCDNEdge) != "FRA" {
		t.Errorf("got %v, %v", err, hop.Attrs)
	}
	root, _, err = get(t, newNet(t, wire.Options{AllowPrivate: true}), wire.Request{URL: s.URL + "/", Keep: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	hop := root.Steps[0]
	body := hop.Steps[len(hop.Steps)-1]
	if hop.Text(probes.AttrHopRole) != "cdn" || hop.Text(probes.AttrCDNCache) != "hit" || hop.Int(probes.AttrCDNAge) != 12 || body.Int(probes.AttrThroughput) <= 0 {
		t.Errorf("got %v, %v", hop.Attrs, body.Attrs)
	}
}

// What a connection's end is called is the same for every run, and in words.
func TestEndedByServer(t *testing.T) {
	for what, want := range map[string]string{
		"reset": "the server reset the connection",
		"close": "the server closed the connection without an answer (EOF)",
	} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Close() })
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				c.Read(make([]byte, 4096))
				if what == "reset" {
					c.(*net.TCPConn).SetLinger(0)
				}
				c.Close()
			}
		}()
		for scheme, code := range map[string]probes.Code{"http": probes.HTTPReset, "https": probes.TLSOther} {
			_, err := newNet(t, wire.Options{AllowPrivate: true}).Fetch(t.Context(), probes.NewStep("root"), wire.Request{URL: scheme + "://" + l.Addr().String()})
			if f := probes.AsFailure(err); f.Code != code || f.Detail != want {
				t.Errorf("%s over %s: got %s: %s", what, scheme, f.Code, f.Detail)
			}
		}
	}
}

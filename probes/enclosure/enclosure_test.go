package enclosure_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sonde-media/sonde/internal/wire"
	"github.com/sonde-media/sonde/internal/wire/wiretest"
	"github.com/sonde-media/sonde/probes"
	"github.com/sonde-media/sonde/probes/enclosure"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// frame is 24 ms of a buzz: MPEG 1 layer III at 64 kbit/s, 48 kHz, mono, with
// one line of the spectrum in each of its two granules.
var frame = func() []byte {
	sounding, _ := hex.DecodeString("fffb54c4000000200d98008420000401b300108400fafa")
	return append(sounding, make([]byte, 192-len(sounding))...)
}()

// audio is 36 seconds of it, 288,000 bytes.
var audio = bytes.Repeat(frame, 1500)

// alone are options under which nothing is asked for but the first range.
var alone = probes.Options{"seek": false, "head": false}

func serveAudio(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "audio/mpeg")
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(audio))
}

func handle(f http.HandlerFunc) http.Handler { return f }

// run probes url once.
func run(t *testing.T, o wire.Options, target probes.Target) *probes.Run {
	t.Helper()
	n, err := wire.New(o)
	if err != nil {
		t.Fatal(err)
	}
	f, err := enclosure.New(n, target)
	if err != nil {
		t.Fatal(err)
	}
	target.Kind = "enclosure"
	return probes.Do(t.Context(), f, target)
}

func TestCertificates(t *testing.T) {
	ca, other := wiretest.NewCA(t), wiretest.NewCA(t)
	now := time.Now()
	for _, c := range []struct {
		name string
		by   *wiretest.CA
		cert wiretest.Cert
		code probes.Code
		says string
	}{
		{"expired", ca, wiretest.Cert{NotAfter: now.Add(-time.Hour)}, probes.TLSExpired, "expired 60 minutes ago"},
		{"not yet valid", ca, wiretest.Cert{NotBefore: now.Add(time.Hour)}, probes.TLSNotYetValid, "is valid in 59 minutes"},
		{"for another name", ca, wiretest.Cert{Names: []string{"elsewhere.example"}}, probes.TLSHostname, "elsewhere.example"},
		{"by an unknown authority", other, wiretest.Cert{}, probes.TLSUntrusted, "unknown authority"},
		{
			"an expired intermediate", ca,
			wiretest.Cert{Intermediate: &wiretest.Cert{NotAfter: now.Add(-time.Hour)}},
			probes.TLSExpired, "Test Intermediate",
		},
		{
			"an intermediate of an unknown authority, expired", other,
			wiretest.Cert{Intermediate: &wiretest.Cert{NotAfter: now.Add(-time.Hour)}},
			probes.TLSUntrusted, "no way from it to a trusted root",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := wiretest.Server(t, c.by.Issue(t, c.cert), handle(serveAudio))
			r := run(t, wire.Options{Roots: ca.Pool, AllowPrivate: true}, probes.Target{URL: wiretest.At(s, "localhost", "/a.mp3")})
			want := strings.ReplaceAll(`probe enclosure !CODE
  hop !CODE
    dns
    connect
    tls !CODE
`, "CODE", string(c.code))
			if got := wiretest.Outline(r.Root); got != want {
				t.Errorf("got\n%swant\n%s", got, want)
			}
			if r.Outcome != probes.Failed || r.Code != c.code || r.Culprit != "localhost" || !strings.Contains(r.Detail, c.says) {
				t.Errorf("got %s %s at %s: %s", r.Outcome, r.Code, r.Culprit, r.Detail)
			}
			hop := r.Root.Steps[0]
			if hop.Text(probes.AttrCertSHA256) == "" || hop.Steps[2].Text(probes.AttrCertNotAfter) == "" {
				t.Error("the served certificate was not noted")
			}
			if got, want := hop.Text(probes.AttrCertSubject), c.cert.Names; want != nil && got != "CN="+want[0] {
				t.Errorf("subject %q, want CN=%s", got, want[0])
			}
			if len(r.Cause) != 64 {
				t.Errorf("the cause is %q, not a certificate", r.Cause)
			}
		})
	}
}

// A server answers each path in a bad way of its own.
func TestAnswers(t *testing.T) {
	ca := wiretest.NewCA(t)
	release := make(chan struct{})
	mux := http.NewServeMux()
	mux.HandleFunc("/ok", serveAudio)
	mux.HandleFunc("/chain", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/ok", http.StatusFound) })
	mux.HandleFunc("/loop", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/loop2", http.StatusFound) })
	mux.HandleFunc("/loop2", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/loop", http.StatusFound) })
	mux.HandleFunc("/endless", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/endless?n="+r.URL.Query().Get("n")+"1", http.StatusFound)
	})
	mux.HandleFunc("/nowhere", func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(302) })
	mux.HandleFunc("/ftp", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "ftp://x.example/", http.StatusFound)
	})
	for status, path := range map[int]string{503: "/503", 404: "/404", 403: "/403", 429: "/429", 418: "/418"} {
		mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(status) })
	}
	mux.HandleFunc("/html", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "audio/mpeg")
		http.ServeContent(w, r, "", time.Time{}, strings.NewReader("<!doctype html><title>Sorry</title>"))
	})
	mux.HandleFunc("/cut", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", fmt.Sprint(len(audio)))
		w.Write(audio[:len(audio)/2])
		panic(http.ErrAbortHandler)
	})
	mux.HandleFunc("/whole", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "audio/mpeg")
		w.Write(audio)
	})
	mux.HandleFunc("/other-range", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Range", fmt.Sprintf("bytes 192-383/%d", len(audio)))
		w.WriteHeader(206)
		w.Write(audio[192:384])
	})
	mux.HandleFunc("/empty", func(w http.ResponseWriter, r *http.Request) {})
	mux.HandleFunc("/empty416", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Range", "bytes */0")
		w.WriteHeader(416)
	})
	mux.HandleFunc("/stall", func(w http.ResponseWriter, r *http.Request) { <-release })
	mux.HandleFunc("/drip", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "100000")
		w.Write(audio[:100])
		w.(http.Flusher).Flush()
		<-release
	})
	mux.HandleFunc("/endless-body", func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			if _, err := w.Write(audio); err != nil {
				return
			}
		}
	})
	mux.HandleFunc("/octets", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "audio/x-m4a")
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(audio))
	})
	mux.HandleFunc("/hijack", func(w http.ResponseWriter, r *http.Request) { panic(http.ErrAbortHandler) })
	servers := map[string]*httptest.Server{}
	for _, version := range []string{"h2", "http/1.1"} {
		servers[version] = wiretest.Server(t, ca.Issue(t, wiretest.Cert{}), mux, func(c *tls.Config) {
			c.NextProtos = []string{version}
		})
	}
	t.Cleanup(func() { close(release) }) // before the servers wait for their answers to end
	const short = 2 * time.Second        // yet long enough to get as far as the answer
	full := probes.Options{"full": true}
	for _, c := range []struct {
		path     string
		options  probes.Options
		outcome  probes.Outcome
		code     probes.Code
		findings string
		timeout  time.Duration
	}{
		{"/ok", nil, probes.OK, "", "", 0},
		{"/ok", full, probes.OK, "", "", 0},
		{"/chain", nil, probes.OK, "", "", 0},
		{"/loop", nil, probes.Failed, probes.RedirectLoop, "", 0},
		{"/endless", nil, probes.Failed, probes.RedirectLimit, "", 0},
		{"/nowhere", nil, probes.Failed, probes.RedirectLocation, "", 0},
		{"/ftp", nil, probes.Failed, probes.RedirectLocation, "", 0},
		{"/503", nil, probes.Failed, probes.HTTPStatus, "", 0},
		{"/418", nil, probes.Failed, probes.HTTPStatus, "", 0},
		{"/404", nil, probes.Failed, probes.HTTPMissing, "", 0},
		{"/403", nil, probes.Failed, probes.HTTPDenied, "", 0},
		{"/429", nil, probes.Failed, probes.HTTPThrottled, "", 0},
		{"/html", nil, probes.Failed, probes.MediaType, "", 0},
		{"/cut", full, probes.Failed, probes.BodyTruncated, "", 0},
		{"/whole", nil, probes.Degraded, "", "range_ignored", 0},
		{"/other-range", nil, probes.Degraded, "", "range_wrong", 0},
		{"/other-range", full, probes.Degraded, "", "range_wrong", 0},
		{"/empty", nil, probes.Failed, probes.BodyEmpty, "", 0},
		{"/empty416", nil, probes.Failed, probes.BodyEmpty, "", 0},
		{"/stall", nil, probes.Failed, probes.HTTPTimeout, "", short},
		{"/drip", nil, probes.Failed, probes.BodyTimeout, "", short},
		{"/endless-body", alone, probes.Degraded, "", "range_ignored", 0},
		{"/endless-body", probes.Options{"full": true, "max_bytes": "1 MiB", "head": false}, probes.Degraded, "", "body_size", 0},
		{"/octets", nil, probes.OK, "", "type_mismatch", 0},
		{"/hijack", nil, probes.Failed, probes.HTTPReset, "", 0},
	} {
		for version, s := range servers {
			t.Run(fmt.Sprint(c.path, c.options, version), func(t *testing.T) {
				t.Parallel()
				o := wire.Options{Roots: ca.Pool, AllowPrivate: true}
				r := run(t, o, probes.Target{URL: wiretest.At(s, "localhost", c.path), Options: c.options, Timeout: c.timeout})
				var found []string
				for _, f := range r.Findings {
					found = append(found, string(f.Code))
				}
				if r.Outcome != c.outcome || r.Code != c.code || strings.Join(found, " ") != c.findings {
					t.Errorf("got %s %s %v (%s)\n%s", r.Outcome, r.Code, found, r.Detail, wiretest.Outline(r.Root))
				}
				if r.Code != "" && r.Culprit != "localhost" {
					t.Errorf("culprit %q", r.Culprit)
				}
			})
		}
	}
}

// The rest of a file that is fetched whole comes after the startup.
func TestStartupEndsWithWhatIsDecoded(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "audio/mpeg")
		w.Write(audio[:64<<10])
		w.(http.Flusher).Flush()
		time.Sleep(time.Second) // a slow server
		w.Write(audio[64<<10:])
	}))
	defer s.Close()
	r := run(t, wire.Options{AllowPrivate: true}, probes.Target{URL: s.URL, Options: probes.Options{"full": true, "seek": false, "head": false}})
	hop, decode := r.Root.Steps[0], r.Root.Steps[1]
	startup, _ := decode.Attrs[probes.AttrMediaStartup].(float64)
	if rest := float64(hop.Took)/float64(time.Millisecond) - startup; startup <= 0 || rest < 500 {
		t.Errorf("startup %v ms, and the rest in %v ms, which took a second", startup, rest)
	}
}

func TestConnections(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	plain := httptest.NewServer(handle(serveAudio))
	defer plain.Close()
	alert := wiretest.Server(t, wiretest.NewCA(t).Issue(t, wiretest.Cert{}), handle(serveAudio), func(c *tls.Config) {
		c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
	})
	resolver := wiretest.DNS(t, map[string][]string{
		"empty.test": {}, "broken.test": {"SERVFAIL"}, "silent.test": {"SILENT"}, "alias.test": {"CNAME gone.test"},
		"two.test": {"127.0.0.2", "127.0.0.1"},
	})
	_, port, _ := net.SplitHostPort(plain.Listener.Addr().String())
	for _, c := range []struct {
		name, url string
		options   wire.Options
		outline   string
	}{
		{"refused", "http://" + closed.Addr().String(), wire.Options{AllowPrivate: true}, "hop !connect_refused\n    connect !connect_refused\n"},
		{"plain http", plain.URL, wire.Options{AllowPrivate: true}, "hop ?insecure_http\n    connect\n    request\n    body\n  decode\n"},
		{"loopback without leave", plain.URL, wire.Options{}, "hop !guard_address\n    connect !guard_address\n"},
		{"no such name", "http://nowhere.test/", wire.Options{Resolver: resolver}, "hop !dns_not_found\n    dns !dns_not_found\n"},
		{"a name without address", "http://empty.test/", wire.Options{Resolver: resolver}, "hop !dns_no_address\n    dns !dns_no_address\n"},
		{"SERVFAIL", "http://broken.test/", wire.Options{Resolver: resolver}, "hop !dns_server\n    dns !dns_server\n"},
		{"no answer from DNS", "http://silent.test/", wire.Options{Resolver: resolver}, "hop !dns_timeout\n    dns !dns_timeout\n"},
		{"an alias to nowhere", "http://alias.test/", wire.Options{Resolver: resolver}, "hop !dns_not_found\n    dns !dns_not_found\n"},
		{"TLS on a plain port", "https://" + plain.Listener.Addr().String(), wire.Options{AllowPrivate: true}, "hop !tls_other\n    connect\n    tls !tls_other\n"},
		{"an alert", alert.URL, wire.Options{AllowPrivate: true}, "hop !tls_alert\n    connect\n    tls !tls_alert\n"},
		{
			"one address of two", "http://two.test:" + port,
			wire.Options{AllowPrivate: true, Resolver: resolver},
			"hop ?insecure_http\n    dns\n    connect !connect_refused ?address_failed\n    connect\n    request\n    body\n  decode\n",
		},
	} {
		target := probes.Target{URL: c.url, Options: alone}
		if c.name == "no answer from DNS" {
			target.Timeout = 600 * time.Millisecond
		}
		r := run(t, c.options, target)
		_, got, _ := strings.Cut(wiretest.Outline(r.Root), "\n")
		if got != "  "+c.outline {
			t.Errorf("%s: got\n%s(%s)", c.name, got, r.Detail)
		}
	}
	r := run(t, wire.Options{AllowPrivate: true, Resolver: resolver}, probes.Target{URL: "http://alias.test/"})
	if r.Cause != "gone.test" {
		t.Errorf("the cause of a dead alias is %q", r.Cause)
	}
}

func TestBindsToSource(t *testing.T) {
	var from string
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { from = r.RemoteAddr; serveAudio(w, r) }))
	defer s.Close()
	r := run(t, wire.Options{AllowPrivate: true, Sources: []netip.Addr{netip.MustParseAddr("127.0.0.9")}}, probes.Target{URL: s.URL})
	if r.Outcome != probes.OK || !strings.HasPrefix(from, "127.0.0.9:") {
		t.Errorf("got %s %s from %s", r.Outcome, r.Detail, from)
	}
}

func TestCanceled(t *testing.T) {
	asked := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { close(asked); <-r.Context().Done() }))
	defer s.Close()
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-asked; cancel() }()
	n, err := wire.New(wire.Options{AllowPrivate: true})
	if err != nil {
		t.Fatal(err)
	}
	f, err := enclosure.New(n, probes.Target{})
	if err != nil {
		t.Fatal(err)
	}
	r := probes.Do(ctx, f, probes.Target{Kind: "enclosure", URL: s.URL})
	if r.Outcome != probes.Unknown || r.Code != probes.Canceled {
		t.Errorf("got %s %s", r.Outcome, r.Code)
	}
}

func TestOptions(t *testing.T) {
	for _, o := range []probes.Options{
		{"bytes": 2},
		{"max_bytes": -1},
		{"full": "yes"},
		{"ful": true},
		{"ip": 5},
		{"addresses": "some"},
		{"integrity": "sha256-"},
		{"integrity": sri(sha256.Sum256(audio))},
		{"integrity": "md5-AAAA", "full": true},
	} {
		if _, err := enclosure.New(nil, probes.Target{Options: o}); err == nil {
			t.Errorf("%v was taken", o)
		}
	}
}

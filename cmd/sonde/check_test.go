package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/sonde-media/sonde/probes"
)

func TestKindByContent(t *testing.T) {
	for _, c := range []struct{ name, mediaType, body, want string }{
		{"rss served as html", "text/html", "\ufeff<?xml version='1.0'?>\n<!-- x --><rss version='2.0'>", "feed"},
		{"atom", "text/xml", "<feed xmlns='http://www.w3.org/2005/Atom'>", "feed"},
		{"rss 1.0 in capitals", "text/xml", "<?xml version='1.0'?><rdf:RDF xmlns='http://purl.org/rss/1.0/'>", "feed"},
		{"a feed's type and a late root", "application/rss+xml; charset=utf-8", "<?xml version='1.0'?>", "feed"},
		{"a feed in JSON", "application/feed+json", `{"version":"https://jsonfeed.org/version/1"}`, "feed"},
		{"a page about feeds", "text/html", "<!doctype html><html><p><rss version='2.0'>", "page"},
		{"mp3 by its tag", "application/octet-stream", "ID3\x04\x00", "enclosure"},
		{"mp3 by its type", "audio/mpeg", "\xff\xfb\x90\x64", "enclosure"},
		{"an error page as audio", "audio/mpeg", "<html><p>gone", "page"},
		{"nothing to go by", "", "", "page"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := kindByContent(c.mediaType, []byte(c.body)); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

func TestKindByPath(t *testing.T) {
	for url, want := range map[string]string{
		"https://a.example/show.xml?x=.mp3": "feed",
		"https://a.example/feed/":           "feed",
		"https://a.example/1.MP3?token=x":   "enclosure",
		"https://a.example/":                "page",
	} {
		if got := kindByPath(url); got != want {
			t.Errorf("%s: got %s, want %s", url, got, want)
		}
	}
}

// What is served at a file of sound, be it HTML, is judged as one.
func TestKindByExtension(t *testing.T) {
	for url, want := range map[string]string{
		"https://a.example/1.mp3":  "enclosure",
		"https://a.example/s.rss/": "feed",
		"https://a.example/feed":   "",
		"https://a.example/1.html": "",
		"://":                      "",
	} {
		if got := kindByExtension(url); got != want {
			t.Errorf("%s: got %q, want %q", url, got, want)
		}
	}
}

// A Retry-After that the look at a URL was answered doesn't keep the run away,
// which says what listeners meet.
func TestCheckOfThrottled(t *testing.T) {
	for status, want := range map[int]string{429: "http_throttled", 503: "http_status"} {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "20")
			w.WriteHeader(status)
		}))
		t.Cleanup(srv.Close)
		var out bytes.Buffer
		run(t.Context(), []string{"check", "--json", "--allow-private", srv.URL + "/listen"}, &out, io.Discard)
		if code := `"code":"` + want + `"`; !strings.Contains(out.String(), code) {
			t.Errorf("%d: want %s in %s", status, code, out.String())
		}
	}
}

func TestTextFitsColumns(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"short", "short"},
		{"https://a.example/path/file.mp3 → 200", "https://a.ex… → 200"},
		{"日本語のとても長い題名です", "日本語のとて…名です"},
	} {
		if got := fit(c.in, 19); got != c.want || textWidth(got) > 19 {
			t.Errorf("got %q, %d columns, want %q", got, textWidth(got), c.want)
		}
	}
}

// The exit status is a contract: 1 outweighs 3, and degraded is no failure.
func TestTallied(t *testing.T) {
	for _, c := range []struct {
		outcomes []probes.Outcome
		want     int
	}{
		{[]probes.Outcome{probes.OK, probes.Degraded}, exitOK},
		{[]probes.Outcome{probes.Unknown, probes.Failed}, exitFailed},
		{[]probes.Outcome{probes.OK, probes.Unknown}, exitUnknown},
	} {
		tally := map[probes.Outcome]int{}
		for _, o := range c.outcomes {
			tally[o]++
		}
		if got := report(&bytes.Buffer{}, "", tallied(tally)); got != c.want {
			t.Errorf("%v: got %d, want %d", c.outcomes, got, c.want)
		}
	}
}

// Several URLs are probed at once and printed in the order asked for, and
// what ran has ended when check returns.
func TestCheckPrintsInOrder(t *testing.T) {
	defer goleak.VerifyNone(t)
	firstAsked := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/0" {
			<-firstAsked
		} else if r.URL.Path == "/1" {
			close(firstAsked)
		}
		w.Header().Set("Content-Type", "text/html")
		w.Write([]byte("<!doctype html><title>x</title><p>Hello"))
	}))
	defer server.Close()
	args := []string{"check", "--allow-private", "--kind", "page", "--json"}
	for _, path := range []string{"/0", "/1", "/2"} {
		args = append(args, server.URL+path)
	}
	var stdout, stderr bytes.Buffer
	if got := run(t.Context(), args, &stdout, &stderr); got != exitOK || stderr.Len() > 0 {
		t.Fatalf("exit status %d, want 0; %s", got, &stderr)
	}
	lines := strings.Split(strings.TrimSpace(stdout.String()), "\n")
	for i, line := range lines {
		if want := string(rune('0' + i)); !strings.HasPrefix(line, `{"target":"`+strings.TrimPrefix(server.URL, "http://")+"/"+want+`"`) {
			t.Errorf("line %d: %.80s", i, line)
		}
	}
	if len(lines) != 3 {
		t.Errorf("got %d lines, want 3", len(lines))
	}
}

// A canceled check tells that it doesn't know, and leaves nothing running.
func TestCheckCanceled(t *testing.T) {
	defer goleak.VerifyNone(t)
	ctx, cancel := context.WithCancel(t.Context())
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		cancel()
		<-r.Context().Done()
	}))
	defer server.Close()
	var stdout, stderr bytes.Buffer
	got := run(ctx, []string{"check", "--allow-private", "--kind", "page", server.URL}, &stdout, &stderr)
	if got != exitUnknown || !strings.Contains(stdout.String(), "? unknown") {
		t.Errorf("exit status %d, want 3; %s%s", got, &stdout, &stderr)
	}
}

// Runs go to the receiver before check ends, and the spool leaves no trace.
func TestCheckSends(t *testing.T) {
	defer goleak.VerifyNone(t)
	t.Setenv("TMPDIR", t.TempDir())
	posts := make(chan string, 8)
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { posts <- r.URL.Path }))
	defer receiver.Close()
	args := []string{"check", "--kind", "page", "--otlp", receiver.URL, "http://127.0.0.1:1/"}
	var stdout, stderr bytes.Buffer
	if got := run(t.Context(), args, &stdout, &stderr); got != exitFailed || stderr.Len() > 0 {
		t.Fatalf("exit status %d, want 1; %s", got, &stderr)
	}
	close(posts)
	sent := map[string]bool{}
	for path := range posts {
		sent[path] = true
	}
	if !sent["/v1/traces"] {
		t.Errorf("got posts to %v, want /v1/traces", sent)
	}
	if left, _ := filepath.Glob(filepath.Join(os.Getenv("TMPDIR"), "*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// Errors of net/url quote what they stumbled on, which may be a password.
func TestBadURLsTellNoPassword(t *testing.T) {
	for _, arg := range []string{"http://me:hush/x@h.example/", "http://me:%zzhush@h.example/", "http://h.example:x/?hush", "me:hush@h.example", "ftp://me:hush@h.example"} {
		if err := checkURL(arg); err == nil || strings.Contains(err.Error(), "hush") {
			t.Errorf("%s: got %v", arg, err)
		}
	}
}

package wire

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sonde-media/sonde/probes"
)

var askedAt = time.Date(2026, 11, 3, 12, 0, 0, 0, time.UTC)

func TestRetryAfter(t *testing.T) {
	for _, c := range []struct {
		value, date string
		want        time.Duration
		ok          bool
	}{
		{"", "", 0, false},
		{"120", "", 2 * time.Minute, true},
		{" 0 ", "", 0, true},
		{"99999999999999999999", "", maxRetryAfter, true},
		{"-1", "", 0, false},
		{"1.5", "", 0, false},
		{"soon", "", 0, false},
		{"Tue, 03 Nov 2026 12:01:00 GMT", "", time.Minute, true},
		{"Tue, 03 Nov 2026 11:00:00 GMT", "", 0, true},
		{"Tue, 03 Nov 2026 12:01:00 GMT", "Tue, 03 Nov 2026 12:00:50 GMT", 10 * time.Second, true}, // the server's clock
		{"Tue, 03 Nov 2099 12:01:00 GMT", "", maxRetryAfter, true},
	} {
		h := http.Header{"Retry-After": {c.value}, "Date": {c.date}}
		if got, ok := retryAfter(h, askedAt); got != c.want || ok != c.ok {
			t.Errorf("%q at %q: got %v, %v, want %v", c.value, c.date, got, ok, c.want)
		}
	}
}

func TestRoles(t *testing.T) {
	for _, c := range []struct{ url, next, cdn, want string }{
		{"https://dts.podtrac.com/redirect.mp3/op3.dev/e/h.example/1.mp3", "https://op3.dev/e/h.example/1.mp3", "", "prefix Podtrac"},
		{"https://op3.dev/e/dts.podtrac.com/redirect.mp3/h.example/1.mp3", "https://dts.podtrac.com/", "", "prefix OP3"}, // the one asked, not the one chained
		{"https://h.example/op3.dev/e/1.mp3", "https://h.example/", "", "unknown "},
		{"https://h.example/1.mp3?from=op3.dev/e", "https://h.example/", "", "unknown "},
		{"https://notop3.dev/e/1.mp3", "https://h.example/", "", "unknown "},
		{"https://arttrk.com/p/X/h.example/1.mp3", "https://h.example/1.mp3", "", "prefix ArtsAI"},
		{"https://arttrk.com/privacy", "https://h.example/", "", "unknown "}, // a path is matched by whole parts
		{"https://2.gum.fm/h.example/1.mp3", "https://h.example/1.mp3", "", "prefix Gumshoe"},
		{"https://traffic.megaphone.fm/X.mp3", "https://dcs.megaphone.fm/X.mp3?key=1", "", "ad_insertion Megaphone"},
		{"https://h.example/1.mp3", "https://stitcher.simplecastaudio.com/1.mp3?listeningSessionID=0CD", "", "ad_insertion "},
		{"https://h.example/1.mp3", "https://c.example/1.mp3?listeningSessionID=0CD", "", "unknown "},
		{"https://h.example/1.mp3", "", "cloudfront", "cdn "},
		{"https://dcs.megaphone.fm/X.mp3", "", "", "ad_insertion Megaphone"},
		{"https://dcs.megaphone.fm/X.mp3", "", "fastly", "cdn Megaphone"},
		{"https://h.example/1.mp3", "", "varnish", "origin "},
		{"https://op3.dev/", "", "", "origin OP3"},
	} {
		s := probes.NewStep("hop")
		u, err := parse(c.url)
		if err != nil {
			t.Fatal(err)
		}
		noteRole(s, u)
		if c.next != "" {
			next, err := parse(c.next)
			if err != nil {
				t.Fatal(err)
			}
			noteRedirectRole(s, next)
		} else {
			s.Set(probes.AttrCDNName, c.cdn)
			noteLastRole(s)
		}
		if got := s.Text(probes.AttrHopRole) + " " + s.Text(probes.AttrHopService); got != c.want {
			t.Errorf("%s: got %q, want %q", c.url, got, c.want)
		}
	}
}

// Every line of the lists is a comment, empty, or a pattern, a tab and a name.
func TestListsOfServices(t *testing.T) {
	for name, text := range map[string]string{"prefixes": prefixText, "hosts": hostText} {
		seen := map[string]bool{}
		for line := range strings.Lines(text) {
			line = strings.TrimSuffix(line, "\n")
			if line == "" || strings.HasPrefix(line, "#") {
				continue
			}
			pattern, who, ok := strings.Cut(line, "\t")
			u, err := url.Parse("https://" + strings.TrimPrefix(pattern, "."))
			if !ok || who == "" || strings.Contains(who, "\t") || err != nil || u.Host != strings.ToLower(u.Host) || strings.HasSuffix(u.Path, "/") || !strings.Contains(u.Host, ".") {
				t.Errorf("%s: %q", name, line)
			}
			if seen[pattern] {
				t.Errorf("%s: %s stands twice", name, pattern)
			}
			seen[pattern] = true
		}
		if len(seen) < 30 {
			t.Errorf("%s: %d patterns", name, len(seen))
		}
	}
}

func TestGivingUp(t *testing.T) {
	for redirects, want := range map[int]string{
		0: "", 4: "",
		5:  "Android's DownloadManager gives up (at most 4 redirects are advised)",
		6:  "Android's DownloadManager, Dart's http package, Kodi and MPD give up (at most 4 redirects are advised)",
		10: "Android's DownloadManager, Dart's http package, Kodi, MPD, FFmpeg and Go's net/http give up (at most 4 redirects are advised)",
	} {
		if got := givingUp(redirects); got != want {
			t.Errorf("%d: got %q, want %q", redirects, got, want)
		}
	}
	for i := 1; i < len(clients); i++ {
		if clients[i-1].follows > clients[i].follows {
			t.Errorf("%s stands after %s", clients[i].name, clients[i-1].name)
		}
	}
}

// A dripping body gives a byte whenever its time has come.
type dripping struct {
	left  int
	chunk int
	every time.Duration
}

func (d *dripping) Read(p []byte) (int, error) {
	if d.left <= 0 {
		return 0, io.EOF
	}
	time.Sleep(d.every)
	n := min(d.chunk, d.left, len(p))
	d.left -= n
	return n, nil
}

func (d *dripping) Close() error { return nil }

func TestSlowBodies(t *testing.T) {
	for _, c := range []struct {
		name       string
		body       dripping
		slow       bool
		throughput int64
	}{
		{"as fast as one listens", dripping{160 << 10, 16 << 10, time.Second}, false, 16 << 10},
		{"slower", dripping{80 << 10, 8 << 10, time.Second}, true, 8 << 10},
		{"slow, but soon over", dripping{16 << 10, 4 << 10, time.Second}, false, 4 << 10},
		{"too little to tell", dripping{100, 10, time.Second}, true, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			hop := probes.NewStep("hop")
			res := &http.Response{StatusCode: 200, Header: http.Header{}, ContentLength: -1, Body: &c.body, Request: &http.Request{URL: &url.URL{Host: "h.example"}}}
			out := &Response{begin: time.Now()}
			if err := drain(t.Context(), hop, res, Request{Keep: 1 << 20}, out); err != nil {
				t.Fatal(err)
			}
			s := hop.Steps[0]
			throughput, _ := s.Attrs[probes.AttrThroughput].(int64)
			if found := fmt.Sprint(s.Findings); strings.Contains(found, "body_slow") != c.slow || throughput != c.throughput {
				t.Errorf("%s: got %d bytes a second, %s", c.name, throughput, found)
			}
		})
	}
}

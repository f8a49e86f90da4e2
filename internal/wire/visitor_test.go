package wire_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sonde-media/sonde/internal/wire"
	"github.com/sonde-media/sonde/internal/wire/wiretest"
	"github.com/sonde-media/sonde/probes"
	"github.com/sonde-media/sonde/probes/enclosure"
	"github.com/sonde-media/sonde/probes/feed"
)

// agents are the agent strings that a prober sends by default.
var agents = []string{
	wire.DefaultUserAgent,
	wire.UserAgent("https://pod.example/our-prober"),
	wire.UserAgent("mailto:ops@pod.example"),
}

// lookahead is what Go's regular expressions don't have. A pattern without it
// matches more, never less.
var lookahead = regexp.MustCompile(`\(\?[!=](?:[^()]|\([^()]*\))*\)`)

func matches(t *testing.T, pattern, agent string) bool {
	t.Helper()
	re, err := regexp.Compile(pattern)
	if err != nil {
		re, err = regexp.Compile(lookahead.ReplaceAllString(pattern, ""))
	}
	if err != nil {
		t.Errorf("pattern %q: %v", pattern, err)
		return false
	}
	return re.MatchString(agent)
}

// The list that podcast hosts count by takes us for a bot, or doesn't know us;
// never for an app, a library or a browser.
func TestAgentsAreListedAsBots(t *testing.T) {
	dir := wiretest.Corpus(t, "lists")
	for _, agent := range agents {
		if kind, name := listed(t, dir, agent); kind != "" && kind != "bots" {
			t.Errorf("%s is taken for %s, of the %s", agent, name, kind)
		}
	}
	if kind, _ := listed(t, dir, "Overcast/3.0 (+http://overcast.fm/; iOS podcast app)"); kind != "apps" {
		t.Errorf("an app is taken for one of the %s", kind)
	}
}

func listed(t *testing.T, dir, agent string) (kind, name string) {
	t.Helper()
	for _, kind := range []string{"bots", "apps", "libraries", "browsers"} {
		var list struct {
			Entries []struct{ Name, Pattern string }
		}
		file := filepath.Join(dir, "opawg__user-agents-v2__src_"+kind+".json")
		if err := json.Unmarshal(wiretest.Read(t, file), &list); err != nil || len(list.Entries) == 0 {
			t.Fatalf("%s: %d entries, %v", file, len(list.Entries), err)
		}
		for _, e := range list.Entries {
			if matches(t, e.Pattern, agent) {
				return kind, e.Name
			}
		}
	}
	return "", ""
}

// So does the list before it.
func TestAgentsAreBotsInTheOldList(t *testing.T) {
	var list []struct {
		Patterns []string `json:"user_agents"`
		App      string
		Bot      bool
	}
	file := filepath.Join(wiretest.Corpus(t, "lists"), "opawg__user-agents__src_user-agents.json")
	if err := json.Unmarshal(wiretest.Read(t, file), &list); err != nil || len(list) == 0 {
		t.Fatalf("%d entries, %v", len(list), err)
	}
	for _, agent := range agents {
		for _, e := range list {
			for _, p := range e.Patterns {
				if !e.Bot && matches(t, p, agent) {
					t.Errorf("%s is taken for %s by %q", agent, e.App, p)
				}
			}
		}
	}
}

// minute is how much of a file makes a download: a minute at 128 kbit/s.
const minute = 128_000 / 8 * 60

var (
	span    = regexp.MustCompile(`^bytes=(\d+)-(\d+)$`)
	botName = regexp.MustCompile(`(?i)bot|crawler|spider`)
)

// asked is the number of bytes that r may get of a file, all of it where it
// doesn't ask for a range.
func asked(r *http.Request) int64 {
	m := span.FindStringSubmatch(r.Header.Get("Range"))
	if m == nil {
		return 1 << 40
	}
	var first, last int64
	fmt.Sscan(m[1], &first)
	fmt.Sscan(m[2], &last)
	return last - first + 1
}

// counts is OP3's rule for a request that comes through its prefix, from an
// agent in no list.
func counts(r *http.Request) bool {
	agent := r.Header.Get("User-Agent")
	switch {
	case r.Method != http.MethodGet:
		return false
	case r.Header.Get("Range") != "bytes=0-1" && asked(r) <= 2:
		return false
	}
	return agent != "" && !strings.HasPrefix(agent, "Go-http-client") && !botName.MatchString(agent)
}

func TestCounts(t *testing.T) {
	for _, c := range []struct {
		method, span, agent string
		want                bool
	}{
		{"GET", "", "Player/1.0", true},
		{"GET", "bytes=0-1", "Player/1.0", true},
		{"GET", "bytes=0-0", "Player/1.0", false},
		{"GET", "bytes=5-6", "Player/1.0", false},
		{"GET", "bytes=0-", "Player/1.0", true},
		{"HEAD", "", "Player/1.0", false},
		{"GET", "", "PlayerBot/1.0", false},
		{"GET", "", "", false},
		{"GET", "", "Go-http-client/2.0", false},
	} {
		r := &http.Request{Method: c.method, Header: http.Header{"Range": {c.span}, "User-Agent": {c.agent}}}
		if got := counts(r); got != c.want {
			t.Errorf("%+v: got %v", c, got)
		}
	}
}

// A house serves one show and keeps what it was asked for.
type house struct {
	audio []byte

	mu   sync.Mutex // guards seen
	seen []*http.Request
}

func (h *house) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	h.seen = append(h.seen, r)
	h.mu.Unlock()
	switch r.URL.Path {
	case "/show.xml":
		fmt.Fprintf(w, `<rss version="2.0"><channel><title>A show</title><item><title>One</title><guid>1</guid>
<enclosure url="http://%s/prefix/audio.mp3" length="%d" type="audio/mpeg"/></item></channel></rss>`, r.Host, len(h.audio))
	case "/prefix/audio.mp3":
		http.Redirect(w, r, "/audio.mp3", http.StatusFound)
	default:
		w.Header().Set("Content-Type", "audio/mpeg")
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(h.audio))
	}
}

// None of our requests counts as a listener's: not by who asks, and were that
// not looked at, not by how much of a file is asked for.
func TestNoRequestCountsAsAListener(t *testing.T) {
	frame := append([]byte{0xff, 0xfb, 0x90, 0xc4}, make([]byte, 413)...) // 128 kbit/s, 44.1 kHz, mono, silent
	audio := bytes.Repeat(frame, 20_000)
	for _, agent := range []wire.Options{{}, {Contact: "https://pod.example/our-prober"}} {
		h := &house{audio: audio}
		s := httptest.NewServer(h)
		agent.AllowPrivate = true
		n := newNet(t, agent)
		for _, c := range []struct {
			path string
			new  func(*wire.Net, probes.Target) (probes.Func, error)
		}{
			{"/prefix/audio.mp3", enclosure.New},
			{"/show.xml", feed.New},
		} {
			h.seen = nil
			target := probes.Target{URL: s.URL + c.path, Timeout: 20 * time.Second}
			f, err := c.new(n, target)
			if err != nil {
				t.Fatal(err)
			}
			if r := probes.Do(context.Background(), f, target); r.Code != "" {
				t.Errorf("%s: got %s: %s", c.path, r.Code, r.Detail)
			}
			checkVisit(t, h.seen)
		}
		s.Close()
	}
}

// checkVisit holds the requests of one run against what counts.
func checkVisit(t *testing.T, requests []*http.Request) {
	t.Helper()
	heard := map[string]int64{} // bytes asked for, by path
	for _, r := range requests {
		if counts(r) {
			t.Errorf("%s %s %q by %q counts", r.Method, r.URL.Path, r.Header.Get("Range"), r.UserAgent())
		}
		if r.Header.Get("Range") == "bytes=0-1" {
			t.Errorf("%s: bytes=0-1 was asked for", r.URL.Path)
		}
		if r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, ".mp3") {
			heard[r.URL.Path] += asked(r)
		}
	}
	for path, n := range heard {
		if n >= minute {
			t.Errorf("%s: %d bytes are a minute", path, n)
		}
	}
	if heard["/audio.mp3"] == 0 {
		t.Error("nothing was asked for")
	}
}

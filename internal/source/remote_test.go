package source

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// A fakeHub serves what it is given, and notes what it is asked.
type fakeHub struct {
	*httptest.Server
	mu     sync.Mutex // guards what follows
	body   string
	status int // 0: 200
	head   http.Header
	asked  []http.Header
	same   int // answers that nothing changed
}

func serve(t *testing.T, body string) *fakeHub {
	h := &fakeHub{body: body, head: http.Header{}}
	h.Server = httptest.NewServer(h)
	t.Cleanup(h.Close)
	return h
}

func (h *fakeHub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.asked = append(h.asked, r.Header.Clone())
	etag := fmt.Sprintf("%q", fmt.Sprintf("%x", sha256.Sum256([]byte(h.body))))
	for name, values := range h.head {
		w.Header()[name] = values
	}
	switch {
	case h.status != 0:
		w.WriteHeader(h.status)
		io.WriteString(w, h.body)
	case r.Header.Get("If-None-Match") == etag:
		h.same++
		w.WriteHeader(http.StatusNotModified)
	default:
		w.Header().Set("ETag", etag)
		io.WriteString(w, h.body)
	}
}

func (h *fakeHub) set(status int, body string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.status, h.body = status, body
}

func (h *fakeHub) url() string { return h.URL + ConfigPath }

// unchanged returns when the hub was asked n times more for what hadn't changed.
func (h *fakeHub) unchanged(n int) {
	for begin := -1; ; time.Sleep(time.Millisecond) {
		h.mu.Lock()
		same := h.same
		h.mu.Unlock()
		if begin < 0 {
			begin = same
		}
		if same >= begin+n {
			return
		}
	}
}

func TestURLChanges(t *testing.T) {
	h := serve(t, "# 1\n"+one)
	h.head.Set("Sonde-Region", "eu-west")
	h.head.Set("Sonde-Time", time.Now().Add(time.Hour).Format(time.RFC3339Nano))
	w := watch(t, h.url(), Options{Token: "secret", Dir: t.TempDir()}, nil)
	v := w.want(t, 1)
	if v.Region != "eu-west" || v.Ahead > -50*time.Minute || v.Ahead < -70*time.Minute {
		t.Errorf("region %q, clock ahead %v", v.Region, v.Ahead)
	}
	h.unchanged(3)
	w.look <- os.Interrupt
	w.want(t, 1) // who asks gets it, though it is the same
	h.set(0, "# 2\n"+two)
	w.want(t, 2)
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, head := range h.asked {
		if got := head.Get("Authorization"); got != "Bearer secret" {
			t.Errorf("shown %q", got)
		}
	}
}

// A bad version is refused with all its errors, once, and isn't fetched again.
func TestBadURLIsRefusedOnce(t *testing.T) {
	h := serve(t, "# 1\n"+one)
	w := watch(t, h.url(), Options{Dir: t.TempDir()}, nil)
	w.want(t, 1)
	h.set(0, "# 2\n"+broken)
	w.waitFor(t, ConfigPath+":2:11: ", 1)
	h.unchanged(3)
	if n := w.count(ConfigPath + ":2:11: "); n != 1 || w.count(ConfigPath+":3:1: ") != 1 {
		t.Errorf("logged %d times", n)
	}
	h.set(0, "# 3\n"+two)
	w.want(t, 2)
}

// What the agent can't use, as its region is gone, doesn't replace what runs,
// nor what is kept for the next start.
func TestRefusedVersionIsNotKept(t *testing.T) {
	dir := t.TempDir()
	h := serve(t, "# 1\n"+one)
	refuse := func(v *Version) error {
		if len(v.Config.Targets) == 2 {
			return errors.New("no such region")
		}
		return nil
	}
	w := watch(t, h.url(), Options{Dir: dir}, refuse)
	w.want(t, 1)
	h.set(0, "# 2\n"+two)
	w.waitFor(t, "no such region", 1)
	h.unchanged(3)
	if n := w.count("no such region"); n != 1 {
		t.Errorf("logged %d times", n)
	}
	again := watch(t, h.url(), Options{Dir: dir}, refuse)
	again.want(t, 1)
	again.waitFor(t, "running the configuration kept from before", 1)
}

// The hub is away, and still the agent starts with what it ran last, which a
// damaged file and one of another hub can't be.
func TestStartWithoutHub(t *testing.T) {
	dir := t.TempDir()
	h := serve(t, one)
	h.head.Set("Sonde-Region", "eu-west")
	watch(t, h.url(), Options{Dir: dir}, nil).want(t, 1)
	kept := filepath.Join(dir, "config.yaml")
	text := waitForFile(t, kept)
	if info, err := os.Stat(kept); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v: others can read it", info.Mode(), err)
	}
	h.Close()
	w := watch(t, h.url(), Options{Dir: dir}, nil)
	if v := w.want(t, 1); v.Region != "eu-west" {
		t.Errorf("region %q", v.Region)
	}
	w.waitFor(t, "can't be reached", 1)
	w.waitFor(t, "running the configuration kept from before", 1)
	if w.count("nothing is probed") > 0 {
		t.Error("it is said that nothing is probed")
	}

	for name, damage := range map[string]func(string) string{
		"cut off":        func(s string) string { return s[:len(s)-2] },
		"changed":        func(s string) string { return strings.Replace(s, "a.example", "b.example", 1) },
		"of another hub": func(s string) string { return strings.Replace(s, "# url: http", "# url: https", 1) },
		"empty":          func(string) string { return "" },
		"something else": func(string) string { return strings.Repeat("x", 1<<20) },
	} {
		t.Run(name, func(t *testing.T) {
			write(t, kept, damage(text))
			s, err := New(h.url(), Options{Dir: dir})
			if err != nil {
				t.Fatal(err)
			}
			if v := s.recall(); v != nil {
				t.Errorf("taken: %+v", v)
			}
		})
	}
}

// What was kept couldn't run while the hub was away, for want of something of
// this machine's. The hub says that nothing is newer, and then it can.
func TestKeptIsOfferedAgain(t *testing.T) {
	dir := t.TempDir()
	h := serve(t, one)
	watch(t, h.url(), Options{Dir: dir}, nil).want(t, 1)
	waitForFile(t, filepath.Join(dir, "config.yaml"))
	h.set(http.StatusServiceUnavailable, one)
	var mended atomic.Bool
	w := watch(t, h.url(), Options{Dir: dir}, func(*Version) error {
		if !mended.Load() {
			return errors.New("roots.pem: no such file")
		}
		return nil
	})
	w.waitFor(t, "roots.pem: no such file", 1)
	mended.Store(true)
	h.set(0, one)
	w.want(t, 1)
}

func waitForFile(t *testing.T, path string) string {
	for t.Context().Err() == nil {
		if text, err := os.ReadFile(path); err == nil {
			return string(text)
		}
		time.Sleep(time.Millisecond)
	}
	t.Fatal("no file")
	return ""
}

// A first start waits for the hub, and says so.
func TestFirstStartWaits(t *testing.T) {
	h := serve(t, `{"error":"this hub has no configuration"}`)
	h.set(http.StatusNotFound, `{"error":"this hub has no configuration"}`)
	w := watch(t, h.url(), Options{Dir: t.TempDir()}, nil)
	w.waitFor(t, "this hub has no configuration", 1)
	w.waitFor(t, "nothing is probed until there is one", 1)
	h.set(http.StatusServiceUnavailable, "down")
	w.waitFor(t, "503", 1)
	h.set(0, broken)
	w.waitFor(t, ConfigPath+":1:11: ", 1)
	h.set(0, one)
	w.want(t, 1)
}

// A start with a kept version asks only for what is newer.
func TestStartAsksForWhatIsNewer(t *testing.T) {
	dir := t.TempDir()
	h := serve(t, one)
	watch(t, h.url(), Options{Dir: dir}, nil).want(t, 1)
	waitForFile(t, filepath.Join(dir, "config.yaml"))
	s, err := New(h.url(), Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	h.mu.Lock()
	before := h.same
	h.mu.Unlock()
	var got *Version
	if err := s.First(t.Context(), func(v *Version) error { got = v; return nil }); err != nil || got == nil {
		t.Fatalf("got %v, %v", got, err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.same <= before {
		t.Error("what is known was fetched again")
	}
}

func TestOnceSaysWhatToDo(t *testing.T) {
	plain := serve(t, one)
	secure := httptest.NewTLSServer(http.NotFoundHandler())
	defer secure.Close()
	gone := httptest.NewServer(nil)
	gone.Close()
	other := serve(t, one)
	at := func(status int, body string, head ...string) string {
		h := serve(t, "")
		h.set(status, body)
		if len(head) == 2 {
			h.head.Set(head[0], head[1])
		}
		return h.url()
	}
	for name, c := range map[string]struct{ url, token, want string }{
		"no token":          {at(401, "{}"), "", "asks for a token: make one by `sonde hub token create"},
		"a wrong token":     {at(401, "{}"), "x", "doesn't know this token"},
		"not for this":      {at(403, `{"error":"a viewer's token"}`), "x", "a viewer's token"},
		"no configuration":  {at(404, `{"error":"start it with --config"}`), "", "start it with --config"},
		"no hub":            {at(404, "<html>"), "", "is it a hub's address?"},
		"busy":              {at(503, ""), "", "503 Service Unavailable"},
		"away":              {gone.URL, "", "can't be reached"},
		"https, not http":   {strings.Replace(secure.URL, "https", "http", 1), "", "speaks https: write https://"},
		"http, not https":   {strings.Replace(plain.URL, "http", "https", 1), "", "speaks http and not https"},
		"unknown authority": {secure.URL, "", "--ca-file"},
		"another host":      {at(302, "", "Location", other.url()), "x", "give " + other.URL + " itself"},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := New(c.url, Options{Token: c.token})
			if err != nil {
				t.Fatal(err)
			}
			if v, err := s.Once(t.Context()); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, %v, want %q", v, err, c.want)
			}
		})
	}
	other.mu.Lock()
	defer other.mu.Unlock()
	if len(other.asked) > 0 {
		t.Errorf("a redirect was followed to another host with %v", other.asked)
	}
}

func TestAnswersAreBounded(t *testing.T) {
	endless := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for line := []byte("# " + strings.Repeat("x", 1<<20) + "\n"); ; {
			if _, err := w.Write(line); err != nil {
				return
			}
		}
	}))
	defer endless.Close()
	s, err := New(endless.URL, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Once(t.Context()); err == nil || !strings.Contains(err.Error(), "larger than") {
		t.Errorf("got %v", err)
	}
}

func TestPause(t *testing.T) {
	r, err := newRemote("http://127.0.0.1/", Options{})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		vain     int
		failed   error
		after    time.Duration
		min, max time.Duration
	}{
		"answered":      {0, nil, 0, 22 * time.Second, 38 * time.Second},
		"away":          {1, away{io.EOF}, 0, 700 * time.Millisecond, 1300 * time.Millisecond},
		"away for long": {80, away{io.EOF}, 0, 22 * time.Second, 38 * time.Second},
		"refused":       {0, &Refusal{Status: 401}, 0, 45 * time.Second, 75 * time.Second},
		"asked to wait": {1, &Refusal{Status: 503}, time.Minute, time.Minute, time.Minute},
	} {
		r.vain, r.failed, r.after = c.vain, c.failed, c.after
		if got := r.pause(); got < c.min || got > c.max {
			t.Errorf("%s: %v", name, got)
		}
	}
	for text, want := range map[string]time.Duration{
		"7": 7 * time.Second, "-1": 0, "99999999999": mostAfter, "": 0, "soon": 0,
		"Thu, 01 Jan 1970 00:00:00 GMT": 0, "Fri, 31 Dec 9999 23:59:59 GMT": mostAfter,
	} {
		if got := retryAfter(&http.Response{Header: http.Header{"Retry-After": {text}}}); got != want {
			t.Errorf("Retry-After %q: got %v, want %v", text, got, want)
		}
	}
}

func TestNames(t *testing.T) {
	r, err := newRemote("https://user:secret@hub.example/c?key=secret", Options{})
	if err != nil || r.String() != "https://hub.example/c" {
		t.Errorf("got %v, %v", r, err)
	}
	if _, err := New("https://", Options{}); err == nil {
		t.Error("a URL without a host is taken")
	}
}

func TestJoined(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new")
	if j, err := ReadJoined(dir); j != nil || err != nil {
		t.Errorf("got %v, %v of nothing", j, err)
	}
	j := &Joined{Hub: "https://hub.example", Region: "eu-west", Token: "secret"}
	if err := j.Save(dir); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, JoinedFile)
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v: others can read the token", info.Mode(), err)
	}
	if got, err := ReadJoined(dir); err != nil || got.Hub != j.Hub || got.Token != j.Token || got.Region != j.Region {
		t.Errorf("got %v, %v", got, err)
	}
	left, err := filepath.Glob(filepath.Join(dir, "*.tmp"))
	if err != nil || len(left) > 0 {
		t.Errorf("left over: %v", left)
	}
	for _, text := range []string{"", "{}", "[]", `{"hub":"x","region":"y"}`, `{"hub":"https://h","region":"y","other":1}`} {
		write(t, path, text)
		if got, err := ReadJoined(dir); err == nil {
			t.Errorf("%q: got %+v", text, got)
		}
	}
}

// Stopped while it waits for the hub it ends at once.
func TestFirstEndsWithItsContext(t *testing.T) {
	gone := httptest.NewServer(nil)
	gone.Close()
	s, err := New(gone.URL, Options{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.First(ctx, func(*Version) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

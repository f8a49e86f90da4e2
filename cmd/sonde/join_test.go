package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/spf13/pflag"
	"go.uber.org/goleak"

	"github.com/sonde-media/sonde/internal/dirlock"
	"github.com/sonde-media/sonde/internal/hub"
	"github.com/sonde-media/sonde/internal/source"
)

// A testHub is a hub on loopback that serves a configuration, until it is
// stopped.
type testHub struct {
	url, dir, file string
	stop           func()
}

// startHub runs a hub that asks for tokens and serves the configuration yaml.
func startHub(t *testing.T, yaml string) *testHub {
	t.Helper()
	h := &testHub{dir: t.TempDir(), file: filepath.Join(t.TempDir(), "sonde.yaml")}
	writeFile(t, h.file, yaml)
	cfg, err := hub.OpenConfig(h.file, nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	addr := make(chan string, 1)
	var wg sync.WaitGroup
	wg.Go(func() {
		o := hubOptions{listen: "127.0.0.1:0", data: h.dir, token: "admin", config: cfg}
		if err := serveHub(ctx, o, func(a string) { addr <- a }); err != nil {
			t.Error(err)
		}
	})
	h.stop = func() { cancel(); wg.Wait() }
	t.Cleanup(h.stop)
	h.url = "http://" + <-addr
	return h
}

// token is one that the hub issued to agents in region.
func (h *testHub) token(t *testing.T, region string) string {
	t.Helper()
	text, err := issueToken(h.dir, hub.RoleAgent, region)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// startPage serves a page that is in order.
func startPage(t *testing.T) string { return startPageThat(t, func(*http.Request) {}) }

// startPageThat has see look at every request.
func startPageThat(t *testing.T, see func(*http.Request)) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		see(r)
		w.Header().Set("Content-Type", "text/html")
		io.WriteString(w, "<!doctype html><title>x</title><p>Hello")
	}))
	t.Cleanup(s.Close)
	return s.URL
}

func regionsYAML(targets ...string) string {
	yaml := "allow_private: true\nregions: {eu-west: {}, us-east: {}}\ntargets:\n"
	for i, url := range targets {
		yaml += "  - {page: " + url + ", name: t" + string('0'+rune(i)) + ", interval: 1s, timeout: 1s}\n"
	}
	return yaml
}

// A started command runs in the background until the test ends.
type started struct {
	out   *urlFinder
	stop  func() int // ends it and returns its exit status
	ended chan int
}

func start(t *testing.T, args ...string) *started {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	s := &started{out: &urlFinder{found: make(chan string, 1)}, ended: make(chan int, 1)}
	go func() { s.ended <- run(ctx, args, s.out, s.out) }()
	s.stop = sync.OnceValue(func() int { cancel(); return <-s.ended })
	t.Cleanup(func() { s.stop() })
	return s
}

// says returns when the command wrote text n times.
func (s *started) says(t *testing.T, text string, n int) {
	t.Helper()
	for end := time.Now().Add(time.Minute); strings.Count(s.out.text(), text) < n; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%q isn't said %d times in\n%s", text, n, s.out.text())
		}
	}
}

func TestJoinAndGoOn(t *testing.T) {
	t.Cleanup(func() { goleak.VerifyNone(t) })
	t.Setenv("XDG_STATE_HOME", t.TempDir())
	page := startPage(t)
	h := startHub(t, regionsYAML(page))
	t.Setenv("SONDE_TOKEN", h.token(t, "eu-west"))

	joined := start(t, "agent", "join", h.url)
	joined.says(t, "region        eu-west", 1)
	joined.says(t, "probing       1 target", 1)
	joined.says(t, "agent started", 1)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	t.Setenv("SONDE_TOKEN", "")
	if !waitForRunAs(ctx, h.url, "admin") {
		t.Errorf("no run arrives at the hub; %s", joined.out.text())
	}
	if got := joined.stop(); got != exitOK {
		t.Errorf("exit status %d; %s", got, joined.out.text())
	}

	// After a restart nothing need be said, and the hub may be away.
	h.stop()
	again := start(t, "agent")
	again.says(t, "running the configuration kept from before", 1)
	again.says(t, "agent started", 1)
	if got := again.stop(); got != exitOK {
		t.Errorf("exit status %d; %s", got, again.out.text())
	}
}

func TestJoinForTools(t *testing.T) {
	t.Cleanup(func() { goleak.VerifyNone(t) })
	h := startHub(t, regionsYAML("http://127.0.0.1:1/"))
	dir, file := t.TempDir(), filepath.Join(t.TempDir(), "token")
	t.Chdir(t.TempDir())
	t.Setenv("SONDE_TOKEN", "another")
	text := h.token(t, "us-east")
	writeFile(t, file, text+"\n")
	writeFile(t, "ca.pem", "")
	var out bytes.Buffer
	args := []string{"agent", "join", h.url + "/", "--data", dir, "--token-file", file, "--no-start", "--user-agent", "x", "--source", "127.0.0.1"}
	if got := run(t.Context(), args, &out, &out); got != exitOK {
		t.Fatalf("exit status %d; %s", got, &out)
	}
	j, err := source.ReadJoined(dir)
	if err != nil || j.Hub != h.url || j.Region != "us-east" || j.Token != text {
		t.Errorf("got %+v, %v", j, err)
	}
	if strings.Contains(out.String(), text) {
		t.Error("the token is told")
	}
	// What was given counts after a restart, unless it is given anew.
	var f agentFlags
	f.register(pflag.NewFlagSet("", pflag.ContinueOnError))
	f.data = dir
	if err := f.set.Set("user-agent", "y"); err != nil {
		t.Fatal(err)
	}
	t.Setenv("SONDE_TOKEN", "")
	if err := f.goOn(); err != nil {
		t.Fatal(err)
	}
	if f.userAgent != "y" || len(f.sources) != 1 || f.bearer() != text || f.region != "us-east" {
		t.Errorf("got %+v", f)
	}
	// With a new token it can join again.
	if got := run(t.Context(), args, &out, &out); got != exitOK {
		t.Errorf("exit status %d; %s", got, &out)
	}
}

func TestJoinRefused(t *testing.T) {
	t.Cleanup(func() { goleak.VerifyNone(t) })
	h := startHub(t, regionsYAML("http://127.0.0.1:1/"))
	eu, mars := h.token(t, "eu-west"), h.token(t, "mars")
	bare := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusNotFound)
		io.WriteString(w, `{"error":"this hub has no configuration for agents"}`)
	}))
	defer bare.Close()
	gone := httptest.NewServer(nil)
	gone.Close()
	taken, other := t.TempDir(), t.TempDir()
	lock, err := dirlock.Take(taken)
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	if err := (&source.Joined{Hub: h.url, Region: "us-east"}).Save(other); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		token, flags, want string
		status             int
	}{
		"a wrong token":           {"x", h.url, "doesn't know this token", exitUsage},
		"no token":                {"", h.url, "asks for a token", exitUsage},
		"hub away":                {eu, gone.URL, "can't be reached", exitFailed},
		"https expected":          {eu, strings.Replace(h.url, "http", "https", 1), "speaks http and not https", exitFailed},
		"no configuration":        {eu, bare.URL, "this hub has no configuration", exitUsage},
		"region unknown":          {mars, h.url, `region "mars" is not in the configuration; known are eu-west, us-east`, exitUsage},
		"a token of elsewhere":    {eu, h.url + " --region us-east", "the token is bound to the region eu-west", exitUsage},
		"a token of all regions":  {"admin", h.url, "--region NAME is needed, or the key region in the configuration; known are eu-west, us-east", exitUsage},
		"an agent that runs":      {eu, h.url + " --data " + taken, "an agent that runs uses it", exitUsage},
		"the data of another":     {eu, h.url + " --data " + other, "it is that of the agent in us-east", exitUsage},
		"no URL":                  {eu, "hub.example", "want the hub's URL", exitUsage},
		"a password in the URL":   {eu, "http://a:secret@hub.example", "leave the user info out", exitUsage},
		"a token file not there":  {"", h.url + " --token-file none", "no such file", exitUsage},
		"a file of roots missing": {eu, h.url + " --ca-file none", "--ca-file none: no such file", exitUsage},
	} {
		t.Run(name, func(t *testing.T) {
			state := t.TempDir()
			t.Setenv("XDG_STATE_HOME", state)
			t.Setenv("SONDE_TOKEN", c.token)
			var out bytes.Buffer
			got := run(t.Context(), append([]string{"agent", "join"}, strings.Fields(c.flags)...), &out, &out)
			if got != c.status || !strings.Contains(out.String(), c.want) {
				t.Errorf("exit status %d, want %d; %q, want %q", got, c.status, &out, c.want)
			}
			if strings.Contains(out.String(), "secret") || c.token == eu && strings.Contains(out.String(), eu) {
				t.Errorf("a secret is told: %s", &out)
			}
			left, err := filepath.Glob(filepath.Join(state, "sonde", "*", source.JoinedFile))
			if err != nil || len(left) > 0 {
				t.Errorf("joined all the same: %v, %v", left, err)
			}
		})
	}
}

// Without anything said, the agent is the one that joined, if that is one.
func TestWhichAgentGoesOn(t *testing.T) {
	state := t.TempDir()
	t.Setenv("XDG_STATE_HOME", state)
	var f agentFlags
	if err := f.goOn(); err == nil || !strings.Contains(err.Error(), "sonde agent join --help") {
		t.Errorf("got %v", err)
	}
	for _, region := range []string{"a", "b"} {
		if err := (&source.Joined{Hub: "http://h", Region: region}).Save(filepath.Join(state, "sonde", "agent-"+region)); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.goOn(); err == nil || !strings.Contains(err.Error(), "several joined") {
		t.Errorf("got %v", err)
	}
	f.region = "b"
	if err := f.goOn(); err != nil || f.config != "http://h/api/v1/config" || f.hub != "http://h" {
		t.Errorf("got %v, %+v", err, f)
	}
	f = agentFlags{data: filepath.Join(state, "sonde", "agent-a")}
	f.region = "b"
	if err := f.goOn(); err == nil || !strings.Contains(err.Error(), "joined for the region a") {
		t.Errorf("got %v", err)
	}
}

func TestClockNote(t *testing.T) {
	for ahead, want := range map[time.Duration]string{
		0: "", -59 * time.Second: "", time.Hour: "60 minutes ahead of", -2 * time.Hour: "2 hours behind",
	} {
		if got := clockNote(ahead); want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("%v: got %q, want %q", ahead, got, want)
		}
	}
}

// A changed file counts without a restart, at once on a hangup; one with
// errors changes nothing, and neither ends the agent.
func TestAgentReloads(t *testing.T) {
	t.Cleanup(func() { goleak.VerifyNone(t) })
	renamed := make(chan struct{})
	var once sync.Once
	page := startPageThat(t, func(r *http.Request) {
		if r.UserAgent() == "renamed" {
			once.Do(func() { close(renamed) })
		}
	})
	file, data := filepath.Join(t.TempDir(), "sonde.yaml"), t.TempDir()
	writeFile(t, file, regionsYAML(page))
	a := start(t, "agent", "--config", file, "--region", "eu-west", "--data", data, "--metrics", "127.0.0.1:0")
	a.says(t, "agent started", 1)
	url := strings.TrimSuffix(<-a.metricsURL(t), "/metrics")
	for _, path := range []string{"/healthz", "/readyz", "/metrics"} {
		if status := statusOf(t, url+path); status != http.StatusOK {
			t.Errorf("%s: got %d", path, status)
		}
	}
	writeFile(t, file, regionsYAML(page, page+"/2"))
	a.says(t, "targets=2", 1)

	writeFile(t, file, strings.Replace(regionsYAML(page), "eu-west: {}, ", "", 1))
	hangUp(t)
	a.says(t, `region \"eu-west\" is not in the configuration`, 1)
	writeFile(t, file, "targets: 3\nregoins: {}\n")
	hangUp(t)
	a.says(t, "sonde.yaml:1:10: ", 1)
	a.says(t, "sonde.yaml:2:1: ", 1)

	writeFile(t, file, "hub: http://127.0.0.1:1\nuser_agent: renamed\n"+regionsYAML(page, page+"/2", page+"/3"))
	hangUp(t)
	a.says(t, "targets=3", 1)
	a.says(t, `"takes effect at the next start" keys=[hub]`, 1)
	<-renamed // the network that probes go by is another
	if got := a.stop(); got != exitOK {
		t.Errorf("exit status %d; %s", got, a.out.text())
	}
}

// hangUp signals this process, in which the agent runs.
func hangUp(t *testing.T) {
	t.Helper()
	if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
}

func (s *started) metricsURL(t *testing.T) <-chan string {
	t.Helper()
	s.says(t, "msg=metrics url=", 1)
	found := make(chan string, 1)
	_, text, _ := strings.Cut(s.out.text(), "msg=metrics url=")
	url, _, _ := strings.Cut(text, "\n")
	found <- url
	return found
}

func statusOf(t *testing.T, url string) int {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	return resp.StatusCode
}

// An agent that waits for its hub is well but not ready, and a hangup is no
// end.
func TestAgentWaitsForItsHub(t *testing.T) {
	t.Cleanup(func() { goleak.VerifyNone(t) })
	gone := httptest.NewServer(nil)
	gone.Close()
	a := start(t, "agent", "--config", gone.URL+"/api/v1/config", "--data", t.TempDir(), "--metrics", "127.0.0.1:0")
	url := strings.TrimSuffix(<-a.metricsURL(t), "/metrics")
	hangUp(t)
	a.says(t, "nothing is probed until there is one", 1)
	if health, ready := statusOf(t, url+"/healthz"), statusOf(t, url+"/readyz"); health != 200 || ready != 503 {
		t.Errorf("healthz %d, readyz %d", health, ready)
	}
	if got := a.stop(); got != exitOK {
		t.Errorf("exit status %d; %s", got, a.out.text())
	}
}

// The hub's token isn't for whoever has the configuration.
func TestTokenGoesToTheHubAlone(t *testing.T) {
	for _, c := range []struct {
		hub, config string
		want        bool
	}{
		{"https://hub.example", "https://hub.example/api/v1/config", true},
		{"https://hub.example", "http://hub.example/api/v1/config", false},
		{"https://hub.example", "https://files.example/sonde.yaml", false},
		{"", "https://hub.example/api/v1/config", true},
		{"", "https://files.example/sonde.yaml", false},
	} {
		f := agentFlags{hub: c.hub, config: c.config}
		if got := f.fromHub(); got != c.want {
			t.Errorf("%s, %s: got %v", c.hub, c.config, got)
		}
	}
}

func TestTwoAgentsNeedTwoDirectories(t *testing.T) {
	o := agentOptions{data: filepath.Join(t.TempDir(), "new")}
	release, err := o.takeData()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := o.takeData(); err == nil || !strings.Contains(err.Error(), "directory of its own") {
		t.Errorf("got %v", err)
	}
	release()
	release, err = o.takeData()
	if err != nil {
		t.Fatal(err)
	}
	release()
	file := filepath.Join(t.TempDir(), "file")
	writeFile(t, file, "")
	if _, err := (&agentOptions{data: file}).takeData(); err == nil || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

// A hub behind a proxy may want a password, which is for nobody who reads logs.
func TestPasswordOfTheHubIsNotLogged(t *testing.T) {
	file := filepath.Join(t.TempDir(), "sonde.yaml")
	writeFile(t, file, "hub: http://agent:s3cret@127.0.0.1:1\ntargets: []\n")
	a := start(t, "agent", "--config", file, "--region", "lab", "--data", t.TempDir())
	a.says(t, "agent started", 1)
	a.stop()
	if text := a.out.text(); strings.Contains(text, "s3cret") || !strings.Contains(text, "hub=http://127.0.0.1:1") {
		t.Errorf("got %s", text)
	}
}

package hub

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sonde-media/sonde/internal/api"
	"github.com/sonde-media/sonde/internal/config"
	"github.com/sonde-media/sonde/internal/store"
)

const (
	fleetFile = "targets:\n  - feed: https://feeds.example/${SECRET}/show.xml\n    name: show\ninclude:\n  - urls: more.txt\n    kind: page\n"
	moreFile  = "https://www.example/\n"
)

// configured writes a configuration with one include and opens it.
func configured(t *testing.T, log *slog.Logger) (c *Config, file, more string) {
	t.Helper()
	dir := t.TempDir()
	file, more = filepath.Join(dir, "sonde.yaml"), filepath.Join(dir, "more.txt")
	save(t, file, fleetFile)
	save(t, more, moreFile)
	c, err := OpenConfig(file, log)
	if err != nil {
		t.Fatal(err)
	}
	return c, file, more
}

func save(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestConfigForAgents(t *testing.T) {
	kept := records(t, t.TempDir())
	c, _, _ := configured(t, nil)
	h := startHub(t, Options{Records: kept, Config: c}, store.Options{})
	eu, _ := issue(t, kept, RoleAgent, "eu west")
	status, head, body := h.get(t, "/api/v1/config", "Authorization", "Bearer "+eu)
	if status != 200 || head.Get("Content-Type") != "application/yaml" || head.Get("ETag") != `"`+c.Version()+`"` ||
		head.Get("Sonde-Region") != "eu west" || head.Get(timeHeader) == "" {
		t.Errorf("got %d %v", status, head)
	}
	env := func(string) (string, bool) { return "s3cret", true }
	got, err := config.Parse("hub", []byte(body), env)
	if err != nil || len(got.Targets) != 2 || got.Targets[0].URL != "https://feeds.example/s3cret/show.xml" || got.Version != c.Version() {
		t.Errorf("got %+v and %v of\n%s", got, err, body)
	}
	for match, want := range map[string]int{
		`"` + c.Version() + `"`: 304, `W/"` + c.Version() + `"`: 304, `"x", "` + c.Version() + `"`: 304, "*": 304,
		`"00000000"`: 200, c.Version(): 200, "": 200, strings.Repeat(`"`, 10_000): 200,
	} {
		status, head, body := h.get(t, "/api/v1/config", "If-None-Match", match)
		if status != want || (body == "") != (want == 304) || head.Get("ETag") == "" || head.Get("Sonde-Region") != "" {
			t.Errorf("%.20q: got %d %v", match, status, head)
		}
	}
	if a, err := h.client(t, "").Agents(t.Context(), api.Query{}); err != nil || a.Config != c.Version() {
		t.Errorf("got %+v and %v", a, err)
	}
}

func TestNoConfigForAgents(t *testing.T) {
	h := startHub(t, Options{}, store.Options{})
	status, _, body := h.get(t, "/api/v1/config")
	if status != 404 || !strings.Contains(body, "start it with --config FILE") {
		t.Errorf("got %d %s", status, body)
	}
	status, head, _ := h.do(t, "DELETE", "/api/v1/config", "")
	if status != 405 || head.Get("Allow") == "" {
		t.Errorf("got %d", status)
	}
}

// Of a story of changes each is served within seconds, unless it is wrong.
func TestConfigChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		c, file, more := configured(t, slog.New(slog.NewTextHandler(&log, nil)))
		ctx, stop := context.WithCancel(t.Context())
		now := make(chan os.Signal)
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			c.Run(ctx, now)
		}()
		wait := func(d time.Duration) string {
			time.Sleep(d)
			synctest.Wait()
			return c.Version()
		}
		first := wait(time.Minute)
		if first != c.Version() || log.Len() > 0 {
			t.Errorf("nothing changed: got %s\n%s", c.Version(), &log)
		}

		save(t, more, moreFile+"https://shop.example/\n")
		second := wait(5 * time.Second)
		if second == first {
			t.Error("an include that changed isn't served")
		}

		save(t, file, "targets:\n  - fed: x\n  - feed: y\n")
		if got := wait(5 * time.Minute); got != second {
			t.Errorf("got %s, want the version before the bad one, %s", got, second)
		}
		for _, want := range []string{"sonde.yaml:2:5: unknown key", "sonde.yaml:3:11", "agents keep the configuration before"} {
			if strings.Count(log.String(), want) != 1 {
				t.Errorf("want %q once in\n%s", want, &log)
			}
		}

		save(t, file, strings.Replace(fleetFile, "more.txt", "other.txt", 1))
		if got := wait(5 * time.Second); got != second {
			t.Errorf("an include is missing: got %s", got)
		}
		if !strings.Contains(log.String(), "other.txt") {
			t.Errorf("nothing is said of the include that is missing:\n%s", &log)
		}
		save(t, filepath.Join(filepath.Dir(file), "other.txt"), "https://other.example/\n")
		third := wait(time.Minute)
		if third == second {
			t.Error("the include that was missing is there, and isn't served")
		}

		save(t, file, "targets: []\n")
		now <- os.Interrupt // whatever the signal: at once
		synctest.Wait()
		if c.Version() == third {
			t.Error("not read at once when told to")
		}
		stop()
		<-ended
	})
}

func TestOpenConfigSaysWhatIsWrong(t *testing.T) {
	_, err := OpenConfig(filepath.Join(t.TempDir(), "none.yaml"), nil)
	if err == nil || !strings.Contains(err.Error(), "none.yaml: ") {
		t.Errorf("got %v", err)
	}
}

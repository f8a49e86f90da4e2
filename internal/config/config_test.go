package config

import (
	"errors"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/sonde-media/sonde/internal/wire"
	"github.com/sonde-media/sonde/probes"
)

var update = flag.Bool("update", false, "write the expected errors anew")

// testKinds are kinds whose options don't change with the real ones.
var testKinds = []kind{{"feed", newTestKind, nil}, {"enclosure", newTestKind, nil}, {"page", newTestKind, nil}}

func newTestKind(_ *wire.Net, t probes.Target) (probes.Func, error) {
	o := struct {
		Episodes int `json:"episodes"`
	}{}
	err := t.Options.Decode(&o)
	if o.Episodes < 0 {
		err = errors.Join(err, &probes.OptionError{Key: "episodes", Err: fmt.Errorf("want 0 or more, got %d", o.Episodes)})
	}
	return nil, err
}

func testEnv(name string) (string, bool) {
	env := map[string]string{"TOKEN": "hunter2", "HUB_HOST": "hub.example", "EMPTY": ""}
	value, ok := env[name]
	return value, ok
}

func load(t *testing.T, path string) (*Config, error) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return parse(path, data, testEnv, testKinds)
}

func TestBad(t *testing.T) {
	paths, err := filepath.Glob("testdata/bad_*.yaml")
	if err != nil || len(paths) == 0 {
		t.Fatal("no fixtures", err)
	}
	for _, path := range paths {
		t.Run(filepath.Base(path), func(t *testing.T) {
			c, err := load(t, path)
			if err == nil || c != nil {
				t.Fatalf("got %+v, %v, want an error alone", c, err)
			}
			got := strings.ReplaceAll(err.Error(), "testdata/", "") + "\n"
			if strings.Contains(got, "hunter2") {
				t.Errorf("an error shows a secret:\n%s", got)
			}
			golden := strings.TrimSuffix(path, ".yaml") + ".want"
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("errors (-want +got):\n%s", diff)
			}
		})
	}
}

// The sample of the design, with the real kinds.
func TestGood(t *testing.T) {
	got, err := Load("testdata/good.yaml")
	if err != nil {
		t.Fatal(err)
	}
	want := &Config{
		Hub:      "https://hub.example:4318",
		Regions:  map[string]Region{"eu-west": {"Ireland", 53.3, -6.3}},
		Services: []string{"Podcasts"},
		Spool:    Spool{1 << 30, 24 * time.Hour},
		Timeout:  30 * time.Second,
		Version:  got.Version,
		Targets: []probes.Target{
			{
				Name: "feeds.example.org/show.xml", Kind: "feed", URL: "https://feeds.example.org/show.xml",
				Service: "Podcasts", Interval: time.Minute, Timeout: 30 * time.Second, Confirm: 10 * time.Second, Options: probes.Options{"episodes": 2},
			},
			{
				Name: "www.example.com", Kind: "page", URL: "https://www.example.com/",
				Service: "Storefront", Interval: time.Minute, Timeout: 30 * time.Second, Confirm: 10 * time.Second,
			},
			{
				Name: "cdn.example.com/ep1.mp3", Kind: "enclosure", URL: "https://cdn.example.com/ep1.mp3",
				Interval: 5 * time.Minute, Timeout: 30 * time.Second, Confirm: 10 * time.Second,
			},
		},
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(Config{}), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if len(got.Version) != 8 {
		t.Errorf("got version %q, want 8 digits", got.Version)
	}
}

func parseText(t *testing.T, text string) *Config {
	t.Helper()
	c, err := parse("sonde.yaml", []byte(text), testEnv, testKinds)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestSharedKeys(t *testing.T) {
	c := parseText(t, `
region: eu-west
regions: {eu-west: {}}
resolver: 192.0.2.53
source: [192.0.2.1, "2001:db8::1"]
allow_private: true
user_agent: ExampleBot/1.0 (+https://example.org/bot)
contact: mailto:ops@example.org
limits: {run_bytes: 64 MiB, host_day_bytes: 1.5GB, day_bytes: 1000, host_parallel: 4, host_rate: 0.5}
spool: {bytes: 64 MiB, age: 90m}
otlp: http://127.0.0.1:4318
timeout: 5s
ca_file: roots.pem
targets: []
`)
	want := &Config{
		Region: "eu-west", Regions: map[string]Region{"eu-west": {Name: "eu-west"}},
		Resolver: "192.0.2.53:53", Sources: []netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1")},
		AllowPrivate: true, UserAgent: "ExampleBot/1.0 (+https://example.org/bot)", Contact: "mailto:ops@example.org",
		Limits: wire.Limits{RunBytes: 64 << 20, HostDayBytes: 1.5e9, DayBytes: 1000, HostParallel: 4, HostRate: 0.5}, OTLP: "http://127.0.0.1:4318",
		Spool:   Spool{64 << 20, 90 * time.Minute},
		Timeout: 5 * time.Second, CAFile: "roots.pem", Version: c.Version,
	}
	if diff := cmp.Diff(want, c, cmpopts.IgnoreUnexported(Config{}), cmpopts.EquateComparable(netip.Addr{}), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestVariables(t *testing.T) {
	c := parseText(t, `
targets:
  - feed: https://${HUB_HOST}/${TOKEN}/a$$b?q=$x
    labels: {team: "${TOKEN}"}
  - feed: "https://me:${TOKEN}@example.org/x"
  - feed: https://example.org/y
    name: ${HUB_HOST}
`)
	got := []string{c.Targets[0].URL, c.Targets[0].Labels["team"], c.Targets[0].Name, c.Targets[1].URL, c.Targets[1].Name, c.Targets[2].Name}
	want := []string{
		"https://hub.example/hunter2/a$b?q=$x", "hunter2", "HUB_HOST/TOKEN/a$b",
		"https://me:hunter2@example.org/x", "example.org/x", "hub.example",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestAliases(t *testing.T) {
	c := parseText(t, `
targets:
  - feed: https://example.org/x
    labels: &team {team: audio}
  - feed: https://example.org/y
    labels: *team
`)
	if got := c.Targets[1].Labels["team"]; got != "audio" {
		t.Errorf("got label %q, want audio", got)
	}
}

func TestVersionFollowsBytes(t *testing.T) {
	a, b, c := parseText(t, "targets: []"), parseText(t, "targets: []"), parseText(t, "targets: [] ")
	if a.Version != b.Version || a.Version == c.Version {
		t.Errorf("got versions %s, %s, %s", a.Version, b.Version, c.Version)
	}
}

func TestErrorsAreBounded(t *testing.T) {
	_, err := parse("sonde.yaml", []byte("targets:\n"+strings.Repeat("  - {}\n", 3*maxErrors)), testEnv, testKinds)
	errs, ok := errors.AsType[Errors](err)
	if !ok || len(errs) != maxErrors+1 || errs[maxErrors].Error() != "sonde.yaml: and 2000 more errors" {
		t.Errorf("got %d errors, the last %v", len(errs), errs[len(errs)-1])
	}
}

func TestFiles(t *testing.T) {
	dir := t.TempDir()
	large := filepath.Join(dir, "large.yaml")
	if err := os.WriteFile(large, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(large, MaxBytes+1); err != nil {
		t.Fatal(err)
	}
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		filepath.Join(dir, "absent.yaml"): "no such file or directory",
		dir:                               "is a directory, not a file",
		large:                             "is larger than 64 MiB",
		pipe:                              "is empty; at least targets is needed", // at once: a reload must not wait for it
	} {
		_, err := Load(path)
		if err == nil || !strings.HasPrefix(err.Error(), path+":") || !strings.HasSuffix(err.Error(), ": "+want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

// The real kinds: each is made from a target without options, and says at
// which option it doesn't agree.
func TestKinds(t *testing.T) {
	for _, kind := range Kinds() {
		target := probes.Target{Kind: kind, URL: "https://www.example.com/"}
		if f, err := NewProbe(nil, target); f == nil || err != nil {
			t.Errorf("%s: got error %v", kind, err)
		}
		text := "targets:\n- " + kind + ": https://www.example.com/\n  max_bytes: -1\n"
		_, err := Parse("sonde.yaml", []byte(text), testEnv)
		if err == nil || !strings.HasPrefix(err.Error(), "sonde.yaml:3:3: max_bytes: ") {
			t.Errorf("%s: got %v, want an error at max_bytes", kind, err)
		}
	}
}

func TestNewProbeUnknownKind(t *testing.T) {
	if _, err := NewProbe(nil, probes.Target{Kind: "stream"}); err == nil {
		t.Error("got no error for a kind that isn't in the table")
	}
}

// Whatever the bytes: no panic, errors at places that exist, and a
// configuration without errors has targets that can be probed.
func FuzzLoad(f *testing.F) {
	paths, _ := filepath.Glob("testdata/*.yaml")
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := parse("sonde.yaml", data, testEnv, testKinds)
		if (c == nil) == (err == nil) {
			t.Fatalf("got %v and %v, want one of them", c, err)
		}
		if errs, _ := errors.AsType[Errors](err); len(errs) > maxErrors+1 {
			t.Errorf("got %d errors", len(errs))
		} else {
			for _, e := range errs {
				if e.Message == "" || e.Line > 0 != (e.Column > 0) {
					t.Errorf("got error %+v", e)
				}
			}
		}
		if c == nil {
			return
		}
		for _, p := range c.Targets {
			if p.Name == "" || p.URL == "" || p.Kind == "" || p.Interval < minInterval || p.Timeout < 0 {
				t.Errorf("got target %+v", p)
			}
		}
	})
}

// Default names are recorded, so that a secret in the path must not stand in
// them, and two targets that differ in nothing else need names.
func TestDefaultNamesHideSecrets(t *testing.T) {
	const one = "targets:\n  - feed: https://h.example/t0ken-1/show.xml\n    secrets: [t0ken-1]\n"
	c, err := parse("x.yaml", []byte(one), testEnv, testKinds)
	if err != nil {
		t.Fatal(err)
	}
	if got := c.Targets[0]; got.Name != "h.example/REDACTED/show.xml" || got.URL != "https://h.example/t0ken-1/show.xml" {
		t.Errorf("got %q for %s", got.Name, got.URL)
	}
	two := one + "  - feed: https://h.example/t0ken-2/show.xml\n    secrets: [t0ken-2]\n"
	_, err = parse("x.yaml", []byte(two), testEnv, testKinds)
	if err == nil || !strings.Contains(err.Error(), "x.yaml:4:") || !strings.Contains(err.Error(), "give one of them a name") || strings.Contains(err.Error(), "t0ken") {
		t.Errorf("got %v", err)
	}
}

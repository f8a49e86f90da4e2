package config

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/sonde-media/sonde/probes"
)

func all(t *testing.T) *Config {
	t.Helper()
	t.Setenv("HOST", "shop.example")
	t.Setenv("TOKEN", "hunter2")
	c, err := Load("testdata/include/all.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// What podcast apps export, lists of URLs and of targets come after the
// configuration's own, with what their include says.
func TestInclude(t *testing.T) {
	c := all(t)
	minute, sunday := time.Minute, c.Targets[1].Windows
	if len(sunday) != 1 || sunday[0].Until(time.Date(2026, 11, 22, 1, 30, 0, 0, time.UTC)) != time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC).In(sunday[0].(*window).zone) {
		t.Fatalf("got windows %v", sunday)
	}
	target := func(kind, url, name string, more probes.Target) probes.Target {
		more.Kind, more.URL, more.Name = kind, url, name
		if more.Interval == 0 {
			more.Interval = minute
		}
		more.Confirm = 5 * time.Second
		return more
	}
	type labels = map[string]string
	want := []probes.Target{
		target("page", "https://www.example.com/", "www.example.com", probes.Target{Paused: true}),
		target("feed", "https://feeds.example.org/rock.xml", "feeds.example.org/rock.xml", probes.Target{Service: "Podcasts", Interval: 5 * minute, Labels: labels{"team": "video", "title": "Rock & Roll"}, Windows: sunday}),
		target("feed", "https://feeds.example.org/get.php?id=2&k=${TOKEN}", c.Targets[2].Name, probes.Target{Service: "Podcasts", Interval: 5 * minute, Labels: labels{"team": "video", "title": "Two & Three"}, Windows: sunday}),
		target("feed", "https://feeds.example.org/yes.xml", "feeds.example.org/yes.xml", probes.Target{Labels: labels{"title": "yes", "category": "News/World"}}),
		target("feed", "https://feeds.example.org/overcast.xml", "feeds.example.org/overcast.xml", probes.Target{Labels: labels{"title": "Show"}}),
		target("feed", "https://feeds.example.org/local.xml", "feeds.example.org/local.xml", probes.Target{Labels: labels{"title": "Local news", "category": "Local"}}),
		target("feed", "https://feeds.example.org/hoer.xml", "feeds.example.org/hoer.xml", probes.Target{Labels: labels{"title": "Hörspiel"}}),
		target("feed", "https://feeds.example.org/utf16.xml", "feeds.example.org/utf16.xml", probes.Target{Labels: labels{"title": "Ünïcode"}}),
		target("feed", "https://feeds.example.org/bom.xml", "feeds.example.org/bom.xml", probes.Target{Labels: labels{"title": "BOM"}}),
		target("page", "https://www.example.com/a", "www.example.com/a", probes.Target{Service: "Shop", Options: probes.Options{"max_bytes": "1 MiB"}}),
		target("page", "https://www.example.com/b#fragment", "www.example.com/b", probes.Target{Service: "Shop", Options: probes.Options{"max_bytes": "1 MiB"}}),
		target("enclosure", "https://feeds.example.org/c.mp3", "feeds.example.org/c.mp3", probes.Target{Service: "Shop", Options: probes.Options{"max_bytes": "1 MiB"}}),
		target("feed", "https://feeds.example.org/more.xml", "feeds.example.org/more.xml", probes.Target{Timeout: 7 * time.Second, Labels: labels{"team": "audio", "tier": "1"}, Options: probes.Options{"episodes": 3}}),
		target("page", "https://shop.example/", "shop", probes.Target{Timeout: 7 * time.Second, Labels: labels{"team": "video", "tier": "1"}, Secrets: []string{"shop.example"}}),
	}
	if diff := cmp.Diff(want, c.Targets, cmpopts.EquateEmpty(), cmp.Comparer(sameWindow)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if name := c.Targets[2].Name; !strings.HasPrefix(name, "feeds.example.org/get.php#") || strings.Contains(name, "TOKEN") {
		t.Errorf("got name %q", name)
	}
	if len(c.Includes) != 8 || c.Includes[0] != (Include{"testdata/include/pocket.opml", 2}) {
		t.Errorf("got includes %v", c.Includes)
	}
}

func sameWindow(a, b probes.Window) bool { return a == b }

// What an agent gets from the hub is what it would have read from the files,
// its variables included, under the same version.
func TestBundle(t *testing.T) {
	c := all(t)
	data, _, err := Bundle("testdata/include/all.yaml")
	if err != nil {
		t.Fatal(err)
	}
	got, err := Parse("https://hub.example/api/v1/config", data, os.LookupEnv)
	if err != nil {
		t.Fatalf("%v in\n%s", err, data)
	}
	if diff := cmp.Diff(c.Targets, got.Targets, cmp.Comparer(sameWindow)); diff != "" {
		t.Errorf("(-file +bundle):\n%s\n%s", diff, data)
	}
	if got.Version != c.Version || got.Includes != nil {
		t.Errorf("got version %s, includes %v; want %s, none", got.Version, got.Includes, c.Version)
	}
	for _, region := range []string{"eu", "us", "elsewhere"} {
		if diff := cmp.Diff(c.For(region), got.For(region), cmp.Comparer(sameWindow)); diff != "" {
			t.Errorf("%s (-file +bundle):\n%s", region, diff)
		}
	}
	if text := string(data); strings.Contains(text, "hunter2") || strings.Contains(text, "shop.example") || !strings.Contains(text, "${HOST}") {
		t.Errorf("variables are not left alone:\n%s", text)
	}
	edited, err := Parse("sonde.yaml", append(data, "# edited\n"...), os.LookupEnv)
	if err != nil || edited.Version == c.Version {
		t.Errorf("an edited bundle keeps its version, %v", err)
	}
}

// Without includes the bundle is the file, to the byte.
func TestBundleOfOne(t *testing.T) {
	path := writeText(t, "sonde.yaml", "# mine\nhub: ${HUB_URL}\ndefaults: {interval: \"${EVERY}\"}\ntargets:\n  - feed: ${SHOW}\n    episodes: 2\n")
	data, _, err := Bundle(path)
	want, _ := os.ReadFile(path)
	if err != nil || string(data) != string(want) {
		t.Errorf("got %v, %s", err, data)
	}
	if _, _, err := Bundle(writeText(t, "bad.yaml", "targets: []\nhubb: ${X}\n")); err == nil || !strings.Contains(err.Error(), "bad.yaml:2:1: unknown key") {
		t.Errorf("got %v", err)
	}
}

func writeText(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestFor(t *testing.T) {
	c := parseText(t, `
targets:
  - feed: https://example.org/a
  - feed: https://example.org/b
    regions: [eu, us]
  - feed: https://example.org/c
    except: [us]
  - feed: https://example.org/d
    regions: [eu, us]
  - feed: https://example.org/e
`)
	for region, want := range map[string]string{"eu": "abcde", "us": "abde", "ap": "ace", "": "ace"} {
		var got strings.Builder
		for _, target := range c.For(region) {
			got.WriteString(target.Name[len(target.Name)-1:])
		}
		if got.String() != want {
			t.Errorf("%q: got %s, want %s", region, got.String(), want)
		}
	}
	if c.places[1] != c.places[3] {
		t.Error("equal selections are kept twice")
	}
}

// Included files end up with errors at their own lines, and what stands with
// the include is told once.
func TestIncludeErrors(t *testing.T) {
	dir := t.TempDir()
	files := map[string]string{
		"twice.opml":  "<opml><body>\n<outline xmlUrl='https://example.org/a'/>\n<outline xmlUrl='https://example.org/own'/>\n<outline xmlUrl='https://example.org/a'/>\n</body></opml>",
		"page.opml":   "<!doctype html>\n<html>",
		"cut.opml":    "<opml><body>\n<outline xmlUrl='https://example.org/c'/>\n<outline text='x'",
		"none.opml":   "<opml><body/></opml>",
		"empty.opml":  "",
		"nourl.opml":  "<opml><body>\n <outline type='rss' text='x'/></body></opml>",
		"deep.opml":   "<opml>" + strings.Repeat("<outline>", 100),
		"label.opml":  "<?xml version='1.0' encoding='klingon'?><opml/>",
		"urls.txt":    "ftp://example.org/\nhttps://example.org/d https://example.org/e\n",
		"none.txt":    "# nothing\n",
		"latin.txt":   "https://example.org/ok\nhttps://example.org/caf\xe9 # in Latin-1\n",
		"map.yaml":    "targets: []\n",
		"broken.yaml": "- feed: [\n",
		"bad.yaml":    "- feed: https://example.org/f\n  intervall: 5s\n- feed: https://example.org/g\n",
	}
	var main strings.Builder
	main.WriteString("targets: [{feed: https://example.org/own}]\ninclude:\n")
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(files[name]), 0o600); err != nil {
			t.Fatal(err)
		}
		form := map[string]string{".opml": "opml", ".txt": "urls", ".yaml": "targets"}[filepath.Ext(name)]
		main.WriteString("- " + form + ": " + name + "\n")
	}
	main.WriteString(`- opml: absent.opml
- urls: ${X}.txt
- {}
- {opml: a, urls: b}
- targets: map.yaml
  kind: fed
- opml: twice.opml
  interval: 1ms
  episods: 2
  feed: https://example.org/
  name: x
- urls
`)
	path := filepath.Join(dir, "sonde.yaml")
	if err := os.WriteFile(path, []byte(main.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Load(path)
	if err == nil {
		t.Fatal("no error")
	}
	got := strings.ReplaceAll(err.Error(), dir+"/", "") + "\n"
	const golden = "testdata/include/errors.want"
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
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// A configuration from a hub must not read an agent's files.
func TestNoIncludesFromAfar(t *testing.T) {
	_, err := Parse("https://hub.example/api/v1/config", []byte("include: [{urls: /etc/passwd}]\n"), os.LookupEnv)
	if err == nil || !strings.Contains(err.Error(), ":1:18: files are included only by") {
		t.Errorf("got %v", err)
	}
}

func TestVersionFollowsIncludes(t *testing.T) {
	dir := t.TempDir()
	main, list := filepath.Join(dir, "sonde.yaml"), filepath.Join(dir, "urls.txt")
	seen := map[string]bool{}
	for _, text := range []string{"https://example.org/a\n", "https://example.org/b\n"} {
		os.WriteFile(main, []byte("include: [{urls: urls.txt}]\n"), 0o600)
		os.WriteFile(list, []byte(text), 0o600)
		c, err := Load(main)
		if err != nil {
			t.Fatal(err)
		}
		seen[c.Version] = true
	}
	if len(seen) != 2 {
		t.Error("the version stays when an included file changes")
	}
}

// Whatever a stranger's list holds: no panic, and targets that can be probed
// or errors at places.
func FuzzInclude(f *testing.F) {
	paths, _ := filepath.Glob("testdata/include/*")
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		for form := range 3 {
			f.Add(data, form)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte, form int) {
		name := []string{"opml", "urls", "targets"}[uint(form)%3]
		open := func(string) ([]byte, error) { return data, nil }
		main := "include: [{" + name + ": x, labels: {a: b}, regions: [eu]}]\n"
		x := text{name: "sonde.yaml", data: []byte(main), env: testEnv, kinds: testKinds, open: open}
		c, err := x.parse()
		if (c == nil) == (err == nil) {
			t.Fatalf("got %v and %v, want one of them", c, err)
		}
		if c == nil {
			return
		}
		flat, err := x.flatten()
		if err != nil {
			t.Fatal(err)
		}
		body, err := encode(flat.root, flat.targets)
		if err != nil {
			t.Fatal(err)
		}
		again, err := parse("bundle.yaml", body, testEnv, testKinds)
		if err != nil {
			t.Fatalf("%v in the bundle\n%s", err, body)
		}
		if diff := cmp.Diff(c.Targets, again.Targets); diff != "" {
			t.Errorf("(-files +bundle)\n%s\n%s", diff, body)
		}
	})
}

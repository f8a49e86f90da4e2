package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sonde-media/sonde/internal/api"
	"github.com/sonde-media/sonde/internal/wire/wiretest"
	"github.com/sonde-media/sonde/probes"
)

// Real feeds and real audio, served over TLS by nginx, are probed by `sonde
// up` for a minute. Every target must be in the hub's answers, every failed
// one with its code, every trace whole.
func TestCorpusThroughUp(t *testing.T) {
	nginx, err := exec.LookPath("nginx")
	if err != nil {
		nginx = "/usr/sbin/nginx" // not on everybody's PATH
	}
	if _, err := os.Stat(nginx); err != nil {
		t.Skip("nginx is not here (as root, make packages installs it):", err)
	}
	wiretest.Corpus(t, "feeds")
	if testing.Short() {
		t.Skip("takes a minute")
	}
	site := newSite(t, nginx)
	targets := site.publish(t)
	hub := startUp(t, site.configure(t, targets))

	client, err := api.NewClient(hub, "")
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	checkAnswers(t, client, collect(t, client, targets), targets)
}

// collect returns the runs of a minute, and of more where the machine is so
// busy that a target has fewer than four by then.
func collect(t *testing.T, client *api.Client, targets []expectation) map[string][]api.Run {
	t.Helper()
	begin := time.Now()
	for wait := time.Minute; ; wait = time.Second {
		<-time.After(wait)
		answer, err := client.Runs(t.Context(), api.Query{From: begin.Add(-time.Minute), Limit: api.MaxLimit})
		if err != nil {
			t.Fatal(err)
		}
		runs, fewest := map[string][]api.Run{}, len(answer.Runs)
		for _, r := range answer.Runs {
			runs[r.Target] = append(runs[r.Target], r)
		}
		for _, x := range targets {
			fewest = min(fewest, len(runs[x.name]))
		}
		if fewest >= 4 {
			t.Logf("%d runs of %d targets in %v", len(answer.Runs), len(runs), time.Since(begin).Round(time.Second))
			return runs
		}
		if time.Since(begin) > 5*time.Minute {
			t.Fatalf("after 5 minutes a target has %d runs", fewest)
		}
	}
}

// An expectation is a target and what its runs must come to.
type expectation struct {
	name, url string
	outcome   probes.Outcome
	code      probes.Code
}

// enclosureURL finds the URL of an enclosure in whatever order its attributes
// stand.
var enclosureURL = regexp.MustCompile(`(<enclosure\b[^>]*?\burl=)("[^"]*"|'[^']*')`)

// publish copies feeds, led to our audio, and audio to the site, and says what
// each must come to: most are well, and some fail in one way each.
func (s *site) publish(t *testing.T) (targets []expectation) {
	t.Helper()
	audio := s.copyAudio(t)
	add := func(name, feed string, enclosure func(n int) string, outcome probes.Outcome, code probes.Code) {
		b := wiretest.Read(t, filepath.Join(wiretest.Corpus(t, "feeds"), feed))
		n := 0
		b = enclosureURL.ReplaceAllFunc(b, func(m []byte) []byte {
			n++
			part := enclosureURL.FindSubmatch(m)
			return fmt.Appendf(nil, `%s"%s"`, part[1], enclosure(n))
		})
		s.write(t, name+".xml", b)
		targets = append(targets, expectation{name, s.url("feeds.test", name+".xml"), outcome, code})
	}
	feeds := goodFeeds(t)
	healthy, ill := feeds[:17], feeds[17:]
	for i, f := range healthy {
		path := audio[i%len(audio)]
		if i%2 == 0 {
			path = "prefix/" + path
		}
		add(fmt.Sprintf("well-%02d", i), f, func(int) string { return s.url("audio.test", path) }, probes.OK, "")
	}
	add("expired", ill[0], func(int) string { return s.url("old.test", audio[0]) }, probes.Failed, probes.TLSExpired)
	add("missing", ill[1], func(int) string { return s.url("audio.test", "gone.mp3") }, probes.Failed, probes.HTTPMissing)
	add("busy", ill[2], func(int) string { return s.url("audio.test", "busy/a.mp3") }, probes.Failed, probes.HTTPStatus)
	add("nowhere", ill[3], func(int) string { return s.url("nowhere.test", "a.mp3") }, probes.Failed, probes.DNSNotFound)
	add("a-feed-for-audio", ill[4], func(int) string { return s.url("feeds.test", "well-00.xml") }, probes.Failed, probes.MediaType)
	s.write(t, "no-feed.xml", []byte("<!doctype html><title>no feed</title>"))
	targets = append(targets, expectation{"no-feed", s.url("feeds.test", "no-feed.xml"), probes.Failed, probes.FeedSyntax})
	s.write(t, "nothing.xml", nil)
	return append(targets, expectation{"nothing", s.url("feeds.test", "nothing.xml"), probes.Failed, probes.BodyEmpty})
}

// copyAudio publishes files that play and returns their names.
func (s *site) copyAudio(t *testing.T) (names []string) {
	t.Helper()
	dir := wiretest.Corpus(t, "audio")
	for _, row := range wiretest.Table(t, filepath.Join(dir, "truth.tsv")) {
		if row["label"] != "ok" || strings.Contains(row["file"], "rf64") {
			continue
		}
		name := fmt.Sprintf("%d%s", len(names), filepath.Ext(row["file"]))
		s.write(t, name, wiretest.Read(t, filepath.Join(dir, row["file"])))
		names = append(names, name)
	}
	return names
}

// goodFeeds lists feeds that all readers of the corpus agree on and that have
// enclosures in text that ASCII patterns match.
func goodFeeds(t *testing.T) (files []string) {
	t.Helper()
	for _, row := range wiretest.Table(t, filepath.Join(wiretest.Corpus(t, "feeds"), "truth.tsv")) {
		if row["consensus"] == "all" && row["wellformed"] == "yes" && row["lxml_enclosures"] != "0" &&
			row["root_element"] == "rss" && !strings.HasPrefix(strings.ToLower(row["declared_encoding"]), "utf-16") {
			files = append(files, row["file"])
		}
	}
	if len(files) < 22 {
		t.Fatalf("only %d feeds", len(files))
	}
	return files[:22]
}

// configure writes a configuration for targets and returns its path.
func (s *site) configure(t *testing.T, targets []expectation) string {
	t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, "region: here\nresolver: %q\nca_file: %q\nallow_private: true\ndefaults: {interval: 10s, timeout: 60s}\ntargets:\n", s.resolver, s.ca)
	for _, x := range targets {
		fmt.Fprintf(&b, "  - {name: %s, feed: %q, service: Podcasts}\n", x.name, x.url)
	}
	path := filepath.Join(s.root, "sonde.yaml")
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func checkAnswers(t *testing.T, client *api.Client, runs map[string][]api.Run, targets []expectation) {
	t.Helper()
	for _, x := range targets {
		for _, r := range runs[x.name] {
			if r.Outcome != x.outcome || r.Code != x.code {
				t.Errorf("%s: got %s %s, want %s %s: %s %v", x.name, r.Outcome, r.Code, x.outcome, x.code, r.Detail, r.Findings)
				break
			}
			trace, err := client.Trace(t.Context(), r.TraceID)
			if err == nil {
				err = whole(trace)
			}
			if err != nil {
				t.Errorf("%s %s: %v", x.name, r.TraceID, err)
			}
		}
	}
}

// whole says what a trace lacks: one root, a parent for every other span, a
// hop with its steps, and codes from the failed leaf up to the root.
func whole(trace api.Trace) error {
	ids, words, roots := map[string]api.Span{}, []string{}, 0
	for _, s := range trace.Spans {
		ids[s.ID] = s
		words = append(words, s.Step)
		if fmt.Sprint(s.Attrs[probes.AttrStatus]) == "304" { // an unchanged feed's, which has none
			words = append(words, "body")
		}
		if s.Parent == "" {
			roots++
		}
	}
	if roots != 1 {
		return fmt.Errorf("%d roots", roots)
	}
	for _, s := range trace.Spans {
		if _, ok := ids[s.Parent]; !ok && s.Parent != "" {
			return fmt.Errorf("%s has no parent", s.Step)
		}
		if p := ids[s.Parent]; s.Code != "" && s.Parent != "" && p.Code == "" {
			return fmt.Errorf("%s failed and %s above it did not", s.Step, p.Step)
		}
	}
	for _, word := range []string{"feed", "hop", "dns", "connect", "tls", "request", "body"} {
		if !slices.Contains(words, word) {
			return fmt.Errorf("no %s among %v", word, words)
		}
	}
	if trace.Run.Outcome == probes.OK && (!slices.Contains(words, "parse") || !slices.Contains(words, "decode")) {
		return fmt.Errorf("a listen that ends early: %v", words)
	}
	return nil
}

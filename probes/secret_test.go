package probes_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/sonde-media/sonde/probes"
)

func TestSecretsAreNotRecorded(t *testing.T) {
	const secret = "s3cr3t/key"
	target := probes.Target{Kind: "feed", Secrets: []string{secret[:4], secret, "a"}}
	run := probes.Do(t.Context(), func(_ context.Context, s *probes.Step, _ probes.Target) (err error) {
		h := s.Begin("hop")
		defer h.Done(&err)
		h.Set(probes.AttrURL, "https://h.example/s3cr3t%2Fkey/show.xml")
		h.Set(probes.AttrDNSAnswers, []string{"a", secret})
		h.Find(probes.Note(probes.InsecureHTTP, "h.example", "at "+secret))
		return probes.Fail(probes.HTTPOther, errors.New("read "+secret))
	}, target)
	for s := range run.Root.All() {
		if text := fmt.Sprint(s.Attrs, s.Findings, s.Fail, run.Detail, run.Verdict.Findings); strings.Contains(text, "s3cr3t") {
			t.Errorf("%s tells the secret: %s", s.Name, text)
		}
	}
	if got := run.Root.Steps[0].Text(probes.AttrURL); got != "https://h.example/REDACTED/show.xml" {
		t.Errorf("got %s", got)
	}
}

func TestHide(t *testing.T) {
	target := probes.Target{Secrets: []string{"abcd", "abcdefgh", "a b/c%d", "https://h.example/private-feed/?key=v", "abc"}}
	for text, want := range map[string]string{
		"x abcdefgh y":                          "x REDACTED y", // not the tail of the longer one
		"x abcd y":                              "x REDACTED y",
		"/a%20b/c%25d/":                         "/REDACTED/",
		"https://h.example/private-feed/?key=v": "REDACTED",
		"https://h.example/private-feed/?key=REDACTED": "https://h.exampleREDACTED?key=REDACTED",
		"cut at abcdef":   "cut at REDACTED",
		"cut at abcdefg…": "cut at REDACTED…",
		"an abc stays":    "an abc stays",
	} {
		if got := target.Hide(text); got != want {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
	}
	if got := (probes.Target{}).Hide("abcd"); got != "abcd" {
		t.Errorf("got %s", got)
	}
}

func TestSecretsOfTheTargetItself(t *testing.T) {
	target := probes.Target{
		Kind: "feed", Name: "h.example/t0k3n/show.xml", Service: "t0k3n", URL: "https://h.example/t0k3n/show.xml",
		Labels: map[string]string{"path": "/t0k3n"}, Secrets: []string{"t0k3n"},
	}
	asked := ""
	run := probes.Do(t.Context(), func(_ context.Context, _ *probes.Step, t probes.Target) error {
		asked = t.URL
		return nil
	}, target)
	if asked != target.URL || target.Labels["path"] != "/t0k3n" {
		t.Errorf("the probe got %s, the caller's labels are %v", asked, target.Labels)
	}
	if text := fmt.Sprint(run.Facts(run.Root)); strings.Contains(text, "t0k3n") {
		t.Errorf("the root tells the secret: %s", text)
	}
}

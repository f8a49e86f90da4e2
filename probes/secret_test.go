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
	target := probes.Target{Kind: "feed", Secrets: []string{secret, "a"}}
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

package probes_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sonde-media/sonde/probes"
)

func TestHopCount(t *testing.T) {
	for _, tt := range []struct {
		name, tree string
		want       any
	}{
		{"none where nothing was asked", `
enclosure !http_other`, nil},
		{"the last one failed", `
enclosure !dns_not_found
  hop
  hop !dns_not_found`, 2},
		{"the longest of a listen", `
feed
  feed
    hop
  episode
    hop
    hop
    hop
  episode
    hop`, 3},
		{"assets don't count", `
page
  document
    hop
  asset
    hop
    hop`, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := &probes.Run{Root: parseTree(t, tt.tree)}
			if got := r.Facts(r.Root)["sonde.hop.count"]; got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

func TestFacts(t *testing.T) {
	root := parseTree(t, `
page !page_blocking
  asset !tls_expired ~page_blocking
    hop !tls_expired @static.example
      tls !tls_expired #C0FFEE`)
	r := &probes.Run{
		Target: probes.Target{
			Name: "shop", Kind: "page", Service: "Storefront", Interval: time.Minute, Labels: map[string]string{"team": "web"},
		},
		Scheduled: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC),
		Confirms:  "09", Root: root, Verdict: probes.Judge(root),
	}
	failed := func(facts map[string]any) map[string]any {
		facts["error.type"], facts["sonde.detail"] = "tls_expired", "detail of tls_expired"
		return facts
	}
	found := func(facts map[string]any) map[string]any {
		facts["sonde.findings"], facts["sonde.finding_severities"] = []string{"page_blocking"}, []string{"warning"}
		facts["sonde.finding_hosts"], facts["sonde.finding_details"] = []string{""}, []string{""}
		return facts
	}
	asset := root.Steps[0]
	for _, tt := range []struct {
		name string
		step *probes.Step
		want map[string]any
	}{
		{"root tells the verdict, its own failure not", root, found(failed(map[string]any{
			"sonde.step": "page", "sonde.target": "shop", "sonde.kind": "page", "sonde.service": "Storefront",
			"sonde.label.team": "web", "sonde.interval": 60.0, "sonde.scheduled": "2026-03-01T12:00:00Z", "sonde.run.confirms": "09",
			"sonde.outcome": "failed", "sonde.culprit": "static.example", "sonde.cause": "C0FFEE",
		}))},
		{"asset names the target", asset, found(failed(map[string]any{
			"sonde.step": "asset", "sonde.target": "shop", "sonde.kind": "page",
		}))},
		{"hop names the target", asset.Steps[0], failed(map[string]any{
			"sonde.step": "hop", "sonde.target": "shop", "sonde.kind": "page", "server.address": "static.example",
		})},
		{"other steps tell what they noted", asset.Steps[0].Steps[0], failed(map[string]any{
			"sonde.step": "tls", "sonde.fault": "C0FFEE",
		})},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, r.Facts(tt.step)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// What follows from a run is told once, and stands in place of what was noted
// by the same key.
func TestAppendTold(t *testing.T) {
	root := parseTree(t, `
page !tls_expired
  hop !tls_expired @static.example`)
	hop := root.Steps[0]
	hop.Set(probes.AttrDetail, "noted")
	r := &probes.Run{Root: root, Target: probes.Target{Labels: map[string]string{"team": "web"}}}
	first := probes.Fact{Key: "z", Value: 1}
	for s := range root.All() {
		told := r.AppendTold([]probes.Fact{first}, s)
		keys := map[string]any{}
		for _, f := range told {
			keys[f.Key] = f.Value
		}
		if told[0] != first || len(keys) != len(told) {
			t.Errorf("got %v", told)
		}
		delete(keys, "z")
		facts := r.Facts(s)
		for key, v := range keys {
			if diff := cmp.Diff(v, facts[key]); diff != "" {
				t.Errorf("%s: %s", key, diff)
			}
		}
	}
	if got := r.Facts(hop)[probes.AttrDetail]; got != "detail of tls_expired" || hop.Text(probes.AttrDetail) != "noted" {
		t.Errorf("got %v", got)
	}
}

package api_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sonde-media/sonde/internal/api"
)

func TestVariablesExpand(t *testing.T) {
	for _, c := range []struct {
		name     string
		in, want []string
	}{
		{"nothing", nil, nil},
		{"an empty variable", []string{""}, nil},
		{"plain", []string{"us", "eu"}, []string{"eu", "us"}},
		{"csv, or one value with a comma", []string{"eu, us"}, []string{"eu", "eu, us", "us"}},
		{"glob", []string{"{eu,us}"}, []string{"eu", "us"}},
		{"glob of one", []string{"{eu}"}, []string{"eu"}},
		{"json", []string{`["Night, shift","$5"]`}, []string{"$5", "Night, shift"}},
		{"json of nothing", []string{"[]"}, nil},
		{"all", []string{"$__all"}, nil},
		{"all among others", []string{"eu", "{$__all,us}"}, nil},
		{"twice", []string{"eu", "{eu,us}"}, []string{"eu", "us"}},
		{"a dollar that names nothing", []string{"price $5"}, []string{"price $5"}},
	} {
		got, err := api.PanelQuery{Regions: c.in}.Expand()
		if err != nil || !slices.Equal(got.Regions, c.want) {
			t.Errorf("%s: got %q, %v, want %q", c.name, got.Regions, err, c.want)
		}
	}
}

func TestVariablesWithoutValue(t *testing.T) {
	for _, text := range []string{"$region", "${region:csv}", "[[region]]", "eu,$region", "{eu,$region}", "[$region]"} {
		_, err := api.PanelQuery{Targets: []string{text}}.Expand()
		if err == nil || !strings.Contains(err.Error(), "targets: the variable") || !strings.Contains(err.Error(), "region") {
			t.Errorf("%s: got %v", text, err)
		}
	}
	if _, err := (api.PanelQuery{TraceID: "${trace}"}).Expand(); err == nil {
		t.Error("want an error")
	}
}

func TestBadPanelQueries(t *testing.T) {
	for want, q := range map[string]api.PanelQuery{
		"":                               {Question: "matrix", Format: "grid", Outcomes: []string{"silent", "failed"}},
		"question: want one of matrix, ": {Question: "weather"},
		"question: ":                     {},
		"format: matrix is answered as table, grid, not as \"state\"": {Question: "matrix", Format: "state"},
		"measure: want one of":     {Question: "series", Measure: "mood"},
		"label: want one of":       {Question: "labels"},
		"traceId: want the 32":     {Question: "trace", TraceID: "abc"},
		"limit: must be from 1 to": {Question: "runs", Limit: api.MaxLimit + 1},
		"outcomes: want some of ok, degraded, failed, unknown, got \"silent\"": {Question: "runs", Outcomes: []string{"silent"}},
	} {
		err := q.Check()
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: got %v, want %s", q, err, want)
		}
	}
}

func TestEachLabelHasValues(t *testing.T) {
	all := api.Labels{
		Regions: []string{"region"}, Targets: []string{"target"}, Services: []string{"service"},
		Kinds: []string{"kind"}, Codes: []string{"code"}, Culprits: []string{"culprit"},
	}
	for _, l := range api.LabelNames {
		if got := all.Of(l); len(got) != 1 || got[0] != string(l) {
			t.Errorf("%s: got %q", l, got)
		}
	}
}

// The matrix of the last quarter of an hour still shows a region that died an
// hour ago, but no target that has been removed.
func TestRecall(t *testing.T) {
	cell := func(region, target string, silent bool) api.Cell {
		return api.Cell{Region: region, Target: target, Counts: api.Counts{OK: 1}, Silent: silent, FailedSince: &now}
	}
	regions := []api.Region{{Name: "eu"}, {Name: "us"}}
	targets := []api.TargetInfo{{Name: "a"}, {Name: "old"}}
	m := api.Matrix{Regions: regions[:1], Targets: targets[:1], Cells: []api.Cell{cell("eu", "a", false)}}
	m.Recall(api.Matrix{
		From: now.Add(-24 * time.Hour), Regions: regions, Targets: targets,
		Cells: []api.Cell{cell("eu", "a", true), cell("eu", "old", true), cell("us", "a", true)},
	})
	gone := api.Cell{Region: "us", Target: "a", Silent: true}
	want := api.Matrix{Regions: regions, Targets: targets[:1], Cells: []api.Cell{cell("eu", "a", false), gone}}
	if d := cmp.Diff(want, m); d != "" {
		t.Error(d)
	}
	if gone.State() != api.Silent {
		t.Errorf("got %s", gone.State())
	}
}

package datasource

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sonde-media/sonde/internal/api"
)

func TestLabelValues(t *testing.T) {
	many := make([]string, 2500)
	for i := range many {
		many[i] = fmt.Sprintf("show-%04d", i)
	}
	h := newHub(t, map[string]any{"labels": api.Labels{Regions: []string{"eu-west", "us-east"}, Targets: many}})
	d := source(t, h.URL, "", "")
	for path, want := range map[string]api.LabelValues{
		"labels?label=region":                           {Label: "region", Values: []string{"eu-west", "us-east"}, Total: 2},
		"labels?label=region&search=EU&from=-6h":        {Label: "region", Values: []string{"eu-west"}, Total: 1},
		"labels?label=code":                             {Label: "code", Values: []string{}, Total: 0},
		"labels?label=target":                           {Label: "target", Values: many[:api.MaxLabelValues], Total: 2500},
		"labels?label=target&search=w-24":               {Label: "target", Values: many[2400:], Total: 100},
		"labels?label=region&from=-87600h&region=us":    {Label: "region", Values: []string{"eu-west", "us-east"}, Total: 2},
		"labels?label=region&from=2016-06-08T12:00:00Z": {Label: "region", Values: []string{"eu-west", "us-east"}, Total: 2},
	} {
		status, body := resource(t.Context(), t, d, path)
		var got api.LabelValues
		if err := json.Unmarshal([]byte(body), &got); err != nil || status != 200 {
			t.Fatalf("%s: got %d %s", path, status, body)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", path, diff)
		}
		if _, err := api.ParseQuery((<-h.asked).Query(), noon); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestLabelValuesRefused(t *testing.T) {
	h := newHub(t, map[string]any{"labels": map[string]string{}})
	denying := serve(t, says(401, `{"error":"the hub asks for a token"}`))
	for _, c := range []struct {
		url, path string
		status    int
		says      string
	}{
		{h.URL, "labels?label=colour", 400, "Label: want one of [region"},
		{h.URL, "labels?label=region&from=yesterday&colour=red", 400, "unknown parameter"},
		{h.URL, "labels?label=region", 502, "isn't a hub's"},
		{denying, "labels?label=region", 502, "denies access (401)"},
		{"", "labels?label=region", 400, "no URL is set"},
		{h.URL, "nothing", 404, "not found"},
	} {
		if status, body := resource(t.Context(), t, source(t, c.url, "", ""), c.path); status != c.status || !strings.Contains(body, c.says) {
			t.Errorf("%s: got %d %s, want %d %s", c.path, status, body, c.status, c.says)
		}
	}
}

package probes_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sonde-media/sonde/probes"
)

func TestDefaultName(t *testing.T) {
	for url, want := range map[string]string{
		"https://feeds.example.org/show.xml":        "feeds.example.org/show.xml",
		"https://www.example.com/":                  "www.example.com",
		"https://www.example.com":                   "www.example.com",
		"http://127.0.0.1:8080/a/":                  "127.0.0.1:8080/a",
		"https://me:secret@example.org/x?key=1#top": "example.org/x",
		"https://example.org/a%2Fb":                 "example.org/a%2Fb",
		"https://[2001:db8::1]/x":                   "[2001:db8::1]/x",
		"no url":                                    "no url",
		"http://[::1":                               "http://[::1",
	} {
		if got := probes.DefaultName(url); got != want {
			t.Errorf("%s: got %q, want %q", url, got, want)
		}
	}
}

type someOptions struct {
	Episodes int               `json:"episodes"`
	Full     bool              `json:"full"`
	Bytes    int64             `json:"bytes"`
	Ratio    float64           `json:"ratio"`
	Hosts    []string          `json:"hosts"`
	Headers  map[string]string `json:"headers"`
	Language string            `json:"language"`
	inner    int
}

func TestOptionsDecode(t *testing.T) {
	o := someOptions{Episodes: 1, Bytes: 7, inner: 3}
	err := probes.Options{
		"episodes": 2, "full": true, "ratio": 0.5, "hosts": []any{"a", "b"},
		"headers": map[string]any{"Accept": "audio/*"}, "language": "fr",
	}.Decode(&o)
	if err != nil {
		t.Fatal(err)
	}
	want := someOptions{2, true, 7, 0.5, []string{"a", "b"}, map[string]string{"Accept": "audio/*"}, "fr", 3}
	if diff := cmp.Diff(want, o, cmp.AllowUnexported(someOptions{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestOptionsDecodeReportsAll(t *testing.T) {
	err := probes.Options{
		"bytes": 1.5, "episodes": "two", "full": "yes", "headers": []any{}, "hosts": "a",
		"inner": 1, "language": 7, "ratio": nil, "unknown": 1,
	}.Decode(&someOptions{})
	known := "unknown key; known are bytes, episodes, full, headers, hosts, language, ratio"
	want := []string{
		"bytes: want a whole number, got 1.5",
		`episodes: want a whole number, got "two"`,
		`full: want true or false, got "yes"`,
		"headers: want a mapping, got []",
		`hosts: want a list, got "a"`,
		"inner: " + known,
		"language: want text, got 7",
		"unknown: " + known,
	}
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		t.Fatalf("got %v, want joined errors", err)
	}
	var got []string
	for _, e := range joined.Unwrap() {
		if _, ok := errors.AsType[*probes.OptionError](e); !ok {
			t.Errorf("got %T, want an OptionError", e)
		}
		got = append(got, e.Error())
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

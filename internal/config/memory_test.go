package config

import (
	"reflect"
	"runtime"
	"testing"

	"github.com/sonde-media/sonde/probes"
)

// A hundred thousand targets fit into an agent that is meant to cost next to
// nothing.
func TestBytesATarget(t *testing.T) {
	const n = 20_000
	data := fleet(n)
	var before, loaded, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	c, err := Parse("sonde.yaml", data, testEnv)
	if err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&loaded)
	runtime.GC()
	runtime.ReadMemStats(&after)
	if held := int(after.HeapAlloc-before.HeapAlloc) / n; held > 360 {
		t.Errorf("a target takes %d bytes, want 360 at most", held)
	}
	if made := int(loaded.TotalAlloc-before.TotalAlloc) / n; made > 4000 {
		t.Errorf("reading a target allocates %d bytes, want 4000 at most", made)
	}
	runtime.KeepAlive(c)
	runtime.KeepAlive(data)
}

// What targets say alike is there once; what they don't isn't mixed up.
func TestSharing(t *testing.T) {
	c := parseText(t, `
targets:
  - {feed: "http://a/", service: S, episodes: 2, labels: {a: b, c: d}}
  - {feed: "http://b/", service: S, episodes: 2, labels: {c: d, a: b}}
  - {feed: "http://c/", service: T, episodes: 2.0, labels: {a: b}}
  - {page: "http://d/", labels: {}}
`)
	first, second, third, last := c.Targets[0], c.Targets[1], c.Targets[2], c.Targets[3]
	if !same(first.Options, second.Options) || !same(first.Labels, second.Labels) {
		t.Error("equal options and labels aren't shared")
	}
	if want := (probes.Options{"episodes": 2.0}); !reflect.DeepEqual(third.Options, want) || len(third.Labels) != 1 || third.Service != "T" {
		t.Errorf("got %+v, want options %v, the label a and the service T", third, want)
	}
	if last.Options != nil || last.Labels != nil {
		t.Errorf("got %+v, want no maps", last)
	}
}

func same(a, b any) bool { return reflect.ValueOf(a).Pointer() == reflect.ValueOf(b).Pointer() }

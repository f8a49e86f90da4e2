package config

import (
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/sonde-media/sonde/internal/wire"
	"github.com/sonde-media/sonde/probes"
)

// A hundred thousand targets fit into an agent that is meant to cost next to
// nothing.
func TestBytesATarget(t *testing.T) {
	const n = 20_000
	data := fleet(n)
	var before, loaded runtime.MemStats
	began := inUse()
	runtime.ReadMemStats(&before)
	c, err := Parse("sonde.yaml", data, testEnv)
	if err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&loaded)
	if held := int(inUse()-began) / n; held > 360 {
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

const smallFeed = `<?xml version="1.0"?><rss version="2.0"><channel><title>A show</title><link>https://example.org/</link>
<item><guid>one</guid><title>One</title><pubDate>Mon, 02 Nov 2026 08:00:00 GMT</pubDate><enclosure url="https://cdn.example.org/show/one.mp3" type="audio/mpeg" length="1"/></item>
<item><guid>two</guid><title>Two</title><pubDate>Sun, 01 Nov 2026 08:00:00 GMT</pubDate><enclosure url="https://cdn.example.org/show/two.mp3" type="audio/mpeg" length="1"/></item>
</channel></rss>`

// What a target's probe keeps from run to run, of small things that are probed.
func TestBytesAProbe(t *testing.T) {
	const n = 300
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Etag", `"1"`)
		switch {
		case strings.HasPrefix(r.URL.Path, "/feed"):
			io.WriteString(w, smallFeed)
		case strings.HasPrefix(r.URL.Path, "/page"):
			io.WriteString(w, "<!doctype html><title>A page</title><p>text")
		default:
			http.NotFound(w, r)
		}
	}))
	defer server.Close()
	network, err := wire.New(wire.Options{AllowPrivate: true})
	if err != nil {
		t.Fatal(err)
	}
	for kind, most := range map[string]int{"enclosure": 100, "page": 100, "feed": 1100} {
		run := func(f probes.Func, i int) probes.Func {
			target := probes.Target{Name: "x", Kind: kind, URL: server.URL + "/" + kind + strconv.Itoa(i), Options: probes.Options{}}
			if kind == "feed" {
				target.Options["episodes"] = 0
			}
			if f == nil {
				if f, err = NewProbe(network, target); err != nil {
					t.Fatal(err)
				}
			}
			probes.Do(t.Context(), f, target)
			return f
		}
		run(nil, n) // what all share
		list := make([]probes.Func, n)
		before := inUse()
		for i := range list {
			list[i] = run(run(nil, i), i)
		}
		if held := int(inUse()-before) / n; held > most {
			t.Errorf("a probe of the kind %s holds %d bytes, want %d at most", kind, held, most)
		}
		runtime.KeepAlive(list)
	}
}

func inUse() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

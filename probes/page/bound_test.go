package page

import (
	"context"
	"net/http"
	"net/url"
	"runtime"
	"strings"
	"testing"

	"github.com/sonde-media/sonde/internal/wire"
	"github.com/sonde-media/sonde/probes"
)

// Thousands of references to a long base would fill the memory.
func TestLongURLs(t *testing.T) {
	at := &url.URL{Scheme: "https", Host: "h.example", Path: "/"}
	long := "https://h.example/" + strings.Repeat("a", maxURL) + "/"
	doc, err := readDocument(at, http.Header{}, []byte(`<base href="`+long+`"><img src="`+long+`">`+strings.Repeat(`<img src="b.png">`, 3)), Defaults.Viewport)
	if err != nil {
		t.Fatal(err)
	}
	if len(doc.refs) != 3 || doc.refs[0].url.String() != "https://h.example/b.png" {
		t.Errorf("got %d references, the first to %.80s", len(doc.refs), doc.refs[0].url)
	}
	far := &url.URL{Scheme: "https", Host: "h.example", Path: "/" + strings.Repeat("a", maxURL-20)}
	if u := resolve(far, "?"+strings.Repeat("b", 100)); u != nil {
		t.Errorf("got %.80s", u)
	}
}

// An element takes a hundred times the memory that its tag does.
func TestManyTags(t *testing.T) {
	body := "<html><head><link rel=stylesheet href=a.css>" + strings.Repeat("<p>", maxDocument/3)
	parent := probes.NewStep("document")
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	doc, err := parseDocument(parent, &wire.Response{
		URL: &url.URL{Scheme: "https", Host: "h.example", Path: "/"}, Header: http.Header{"Content-Type": {"text/html"}}, Body: []byte(body),
	}, Defaults)
	runtime.ReadMemStats(&after)
	if err != nil || len(doc.refs) != 1 {
		t.Fatalf("got %+v, %v", doc, err)
	}
	if f := parent.Steps[0].Findings; len(f) != 1 || f[0].Code != probes.BodySize {
		t.Errorf("got %v", f)
	}
	if mib := (after.TotalAlloc - before.TotalAlloc) >> 20; mib > 100 {
		t.Errorf("it took %d MiB", mib)
	}
}

// A page that has its fill of tags is whole.
func TestReadable(t *testing.T) {
	for text, want := range map[string]bool{"": true, strings.Repeat("<p>", maxTags): true, strings.Repeat("<p>", maxTags) + "<": false} {
		if got, whole := readable([]byte(text)); whole != want || len(got) > 3*maxTags {
			t.Errorf("%d bytes: got %d, whole %v", len(text), len(got), whole)
		}
	}
}

// A fetch that panics fails its asset and leaves the agent alive.
func TestPanic(t *testing.T) {
	at := &url.URL{Scheme: "https", Host: "h.example", Path: "/"}
	doc, err := readDocument(at, http.Header{}, []byte(`<img src="a.png"><img src="b.png">`), Defaults.Viewport)
	if err != nil {
		t.Fatal(err)
	}
	root := probes.NewStep("probe page")
	c := newCrawl(root, doc, Defaults)
	c.fetch = func(context.Context, *probes.Step, wire.Request) (*wire.Response, error) { panic("oops") }
	c.run(t.Context())
	for _, a := range root.Steps {
		if a.Fail == nil || a.Fail.Code != probes.Internal {
			t.Errorf("got %v", a.Fail)
		}
	}
}

package page_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/sonde-media/sonde/internal/wire/wiretest"
	"github.com/sonde-media/sonde/probes"
)

// An image that hangs must not keep the imports of a sheet from being asked.
func TestImportsDontWaitForImages(t *testing.T) {
	asked := make(chan struct{})
	s := site{
		"/":      "<!doctype html><img src=a.png><link rel=stylesheet href=a.css>",
		"/a.css": "text/css|@import 'b.css'", "/b.css": "text/css|p {}", "/a.png": "image/png|a",
	}
	w := serve(t, s, wiretest.Cert{})
	w.main.Config.Handler = http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/b.css":
			close(asked)
		case "/a.png":
			select {
			case <-asked:
			case <-r.Context().Done():
			}
		}
		s.ServeHTTP(rw, r)
	})
	equal(t, brief(w.run(t, "/", nil)), `
ok
  image /a.png
  stylesheet /a.css
  stylesheet /b.css`)
}

func TestParallelPerHost(t *testing.T) {
	var b strings.Builder
	b.WriteString("<!doctype html>")
	s := site{}
	for i := range 30 {
		fmt.Fprintf(&b, "<img src=/%d.png>", i)
		s[fmt.Sprintf("/%d.png", i)] = "image/png|x"
	}
	s["/"] = b.String()
	w := serve(t, s, wiretest.Cert{})
	var now, most atomic.Int64
	w.main.Config.Handler = http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		n := now.Add(1)
		for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
		s.ServeHTTP(rw, r)
		now.Add(-1)
	})
	if r := w.run(t, "/", probes.Options{"parallel": 2}); r.Outcome != probes.OK {
		t.Errorf("got %s %s", r.Outcome, r.Detail)
	}
	if most.Load() > 2 {
		t.Errorf("%d requests at a time, want 2 at most", most.Load())
	}
}

package page_test

import (
	"crypto/sha512"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/sonde-media/sonde/internal/wire/wiretest"
	"github.com/sonde-media/sonde/probes"
)

func sri(body string) string {
	sum := sha512.Sum384([]byte(body))
	return "sha384-" + base64.StdEncoding.EncodeToString(sum[:])
}

// What browsers refuse to use is as good as missing.
func TestIntegrity(t *testing.T) {
	const css, js = "p {}", "f()"
	for _, c := range []struct{ name, head, want string }{
		{"as promised", `<link rel=stylesheet href=a.css integrity="%[1]s"><script src=a.js integrity="%[2]s"></script>`, `
ok
  stylesheet /a.css *
  script /a.js *`},
		{"another sheet", `<link rel=stylesheet href=a.css integrity="%[2]s">`, `
failed page_blocking www.example
  stylesheet /a.css * !page_blocking
  ?integrity_mismatch www.example warning`},
		{"another script that doesn't block", `<script async src=a.js integrity="%[1]s"></script>`, `
degraded
  script /a.js !page_asset
  ?page_asset www.example warning
  ?integrity_mismatch www.example warning`},
		{"what can't be read is not said", `<script src=a.js integrity="md5-x"></script>`, `
ok
  script /a.js *`},
		{"each promise of one script", `<script async src=a.js integrity="%[2]s"></script><script async src=a.js integrity="%[1]s"></script>`, `
degraded
  script /a.js !page_asset
  ?page_asset www.example warning
  ?integrity_mismatch www.example warning`},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := serve(t, site{
				"/":      "<!doctype html>" + fmt.Sprintf(c.head+"%[3]s", sri(css), sri(js), ""),
				"/a.css": "text/css|" + css, "/a.js": "text/javascript|" + js,
			}, wiretest.Cert{})
			equal(t, brief(w.run(t, "/", nil)), c.want)
		})
	}
}

func TestImagesThatAreNone(t *testing.T) {
	w := serve(t, site{
		"/":  "<!doctype html><img src=a><img src=b><img src=c><img src=d><img src=e><img src=f><img src=g>",
		"/a": "image/jpeg|\n<!DOCTYPE html><p>Not here", "/b": "image/jpeg|{\"error\": 1}", "/c": "image/jpeg|Not found, sorry",
		"/d": "image/svg+xml|<?xml version='1.0'?><!-- x --><svg/>", "/e": "image/gif|", "/f": "image/avif|\x00\x00\x00\x20ftypavif",
		"/g": "application/xml|<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>",
	}, wiretest.Cert{})
	r := w.run(t, "/", nil)
	if got, want := r.Root.Steps[1].Fail.Detail, "HTML in place of an image, type says image/jpeg"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	equal(t, brief(r), `
degraded
  image /a !page_asset
  image /b !page_asset
  image /c !page_asset
  image /d
  image /e
  image /f
  image /g !page_asset
  ?page_asset www.example warning`)
}

func TestAssertedInRun(t *testing.T) {
	w := serve(t, site{"/": "<!doctype html><title>Sorry</title><img src=a.png>", "/a.png": "image/png|a"}, wiretest.Cert{})
	r := w.run(t, "/", probes.Options{"assert": []any{map[string]any{"title": "Sorry"}, map[string]any{"selector": ".goods"}}})
	equal(t, wiretest.Outline(r.Root), `
probe page !page_assert
  document !page_assert
    hop
      dns
      connect
      tls
      request
      body
    parse
    assert
    assert !page_assert
  asset
    hop
      dns
      connect
      tls
      request
      body`)
	if r.Outcome != probes.Failed || r.Code != probes.PageAssert || r.Culprit != "www.example" || r.Detail != "selector .goods: no element matches" {
		t.Errorf("got %s %s %s: %s", r.Outcome, r.Code, r.Culprit, r.Detail)
	}
	if len(r.Root.Steps) != 2 {
		t.Errorf("got %d steps, want the image to be fetched nonetheless", len(r.Root.Steps))
	}
}

func TestLinks(t *testing.T) {
	s := site{
		"/": `<!doctype html><a href=/a>a</a><a href=#x>x</a><a href=/>self</a><a href="/a#y">a</a><a href=mailto:x@y.example>m</a>
			<a href=/logout>out</a><a href=/n rel="x nofollow">n</a><a href=//other.test/>other</a><a href=%A%/gone>gone</a><a href=/gone>gone</a><a href=/b>b</a><a href=/c>c</a>`,
		"/a": "<!doctype html>" + strings.Repeat("long ", 10_000), "/b": "<p>b", "/c": "<p>c",
	}
	w := serve(t, s, wiretest.Cert{})
	r := w.run(t, "/", probes.Options{"links": 4})
	var got []string
	for _, l := range r.Root.Steps[1:] {
		_, path, _ := strings.Cut(strings.TrimPrefix(l.Text(probes.AttrURL), "https://"), "/")
		text := fmt.Sprintf("%s /%s", l.Name, path)
		if l.Fail != nil {
			text += " !" + string(l.Fail.Code)
		}
		if l.Attrs[probes.AttrCritical] != false || l.Text(probes.AttrAssetRole) != "navigation" {
			t.Errorf("got %v", l.Attrs)
		}
		got = append(got, text)
	}
	if got, want := strings.Join(got, ", "), "link /a, link /gone !http_missing, link /b, link /c"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if len(r.Findings) != 1 || r.Findings[0].Code != probes.PageLink || r.Findings[0].Detail != "1 of 4 links lead nowhere on www.example: http_missing" || r.Outcome != probes.Degraded {
		t.Errorf("got %s %v", r.Outcome, r.Findings)
	}
	if r := w.run(t, "/", nil); r.Outcome != probes.OK || len(r.Root.Steps) != 1 {
		t.Errorf("not asked for: got %s, %d steps", r.Outcome, len(r.Root.Steps))
	}
}

func TestLeft(t *testing.T) {
	const page = "<!doctype html><link rel=stylesheet href=%A%/a.css><img src=/b.png>"
	w := serve(t, site{"/": page, "/b.png": "image/png|b"}, expired)
	for _, o := range []probes.Options{{"ignore": []any{"assets.example"}}, {"first_party_only": true}} {
		r := w.run(t, "/", o)
		equal(t, brief(r), `
ok
  image /b.png`)
		if got := r.Root.Int(probes.AttrAssetsIgnored); got != 1 {
			t.Errorf("%d ignored", got)
		}
	}
}

func TestWhatItCosts(t *testing.T) {
	w := serve(t, site{
		"/":      "<!doctype html><link rel=stylesheet href=%A%/a.css><img src=/b.png><img src=%A%/c.png><p>" + strings.Repeat("x", 1000),
		"/a.css": "text/css|p {}", "/b.png": "image/png|b", "/c.png": "image/png|" + strings.Repeat("c", 3000),
	}, wiretest.Cert{})
	r := w.run(t, "/", nil)
	root := r.Root
	var bytes int
	for s := range root.All() {
		if s.Name == "body" {
			bytes += s.Int(probes.AttrBodySize)
		}
	}
	if root.Int(probes.AttrPageRequests) != 4 || root.Int(probes.AttrPageAssets) != 3 || root.Int(probes.AttrPageBytes) != bytes {
		t.Errorf("got %v", root.Attrs)
	}
	if root.Text(probes.AttrPageHeaviest) != "assets.example" || root.Int(probes.AttrPageHeaviestSize) < 3000 {
		t.Errorf("got %v", root.Attrs)
	}
	paint, _ := root.Attrs[probes.AttrPageFirstPaint].(float64)
	document, sheet := root.Steps[0], root.Steps[1]
	if want := float64(sheet.Start.Sub(root.Start)+sheet.Took) / 1e6; paint != want || paint <= float64(document.Took)/1e6 {
		t.Errorf("first paint %v, want %v", paint, want)
	}
	if host := root.Text(probes.AttrPageSlowest); host != "www.example" && host != "assets.example" {
		t.Errorf("got %q", host)
	}
	if root.Steps[1].Attrs[probes.AttrAssetThird] != true || root.Steps[2].Attrs[probes.AttrAssetThird] != false {
		t.Errorf("got %v and %v", root.Steps[1].Attrs, root.Steps[2].Attrs)
	}
}

// A page whose images all redirect on and on comes to its end.
func TestRedirectStorm(t *testing.T) {
	var b strings.Builder
	b.WriteString("<!doctype html>")
	for i := range 400 {
		fmt.Fprintf(&b, "<img src=/r/%d/0>", i)
	}
	w := serve(t, site{"/": b.String()}, wiretest.Cert{})
	inner := w.main.Config.Handler
	w.main.Config.Handler = http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		var i, n int
		if _, err := fmt.Sscanf(r.URL.Path, "/r/%d/%d", &i, &n); err != nil {
			inner.ServeHTTP(rw, r)
			return
		}
		http.Redirect(rw, r, fmt.Sprintf("/r/%d/%d", i, n+1), http.StatusFound)
	})
	r := w.run(t, "/", nil)
	steps := 0
	for range r.Root.All() {
		steps++
	}
	if steps > 4000 || r.Outcome != probes.Degraded {
		t.Errorf("%d steps, %s", steps, r.Outcome)
	}
	left := r.Findings[len(r.Findings)-1]
	if left.Code != probes.GuardBudget || left.Severity != probes.Notice || !strings.HasSuffix(left.Detail, "assets not fetched: the page has used up its 600 redirects") {
		t.Errorf("got %+v", left)
	}
}

func TestTypesThatBrowsersGoBy(t *testing.T) {
	for _, c := range []struct{ name, page, want string }{
		{"sheets of a page in standards mode", "<!doctype html><link rel=stylesheet href=text.css>", `
failed page_blocking www.example
  stylesheet /text.css * !page_blocking`},
		{"imports of it", "<!doctype html><style>@import 'text.css'</style>", `
failed page_blocking www.example
  stylesheet /text.css * !page_blocking`},
		{"in quirks mode any will do", "<html><link rel=stylesheet href=text.css>", `
ok
  stylesheet /text.css *`},
		{"unless it says not to sniff", "<html><link rel=stylesheet href=strict.css>", `
failed page_blocking www.example
  stylesheet /strict.css * !page_blocking`},
		{"one without a type, one with parameters, one in advance", "<!doctype html><link rel=stylesheet href=none.css><link rel=stylesheet href=a.css><link rel=preload as=style href=text.css>", `
ok
  stylesheet /none.css *
  stylesheet /a.css *
  stylesheet /text.css`},
		{"scripts may have any", "<!doctype html><script src=a.js></script>", `
ok
  script /a.js *`},
		{"unless theirs says not to sniff", "<!doctype html><script async src=strict.js></script><script src=x.js></script>", `
degraded
  script /strict.js !page_asset
  script /x.js *
  ?page_asset www.example warning`},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := serve(t, site{"/": c.page}, wiretest.Cert{})
			inner := w.main.Config.Handler
			w.main.Config.Handler = http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
				kind, ok := map[string]string{
					"/text.css": "text/plain", "/strict.css": "text/plain", "/none.css": "", "/a.css": "Text/CSS; charset=utf-8",
					"/a.js": "text/plain", "/strict.js": "text/plain; charset=utf-8", "/x.js": "application/x-javascript",
				}[r.URL.Path]
				if !ok {
					inner.ServeHTTP(rw, r)
					return
				}
				rw.Header()["Content-Type"] = []string{kind}
				if strings.HasPrefix(r.URL.Path, "/strict") || r.URL.Path == "/x.js" {
					rw.Header().Set("X-Content-Type-Options", "nosniff")
				}
				io.WriteString(rw, "p {}")
			})
			equal(t, brief(w.run(t, "/", nil)), c.want)
		})
	}
}

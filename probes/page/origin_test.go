package page_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/sonde-media/sonde/internal/wire/wiretest"
	"github.com/sonde-media/sonde/probes"
)

// What browsers keep from a page of another origin is as good as missing. The
// cases of scripts were held against Chromium; those of fonts and images follow
// the Fetch standard and CSS Fonts 4.
func TestOrigins(t *testing.T) {
	const css, js = "p {}", "f()"
	const font = `<style>@font-face { font-family: f; src: url(%[1]s/f.woff2) } p { font-family: f }</style><p>x`
	for _, c := range []struct {
		name, html string
		allow      string // what the other origin says; %s is that of the page
		want       string
	}{
		{"promised and not asked for by CORS", `<script src="%[1]s/a.js" integrity="%[2]s"></script>`, "*", `
failed page_blocking assets.example
  script /a.js * !page_blocking`},
		{"promised by a redirect to another origin", `<script src="/to/a.js" integrity="%[2]s"></script>`, "*", `
failed page_blocking assets.example
  script /to/a.js * !page_blocking`},
		{"promised in a way that browsers don't read", `<script src="%[1]s/a.js" integrity="md5-x"></script>`, "", `
ok
  script /a.js *`},
		{"promised by the page's own", `<script src="/a.js" integrity="%[2]s"></script><script src="/b.js" crossorigin></script>`, "", `
ok
  script /a.js *
  script /b.js *`},
		{"promised and allowed to all", `<script src="%[1]s/a.js" integrity="%[2]s" crossorigin></script><link rel=stylesheet href="%[1]s/a.css" integrity="%[3]s" crossorigin=anonymous>`, "*", `
ok
  script /a.js *
  stylesheet /a.css *`},
		{"promised and allowed to the page", `<script src="%[1]s/a.js" integrity="%[2]s" crossorigin></script>`, "%s", `
ok
  script /a.js *`},
		{"promised, allowed and another", `<link rel=stylesheet href="%[1]s/a.css" integrity="%[2]s" crossorigin>`, "*", `
failed page_blocking assets.example
  stylesheet /a.css * !page_blocking
  ?integrity_mismatch assets.example warning`},
		{"not allowed", `<link rel=stylesheet href="%[1]s/a.css" crossorigin><script async src="%[1]s/a.js" crossorigin></script>`, "", `
failed page_blocking assets.example
  stylesheet /a.css * !page_blocking
  script /a.js !page_asset
  ?page_asset assets.example warning`},
		{"allowed to somebody else", `<script src="%[1]s/a.js" crossorigin=anything></script>`, "https://www.example", `
failed page_blocking assets.example
  script /a.js * !page_blocking`},
		{"allowed twice", `<script src="%[1]s/a.js" crossorigin></script>`, "*, *", `
failed page_blocking assets.example
  script /a.js * !page_blocking`},
		{"allowed to all is not with credentials", `<script src="%[1]s/a.js" crossorigin=use-credentials></script>`, "*", `
failed page_blocking assets.example
  script /a.js * !page_blocking`},
		{"modules are always asked for by CORS", `<script type=module src="%[1]s/a.js"></script><script src="%[1]s/b.js"></script>`, "", `
degraded
  script /a.js !page_asset
  script /b.js *
  ?page_asset assets.example warning`},
		{"in both modes", `<script src="%[1]s/a.js"></script><script src="%[1]s/a.js" crossorigin></script>`, "", `
ok
  script /a.js *`},
		{"images", `<img src="%[1]s/a.png"><img src="%[1]s/b.png" crossorigin>`, "", `
degraded
  image /a.png
  image /b.png !page_asset
  ?page_asset assets.example warning`},
		{"a font that is not allowed", font, "", `
degraded
  font /f.woff2 !page_asset
  ?page_asset assets.example warning`},
		{"a font that is allowed", font, "%s", `
ok
  font /f.woff2`},
		{"a font that was preloaded otherwise", `<link rel=preload as=font href="%[1]s/f.woff2">` + font, "", `
degraded
  font /f.woff2 !page_asset
  ?page_asset assets.example warning`},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := serve(t, site{
				"/":      "<!doctype html>" + fmt.Sprintf(c.html+"%[4]s", "%A%", sri(js), sri(css), ""),
				"/a.css": "text/css|" + css, "/a.js": "text/javascript|" + js, "/b.js": "text/javascript|" + js,
				"/a.png": "image/png|png", "/b.png": "image/png|png", "/f.woff2": "font/woff2|wOF2\x00\x01\x00\x00",
			}, wiretest.Cert{})
			own := wiretest.At(w.main, "www.example", "")
			redirecting(w)
			allowing(t, w, own, c.allow)
			equal(t, brief(w.run(t, "/", nil)), c.want)
		})
	}
}

// redirecting makes what is below /to/ lead to the other host.
func redirecting(w *world) {
	inner, other := w.main.Config.Handler, wiretest.At(w.assets, "assets.example", "")
	w.main.Config.Handler = http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if rest, ok := strings.CutPrefix(r.URL.Path, "/to"); ok {
			http.Redirect(rw, r, other+rest, http.StatusFound)
			return
		}
		if r.Header.Get("Origin") != "" {
			http.Error(rw, "browsers name no origin to their own", http.StatusBadRequest)
			return
		}
		inner.ServeHTTP(rw, r)
	})
}

// allowing makes the other host say who may have what is there; where that is
// the page it says so to those alone that name the page's origin.
func allowing(t *testing.T, w *world, own, allow string) {
	inner := w.assets.Config.Handler
	w.assets.Config.Handler = http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if o := r.Header.Get("Origin"); o != "" && o != own {
			t.Errorf("origin %s, want %s", o, own)
		}
		if allow != "" && (allow != "%s" || r.Header.Get("Origin") != "") {
			rw.Header().Set("Access-Control-Allow-Origin", strings.ReplaceAll(allow, "%s", own))
		}
		inner.ServeHTTP(rw, r)
	})
}

func TestCredentials(t *testing.T) {
	w := serve(t, site{"/": "<!doctype html><img src=%A%/a.png crossorigin=use-credentials>", "/a.png": "image/png|png"}, wiretest.Cert{})
	inner := w.assets.Config.Handler
	w.assets.Config.Handler = http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Access-Control-Allow-Origin", r.Header.Get("Origin"))
		inner.ServeHTTP(rw, r)
	})
	r := w.run(t, "/", nil)
	if f := r.Root.Steps[1].Fail; f == nil || f.Code != probes.PageAsset || !strings.HasSuffix(f.Detail, "without Access-Control-Allow-Credentials") {
		t.Errorf("got %+v", f)
	}
}

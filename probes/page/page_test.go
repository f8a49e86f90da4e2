package page_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/sonde-media/sonde/internal/wire"
	"github.com/sonde-media/sonde/internal/wire/wiretest"
	"github.com/sonde-media/sonde/probes"
	"github.com/sonde-media/sonde/probes/page"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// signature is what PNG files begin with.
const signature = "\x89PNG\r\n\x1a\n"

// A site is what paths answer, "media type|body"; a PNG gets its signature. %A% in a body is the origin of a second host,
// assets.example.
type site map[string]string

func (s site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, ok := s[r.URL.Path]
	if !ok {
		http.NotFound(w, r)
		return
	}
	if kind, rest, ok := strings.Cut(body, "|"); ok && strings.Contains(kind, "/") && !strings.Contains(kind, " ") {
		w.Header().Set("Content-Type", kind)
		body = strings.Repeat(signature, strings.Count(kind, "png")) + rest
	}
	io.WriteString(w, body)
}

type world struct {
	net    *wire.Net
	main   *httptest.Server // www.example and anything else
	assets *httptest.Server // assets.example
}

// serve serves s under www.example, and under assets.example with a
// certificate as assets says.
func serve(t *testing.T, s site, assets wiretest.Cert) *world {
	t.Helper()
	ca := wiretest.NewCA(t)
	w := &world{}
	assets.Names = []string{"assets.example"}
	w.assets = wiretest.Server(t, ca.Issue(t, assets), s)
	for path, body := range s {
		s[path] = strings.ReplaceAll(body, "%A%", wiretest.At(w.assets, "assets.example", ""))
	}
	w.main = wiretest.Server(t, ca.Issue(t, wiretest.Cert{Names: []string{"www.example"}}), s)
	var err error
	w.net, err = wire.New(wire.Options{
		Roots: ca.Pool, AllowPrivate: true,
		Resolver: wiretest.DNS(t, map[string][]string{"www.example": {"127.0.0.1"}, "assets.example": {"127.0.0.1"}}),
	})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *world) run(t *testing.T, path string, o probes.Options) *probes.Run {
	t.Helper()
	target := probes.Target{
		Name: "page", Kind: "page", URL: wiretest.At(w.main, "www.example", path),
		Timeout: 20 * time.Second, Options: o,
	}
	f, err := page.New(w.net, target)
	if err != nil {
		t.Fatal(err)
	}
	return probes.Do(t.Context(), f, target)
}

// brief is a run as text: its verdict, and for each asset its path, role, "*"
// where it blocks, and code.
func brief(r *probes.Run) string {
	var b strings.Builder
	fmt.Fprintln(&b, strings.TrimSpace(fmt.Sprintf("%s %s %s", r.Outcome, r.Code, r.Culprit)))
	for _, s := range r.Root.Steps {
		if s.Name != "asset" {
			continue
		}
		_, path, _ := strings.Cut(strings.TrimPrefix(s.Text(probes.AttrURL), "https://"), "/")
		fmt.Fprintf(&b, "  %s /%s", s.Text(probes.AttrAssetRole), path)
		if s.Attrs[probes.AttrAssetBlocking] == true {
			b.WriteString(" *")
		}
		if s.Fail != nil {
			b.WriteString(" !" + string(s.Fail.Code))
		}
		b.WriteString("\n")
	}
	for _, f := range r.Findings {
		fmt.Fprintf(&b, "  ?%s %s %s\n", f.Code, f.Host, f.Severity)
	}
	return b.String()
}

func equal(t *testing.T, got, want string) {
	t.Helper()
	if d := cmp.Diff(strings.TrimSpace(want), strings.TrimSpace(got)); d != "" {
		t.Errorf("run (-want +got):\n%s", d)
	}
}

var expired = wiretest.Cert{NotBefore: time.Now().Add(-90 * 24 * time.Hour), NotAfter: time.Now().Add(-time.Hour)}

func TestAllFine(t *testing.T) {
	w := serve(t, site{
		"/":      `<!doctype html><title> A  page </title><link rel=stylesheet href=/a.css><script src=a.js></script><p><img src="a.png?key=1">`,
		"/a.css": "text/css|p { color: red }",
		"/a.js":  "text/javascript|1",
		"/a.png": "image/png|png",
	}, wiretest.Cert{})
	r := w.run(t, "/", nil)
	equal(t, brief(r), `
ok
  stylesheet /a.css *
  script /a.js *
  image /a.png?key=REDACTED
`)
	document := r.Root.Steps[0]
	equal(t, wiretest.Outline(document), `
document
  hop
    dns
    connect
    tls
    request
    body
  parse`)
	if got := document.Steps[1].Text(probes.AttrPageTitle); got != "A page" {
		t.Errorf("title %q, want %q", got, "A page")
	}
	if got := r.Root.Steps[3].Attrs[probes.AttrCritical]; got != false {
		t.Errorf("image: critical %v, want false", got)
	}
	if got, want := r.Root.Steps[1].Text(probes.AttrAssetInitiator), w.main.URL; !strings.HasSuffix(got, want[strings.LastIndex(want, ":"):]+"/") {
		t.Errorf("initiator %q, want the document", got)
	}
}

func TestExpiredCertificateOfBlockingSheet(t *testing.T) {
	w := serve(t, site{
		"/":      `<!doctype html><link rel=stylesheet href=%A%/a.css><img src=a.png>`,
		"/a.css": "text/css|p {}",
		"/a.png": "image/png|png",
	}, expired)
	r := w.run(t, "/", nil)
	equal(t, wiretest.Outline(r.Root), `
probe page !tls_expired
  document
    hop
      dns
      connect
      tls
      request
      body
    parse
  asset !tls_expired ?page_blocking
    hop !tls_expired
      dns
      connect
      tls !tls_expired
  asset
    hop
      dns
      connect
      tls
      request
      body
`)
	if r.Outcome != probes.Failed || r.Code != probes.TLSExpired || r.Culprit != "assets.example" {
		t.Errorf("got %s %s %s, want failed tls_expired assets.example", r.Outcome, r.Code, r.Culprit)
	}
}

func TestRuns(t *testing.T) {
	const css, js = "text/css|p {}", "text/javascript|1"
	for _, c := range []struct {
		name  string
		site  site
		other wiretest.Cert
		opt   probes.Options
		want  string
	}{
		{"image missing", site{"/": "<!doctype html><img src=/a.png><img src=/b.png>", "/b.png": "image/png|b"}, wiretest.Cert{}, nil, `
degraded
  image /a.png !http_missing
  image /b.png
  ?page_asset www.example warning`},
		{"images of a host with an expired certificate", site{"/": "<!doctype html><img src=%A%/a.png><img src=%A%/b.png>"}, expired, nil, `
degraded
  image /a.png !tls_expired
  image /b.png !tls_expired
  ?page_asset assets.example warning`},
		{"sheet is an error page", site{"/": "<!doctype html><link rel=stylesheet href=a.css>", "/a.css": "text/html|<!DOCTYPE html><p>login"}, wiretest.Cert{}, nil, `
failed page_blocking www.example
  stylesheet /a.css * !page_blocking`},
		{"sheet declared as css is an error page", site{"/": "<!doctype html><link rel=stylesheet href=a.css>", "/a.css": "text/css|\n<html><p>login"}, wiretest.Cert{}, nil, `
failed page_blocking www.example
  stylesheet /a.css * !page_blocking`},
		{"async script is an error page", site{"/": "<!doctype html><script async src=a.js></script>", "/a.js": "text/html|<!DOCTYPE html><p>login"}, wiretest.Cert{}, nil, `
degraded
  script /a.js !page_asset
  ?page_asset www.example warning`},
		{"script that only the header calls HTML runs", site{"/": "<!doctype html><script src=a.js></script>", "/a.js": "text/html|f()"}, wiretest.Cert{}, nil, `
ok
  script /a.js *`},
		{"empty assets are fine", site{"/": "<!doctype html><link rel=stylesheet href=a.css>", "/a.css": "text/css|"}, wiretest.Cert{}, nil, `
ok
  stylesheet /a.css *`},
		{"blocking script missing", site{"/": "<!doctype html><script src=a.js></script>"}, wiretest.Cert{}, nil, `
failed http_missing www.example
  script /a.js * !http_missing
  ?page_blocking www.example warning`},
		{"import chain and loop", site{
			"/":          "<!doctype html><link rel=stylesheet href=/css/a.css><link rel=stylesheet href=/p.css media=print>",
			"/css/a.css": "text/css|@charset 'utf-8'; @import 'b.css'; @import url(w.css) (min-width: 5000px); p {} @import 'late.css';",
			"/css/b.css": "text/css|@import url( \"/c.css\" ) screen;", "/c.css": "text/css|@import '/css/a.css';",
			"/css/w.css": css, "/p.css": "text/css|@import '/q.css';", "/q.css": css,
		}, wiretest.Cert{}, nil, `
ok
  stylesheet /css/a.css *
  stylesheet /p.css
  stylesheet /css/b.css *
  stylesheet /css/w.css
  stylesheet /q.css
  stylesheet /c.css *`},
		{"import missing", site{"/": "<!doctype html><style>@import '/a.css'</style>"}, wiretest.Cert{}, nil, `
failed http_missing www.example
  stylesheet /a.css * !http_missing
  ?page_blocking www.example warning`},
		{"base", site{"/x/": "<!doctype html><base href=/y/><base href=/z/><img src=a.png>", "/y/a.png": "image/png|a"}, wiretest.Cert{}, nil, `
ok
  image /y/a.png`},
		{"preload and sheet are one fetch, and block", site{"/": "<!doctype html><link rel=preload as=style href=a.css><script src=a.js defer></script><link rel=stylesheet href=a.css#x>", "/a.css": css, "/a.js": js}, wiretest.Cert{}, nil, `
ok
  stylesheet /a.css *
  script /a.js`},
		{"images and fonts of sheets", site{
			"/": "<!doctype html><link rel=stylesheet href=/s/a.css><div class=x style='background: url(/d.png)'>text</div>",
			"/s/a.css": `text/css|.x { background: url(old.png); background: url(a.png) } .y { background: url(b.png) } .x:hover { background: url(c.png) }
				@font-face { font-family: "Big One"; src: url(a.eot); src: url(a.eot?) format("embedded-opentype"), url(a.woff2) format("woff2"), url(a.woff) format("woff") }
				@font-face { font-family: Other; src: url(o.woff2) }
				@font-face { font-family: "Big One"; src: url(greek.woff2); unicode-range: U+370-3FF }
				@media print { .x { background: url(print.png) } }
				.x { font: bold 12px/1.5 "Big One", serif }`,
			"/d.png": "image/png|d", "/s/a.png": "image/png|a", "/s/a.woff2": "font/woff2|f",
		}, wiretest.Cert{}, nil, `
ok
  stylesheet /s/a.css *
  image /d.png
  image /s/a.png
  font /s/a.woff2`},
		{"more assets than max_assets", site{"/": "<!doctype html><img src=1><img src=2><img src=3><img src=4>", "/1": "image/png|1", "/2": "image/png|2"}, wiretest.Cert{}, probes.Options{"max_assets": 2}, `
ok
  image /1
  image /2
  ?guard_budget www.example notice`},
		{"more bytes than max_bytes", site{"/": "<!doctype html><img src=1><img src=2>", "/1": "image/png|" + strings.Repeat("x", 300), "/2": "image/png|2"}, wiretest.Cert{}, probes.Options{"max_bytes": 200}, `
degraded
  image /1
  image /2 !guard_budget
  ?body_size www.example warning
  ?body_size www.example notice`},
		{"document missing", site{}, wiretest.Cert{}, nil, `
failed http_missing www.example`},
		{"document empty", site{"/": ""}, wiretest.Cert{}, nil, `
failed body_empty www.example`},
		{"document is no HTML", site{"/": `application/json|{"error": "none"}`}, wiretest.Cert{}, nil, `
failed media_type www.example`},
		{"document is an image declared as HTML", site{"/": "text/html|\x89PNG\x0D\x0A\x1A\x0A"}, wiretest.Cert{}, nil, `
failed media_type www.example`},
		{"HTML declared as text", site{"/": "text/plain|<!doctype html><p>x"}, wiretest.Cert{}, nil, `
ok
  ?type_mismatch www.example notice`},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := "/"
			if _, ok := c.site["/x/"]; ok {
				path = "/x/"
			}
			equal(t, brief(serve(t, c.site, c.other).run(t, path, c.opt)), c.want)
		})
	}
}

func TestFindingsCountByHost(t *testing.T) {
	w := serve(t, site{"/": "<!doctype html><link rel=stylesheet href=%A%/a.css><img src=%A%/a.png><img src=%A%/b.png><img src=/c.png>", "/a.png": "image/png|a", "/c.png": "image/png|c"}, wiretest.Cert{})
	r := w.run(t, "/", nil)
	want := []probes.Finding{{
		Code: probes.PageAsset, Severity: probes.Warning, Host: "assets.example",
		Detail: "document ok; 2 of 4 assets fail, 1 stylesheet among them, all on assets.example: http_missing; 1 of them block rendering",
	}}
	if d := cmp.Diff(want, r.Root.Findings); d != "" {
		t.Errorf("findings of the root (-want +got):\n%s", d)
	}
}

func TestSkippedIsCounted(t *testing.T) {
	var b strings.Builder
	b.WriteString("<!doctype html>")
	for i := range 600 {
		fmt.Fprintf(&b, "<img src=/%d.png>", i)
	}
	s := site{"/": b.String()}
	for i := range 600 {
		s[fmt.Sprintf("/%d.png", i)] = "image/png|x"
	}
	r := serve(t, s, wiretest.Cert{}).run(t, "/", nil)
	if got := r.Root.Int(probes.AttrAssetsSkipped); got != 100 || len(r.Root.Steps) != 501 {
		t.Errorf("%d steps, %d skipped, want 501 and 100", len(r.Root.Steps), got)
	}
}

func TestCanceledIsUnknown(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	s := site{"/": "<!doctype html><link rel=stylesheet href=a.css>", "/a.css": "text/css|p {}"}
	w := serve(t, s, wiretest.Cert{})
	inner := w.main.Config.Handler
	w.main.Config.Handler = http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/a.css" {
			cancel()
			<-r.Context().Done()
			return
		}
		inner.ServeHTTP(rw, r)
	})
	target := probes.Target{Kind: "page", URL: wiretest.At(w.main, "www.example", "/"), Timeout: 20 * time.Second}
	f, err := page.New(w.net, target)
	if err != nil {
		t.Fatal(err)
	}
	if r := probes.Do(ctx, f, target); r.Outcome != probes.Unknown || r.Code != probes.Canceled {
		t.Errorf("got %s %s, want unknown canceled", r.Outcome, r.Code)
	}
}

func TestOptionErrors(t *testing.T) {
	_, err := page.New(nil, probes.Target{Options: probes.Options{"max_assets": -1, "max_bytes": -2, "parallel": -3, "depth": 1}})
	for _, key := range []string{"max_assets", "max_bytes", "parallel", "depth"} {
		if err == nil || !strings.Contains(err.Error(), key+": ") {
			t.Errorf("error %v says nothing of %s", err, key)
		}
	}
	if _, ok := errors.AsType[*probes.OptionError](err); !ok {
		t.Errorf("got %T, want a *probes.OptionError in it", err)
	}
	if _, err := page.New(nil, probes.Target{}); err != nil {
		t.Errorf("no options: %v", err)
	}
}

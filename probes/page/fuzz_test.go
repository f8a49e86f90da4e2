package page

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/sonde-media/sonde/internal/wire"
	"github.com/sonde-media/sonde/probes"
)

// FuzzAssets reads HTML as a document of https://www.example/ whose sub-
// resources all answer with the same bytes, whatever these are.
func FuzzAssets(f *testing.F) {
	for _, seed := range []string{
		"", "<!doctype html><link rel=stylesheet href=a.css><base href=//b.example/x/><script src=//b.example/a.js nomodule></script>",
		`<picture><source srcset="a 1x, b 2x" media="(min-width: calc(10px + 2em))"><img srcset="a 100w, b 200w," sizes="(max-width:1px) 1vw, calc(50vw - (2 * 3px))"></picture>`,
		"<style>@import 'a'; @font-face{font-family:x;src:url(a)format('woff');unicode-range:U+4??}p{font:1px x;background:image-set('b' 1x)}</style><p style='background:url(%zz)'>x",
		"<template><img src=a></template><noscript><img src=b></noscript><svg><use href=c#d /><script href=e /></svg><audio><source src=f type=audio/mpeg>",
		strings.Repeat("<div>", 600), "\x00<img src='http://[::1'><img src=http:///x><input type=image src=' \t'>",
	} {
		f.Add([]byte(seed))
	}
	page := &url.URL{Scheme: "https", Host: "www.example", Path: "/"}
	f.Fuzz(func(t *testing.T, body []byte) {
		doc, err := readDocument(page, http.Header{}, body, Defaults.Viewport)
		if err != nil {
			if !probes.AsFailure(err).Code.Known() || probes.AsFailure(err).Code == probes.Internal {
				t.Fatalf("error without a code: %v", err)
			}
			return
		}
		c := newCrawl(probes.NewStep("probe page"), doc, Defaults)
		c.fetch = func(_ context.Context, _ *probes.Step, req wire.Request) (*wire.Response, error) {
			u, err := url.Parse(req.URL)
			if err != nil {
				t.Errorf("asked for %q: %v", req.URL, err)
				return nil, probes.Fail(probes.HTTPOther, err)
			}
			return &wire.Response{URL: u, Header: http.Header{}, Body: body, Size: int64(len(body))}, nil
		}
		c.run(t.Context())
		c.verdict()
		for _, a := range c.assets {
			if a.url.Scheme != "https" || a.url.Host == "" || a.url.Fragment != "" {
				t.Errorf("fetched %q", a.url)
			}
		}
		if len(c.assets) > Defaults.MaxAssets {
			t.Errorf("%d assets", len(c.assets))
		}
	})
}

func FuzzCSS(f *testing.F) {
	for _, seed := range []string{
		"", "@import url(a) layer(x) supports(display: grid) screen and (width >= 3px);",
		"@media (400px <= width < 700px), not all and (orientation: portrait) { .a:hover > b { background: url('x\\\n\\41 ') } }",
		"@font-face { font-family: \"a\"; src: local(x), url(a.eot), url(b.woff2) format(woff2); unicode-range: U+0-7F, U+4?? }",
		strings.Repeat("a{", 100), strings.Repeat("(", 100) + "@import", "u\\rl(x)", "<!-- @import 'a' --> }}} ;;;", "a{background:url(",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		s := readSheet(text, nil, Defaults.Viewport)
		readSheet(text, &words{}, phone)
		readStyle(string(text), Defaults.Viewport)
		Defaults.Viewport.matches(string(text))
		Defaults.Viewport.choose(string(text), string(text), "a")
		phone.matches(string(text))
		phone.choose(string(text), string(text), "a")
		if len(s.imports) > maxURLs || len(s.faces) > maxURLs {
			t.Errorf("%d imports, %d faces", len(s.imports), len(s.faces))
		}
	})
}

// Reading must take time in proportion to what is read: were it the square,
// these would take minutes.
func TestLargeInput(t *testing.T) {
	page := &url.URL{Scheme: "https", Host: "www.example", Path: "/"}
	for name, part := range map[string]string{
		"sources": "<source srcset>", "images": "<img src=a srcset='b 1x, c 2x'>", "styles": "<p style='background:url(a)'>",
	} {
		body := "<picture>" + strings.Repeat(part, 1<<18/len(part)) + strings.Repeat("<img src=a>", 1<<18/11)
		if _, err := readDocument(page, http.Header{}, []byte(body), Defaults.Viewport); err != nil {
			t.Logf("%s: %v", name, err)
		}
	}
	deep := "<!doctype html>" + strings.Repeat(strings.Repeat("<div class=x>", 190)+strings.Repeat("</div>", 190), 100)
	doc, err := readDocument(page, http.Header{}, []byte(deep), Defaults.Viewport)
	if err != nil {
		t.Fatal(err)
	}
	for _, selector := range []string{strings.Repeat(".x ", 60) + "> .x", strings.Repeat(".x>", 60) + ".x", strings.Repeat("div ", 30) + "div:not(.x)", "div:has(div:has(div))", "div ~ div"} {
		readSheet([]byte(strings.Repeat(selector+"{background:url(a)}", 2000)), doc.words, Defaults.Viewport)
	}
	for _, part := range []string{"a{", "(", "image-set(", "@font-face{font-family:a;src:url(a);unicode-range:U+1,U+2}", "a:not(", "@media((", ",", "url("} {
		readSheet([]byte(strings.Repeat(part, maxSheet/8/len(part))), &words{runes: []rune("abc")}, Defaults.Viewport)
	}
}

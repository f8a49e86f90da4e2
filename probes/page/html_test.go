package page

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

func TestReferences(t *testing.T) {
	for _, c := range []struct{ name, html, want string }{
		{"srcset by density", `<img src=1.png srcset="2.png 2x, 1a.png 1x, h.png .5x">`, "image /1a.png"},
		{"srcset without density one", `<img src=1.png srcset="2.png 2x, 3.png 3x">`, "image /1.png"},
		{"srcset by width", `<img src=0.png srcset="a.png 320w, b.png 640w, c.png 1300w" sizes="(max-width: 600px) 100vw, calc(50vw - 10px)">`, "image /b.png"},
		{"srcset smaller than its slot", `<img srcset="a.png 320w, b.png 640w">`, "image /b.png"},
		{"srcset with commas in URLs", `<img srcset="a,b.png 1x, c,d.png 2x">`, "image /a,b.png"},
		{"picture takes the first source that fits", `<picture><source media="(max-width: 10px)" srcset=a.png><source type=image/jxl srcset=b.jxl><source srcset="c.webp, c2.webp 2x" type=image/webp><source srcset=d.png><img src=e.png></picture>`, "image /c.webp"},
		{"picture without a source that fits", `<picture><source media=print srcset=a.png><img src=e.png></picture>`, "image /e.png"},
		{"nothing to fetch", `<img src=""><img src=" "><img src="#x"><img src="data:image/png,x"><img><script>1</script><iframe src=about:blank></iframe><a href=x>x</a><use href="#y"/>`, ""},
		{"noscript, template, comment", `<noscript><img src=a></noscript><template><img src=b></template><!-- <img src=c> -->`, ""},
		{"lazy", `<img src=a loading=lazy><iframe src=b loading=LAZY></iframe><img src=c loading=eager>`, "image /c"},
		{
			"scripts", `<head><script src=sync></script><script src=async async></script><script src=defer defer></script><script type=module src=module></script><script nomodule src=old></script><script type=text/template src=t></script><script language=vbscript src=vb></script><script language=JavaScript src=lang></script><script async blocking=render src=ask></script></head><body><script src=late></script>`,
			"script /sync *, script /async, script /defer, script /module, script /lang *, script /ask *, script /late",
		},
		{
			"sheets", `<head><link rel="alternate stylesheet" href=alt><link rel=stylesheet href=print media=print><link rel=stylesheet href=wide media="screen and (min-width: 40em)"><link rel=stylesheet href=off disabled><link rel=stylesheet type=text/less href=less><link rel=STYLESHEET href=a></head><body><link rel=stylesheet href=late>`,
			"stylesheet /print, stylesheet /wide *, stylesheet /a *, stylesheet /late",
		},
		{
			"preloads", `<link rel=preload as=font href=f.woff2 type=font/woff2><link rel=preload as=image imagesrcset="a 1x, b 2x"><link rel=preload as=style href=s media=print><link rel=preload href=none><link rel=modulepreload href=m><link rel=prefetch href=p><link rel=dns-prefetch href=//q.example><link rel="shortcut icon" href=i><link rel=icon href=j>`,
			"font /f.woff2, image /a, script /m, icon /i",
		},
		{
			"players", `<video poster=p src=v></video><video preload=none><source src=n></video><audio><source type=application/x-mpegURL src=h><source type="audio/mpeg; codecs=mp3" src=a><source src=b><track default src=t><track src=u></audio>`,
			"image /p, media /v, media /a, track /t",
		},
		{
			"frames and objects", `<iframe src=f></iframe><iframe srcdoc="<p>" src=g></iframe><object data=o.svg></object><object type=application/x-shockwave-flash data=x></object><embed src=e><input type=image src=i><input type=text src=n><body background=b>`,
			"image /b, frame /f, object /o.svg, object /e, image /i",
		},
		{"svg", `<svg><use href="s.svg#a"/><use xlink:href="#b"/><image xlink:href=i.png /></svg>`, "image /s.svg, image /i.png"},
		{
			"styles", `<head><style>@import "a"; @import url(b) print; div { background: url(c) } .none { background: url(d) } div { cursor: url(e), auto }</style><style media=print>div { background: url(f) }</style><body><div style="background-image: url('g')">`,
			"stylesheet /a *, stylesheet /b, image /c, image /e, image /g",
		},
		{
			"image-set", `<div style="background: image-set('a.avif' type('image/avif'), url(b.png) 2x)"><p style="background: -webkit-image-set(url(c.png) 1x, url(d.png) 2x)">`,
			"image /a.avif, image /c.png",
		},
		{
			"mixed content", `<img src=http://o.example/i><img srcset="http://o.example/j 1x"><video src=http://o.example:80/v></video><script src=http://o.example/s></script><iframe src=http://o.example/f></iframe><link rel=stylesheet href=http://o.example/c>`,
			"image //o.example/i, media //o.example/v",
		},
		{"mixed content upgraded", `<meta http-equiv=Content-Security-Policy content="upgrade-insecure-requests"><script src=http://o.example/s></script>`, "script //o.example/s *"},
		{"base may be relative", `<base href="/x/y"><base href=/z/><img src=a><img src="?q">`, "image /x/a, image /x/y?q"},
	} {
		t.Run(c.name, func(t *testing.T) {
			page := &url.URL{Scheme: "https", Host: "www.example", Path: "/"}
			doc, err := readDocument(page, http.Header{}, []byte("<!doctype html>"+c.html), Defaults.Viewport)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, r := range doc.refs {
				if r.url.Scheme != "https" {
					t.Errorf("%s is not https", r.url)
				}
				text := fmt.Sprintf("%s %s", r.role, strings.TrimPrefix(strings.TrimPrefix(r.url.String(), "https:"), "//www.example"))
				if r.blocking {
					text += " *"
				}
				got = append(got, text)
			}
			if got := strings.Join(got, ", "); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestCharset(t *testing.T) {
	page := &url.URL{Scheme: "https", Host: "www.example", Path: "/"}
	doc, err := readDocument(page, http.Header{"Content-Type": {"text/html; charset=iso-8859-1"}}, []byte("<title>caf\xe9</title>"), Defaults.Viewport)
	if err != nil || doc.title != "café" {
		t.Errorf("title %q, %v; want café", doc.title, err)
	}
	doc, err = readDocument(page, http.Header{}, []byte("\ufeff<title>x</title><link rel=stylesheet href=a>"), Defaults.Viewport)
	if err != nil || !doc.refs[0].blocking {
		t.Errorf("a byte order mark ends the head; %v", err)
	}
}

func TestMediaQueries(t *testing.T) {
	for query, want := range map[string]bool{
		"": true, "all": true, "screen": true, "print": false, "not print": true, "not all": false, "only screen": true,
		"print, screen": true, "screen and (max-width: 600px)": false, "(min-width:600px)": true, "screen and(min-width:600px)": true,
		"(min-width: 1280px) and (max-width: 1280px)": true, "(width >= 80em)": true, "(400px < width <= 700px)": false,
		"not (min-width: 5000px)": true, "(print) or (screen)": false, "(min-width: 5000px) or (hover: hover)": true,
		"(orientation: landscape)": true, "(-webkit-min-device-pixel-ratio: 2)": false, "(max-resolution: 96dpi)": true,
		"(prefers-color-scheme: dark)": false, "(min-aspect-ratio: 16/10)": true, "(min-aspect-ratio: 16/9)": false, "(-ms-high-contrast: active)": false,
		"not (unheard-of)": false, "(color)": true, "(monochrome)": false, "tv, (": false, "((min-width: 1px) and (hover))": true,
	} {
		if got := Defaults.Viewport.matches(query); got != want {
			t.Errorf("%q: got %v, want %v", query, got, want)
		}
	}
}

func TestReferrer(t *testing.T) {
	for _, c := range []struct{ from, to, want string }{
		{"https://u:p@a.example/x?token=1#f", "https://a.example/y", "https://a.example/x?token=1"},
		{"https://a.example/x?token=1", "https://b.example/y", "https://a.example/"},
		{"https://a.example/x", "http://a.example/y", ""},
	} {
		from, _ := url.Parse(c.from)
		to, _ := url.Parse(c.to)
		if got := referrer(from, to); got != c.want {
			t.Errorf("%s to %s: got %q, want %q", c.from, c.to, got, c.want)
		}
	}
}

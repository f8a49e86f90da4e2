package page

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/sonde-media/sonde/probes"
)

var phone = screen{Width: 390, Height: 844, Density: 3}

// What a page makes a browser fetch depends on the screen it is for.
func TestScreens(t *testing.T) {
	page := &url.URL{Scheme: "https", Host: "www.example", Path: "/"}
	for _, c := range []struct{ name, html, wide, narrow string }{
		{"density", `<img src=1 srcset="2 2x, 3 3x, 4 4x">`, "1", "3"},
		{"width", `<img srcset="a 400w, b 800w, c 1200w, d 1400w" sizes="(max-width: 500px) 100vw, 600px">`, "b", "c"},
		{"width in units of the screen", `<img srcset="a 100w, b 700w, c 900w" sizes="calc(50vmin + 10dvh)">`, "b", "c"},
		{"enough, not nearer", `<img srcset="a 1100w, b 3000w" sizes=100vw>`, "b", "b"},
		{"picture", `<picture><source media="(orientation: portrait)" srcset="p, q 2x"><source media="(min-resolution: 2dppx)" srcset=r><img src=i></picture>`, "i", "q"},
		{"preload", `<link rel=preload as=image href=i imagesrcset="a 300w, b 1200w" imagesizes=100vw><link rel=preload as=image href=n media="(max-width: 640px)">`, "b", "b n"},
		{"sheets", `<head><link rel=stylesheet href=w media="(min-width: 641px)"><link rel=stylesheet href=n media="(max-width: 640px)">`, "w* n", "w n*"},
		{"style", `<style media="(-webkit-min-device-pixel-ratio: 2)">p { background: url(hi) }</style><style media="(max-resolution: 1.5dppx)">p { background: url(lo) }</style><p>x`, "lo", "hi"},
		{"imports", `<head><style>@import "w" (width >= 1000px); @import "n" screen and (max-aspect-ratio: 1/1);</style>`, "w* n", "w n*"},
		{"rules", `<style>@media (max-height: 800px) { p { background: url(low) } } @media (min-width: 100vw) and (max-width: 30em) { p { background: url(slim) } }</style><p>x`, "low", "slim"},
		{"image-set", `<p style="background: image-set(url(a) 1x, 'b' 192dpi, url(c.jxl) type('image/jxl') 3x, url(d) 4dppx type('image/png'))">`, "a", "d"},
		{"image-set without enough", `<p style="background: image-set(url(a) .5x, url(b) 0.75x)"><i style="background: -webkit-image-set(linear-gradient(90deg, red 2px, blue) 1x, url(c) 2x)">`, "b", "b c"},
		{"sources of a player", `<video><source media="(max-width: 640px)" src=n><source src=w></video>`, "w", "n"},
	} {
		for v, want := range map[screen]string{Defaults.Viewport: c.wide, phone: c.narrow} {
			doc, err := readDocument(page, http.Header{}, []byte("<!doctype html>"+c.html), v)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, r := range doc.refs {
				name := strings.TrimPrefix(r.url.Path, "/")
				if r.blocking {
					name += "*"
				}
				got = append(got, name)
			}
			if got := strings.Join(got, " "); got != want {
				t.Errorf("%s at %d: got %s, want %s", c.name, v.Width, got, want)
			}
		}
	}
}

// What a sheet leads to depends on the screen as what a document does.
func TestScreenOfSheets(t *testing.T) {
	const text = `@import "n" (max-width: 640px); @import "w" (min-width: 641px); @media (min-resolution: 2x) { p { background: url(hi) } }`
	for v, want := range map[screen]string{Defaults.Viewport: "n w+", phone: "n+ w hi"} {
		s := readSheet([]byte(text), nil, v)
		var got []string
		for _, i := range s.imports {
			got = append(got, i.url+map[bool]string{true: "+"}[i.applies])
		}
		if got := strings.Join(slices.Concat(got, s.images), " "); got != want {
			t.Errorf("at %d: got %s, want %s", v.Width, got, want)
		}
	}
}

func TestViewportOption(t *testing.T) {
	for _, c := range []struct {
		name string
		give any
		want string // of the error, "" for none
	}{
		{"all of it", map[string]any{"width": 390, "height": 844, "density": 3}, ""},
		{"a part of it", map[string]any{"density": 1.5}, ""},
		{"nothing of it", map[string]any{}, ""},
		{"out of bounds", map[string]any{"width": 0, "height": 16385, "density": 0.4}, "viewport.width: want 1 to 16384, got 0\nviewport.height: want 1 to 16384, got 16385\nviewport.density: want 0.5 to 8, got 0.4"},
		{"unknown key", map[string]any{"with": 390}, `viewport: want a mapping of width and height to whole numbers and density to a number, got {"with":390}`},
		{"no mapping", "390x844", `viewport: want a mapping of width and height to whole numbers and density to a number, got "390x844"`},
		{"no whole number", map[string]any{"width": 390.5}, `viewport: want a mapping of width and height to whole numbers and density to a number, got {"width":390.5}`},
	} {
		got := ""
		if _, err := New(nil, probes.Target{Options: probes.Options{"viewport": c.give}}); err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%s: got %s, want %s", c.name, got, c.want)
		}
	}
	o := Defaults
	if err := (probes.Options{"viewport": map[string]any{"width": 390}}).Decode(&o); err != nil || o.Viewport.Width != 390 || o.Viewport.Height != 800 || o.Viewport.Density != 1 {
		t.Errorf("got %+v, %v; want the rest as by default", o.Viewport, err)
	}
}

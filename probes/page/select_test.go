package page

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
)

func TestSelects(t *testing.T) {
	const text = `<!doctype html><title>x</title><div class="a b"><ul id=u><li class=c>x</ul></div><p hidden class=h><i class=k>x</i></p><p style="color: red; display :  none"><b class=n>x</b></p><p class=c>`
	page := &url.URL{Scheme: "https", Host: "www.example", Path: "/"}
	doc, err := readDocument(page, http.Header{}, []byte(text), Defaults.Viewport)
	if err != nil {
		t.Fatal(err)
	}
	for selector, want := range map[string]bool{
		"": true, "*": true, "p": true, ".a.b": true, "div.c": false, ".a .c": true, ".a > .c": false, "#u>.c": true, "div > ul > li.c": true,
		"ul > p": false, ".a .h, .c": true, ".c .c": false, "html body .a ul .c": true, "li:first-child": true, ".c::before": true, "li:not(.c):before": true,
		".h": false, ".k": false, ".n": false, "title": false, "p + p": true, "[data-x]": true, "&.q": true, "ul .a .c": false,
	} {
		if got := doc.words.selects(selector); got != want {
			t.Errorf("%q: got %v", selector, got)
		}
	}
	doc.words.visits = 0
	if !doc.words.selects("div.c") {
		t.Error("past the bound what selectors name is enough")
	}
}

// Of a family's faces those are fetched that the text is drawn with.
func TestFaces(t *testing.T) {
	const faces = `@font-face{font-family:f;src:url(r)} @font-face{font-family:f;src:url(b);font-weight:bold}
		@font-face{font-family:f;src:url(i);font-style:italic} @font-face{font-family:f;src:url(l);font-weight:100 300} p{font-family:f}`
	for _, c := range []struct{ name, css, html, want string }{
		{"regular", "", "<p>x", "r"},
		{"elements that are bold and italic", "", "<p><b>x</b><em>x</em>", "b i r"},
		{"bold by a rule", "p{font-weight:600}", "<p>x", "b r"},
		{"bold by a rule for nothing", ".q{font-weight:600}", "<p>x", "r"},
		{"light", "p{font:300 1em f}", "<p>x", "l r"},
		{"a heading that a rule makes plain", "h1{font-weight:normal}", "<h1>x</h1><p>x", "r"},
		{"a style attribute", "", "<p style='font-style:italic'>x", "i r"},
		{"what a variable holds isn't known", "p{font-weight:var(--w)}", "<p>x", "b i l r"},
	} {
		page := &url.URL{Scheme: "https", Host: "www.example", Path: "/"}
		doc, err := readDocument(page, http.Header{}, []byte("<!doctype html><style>"+faces+c.css+"</style>"+c.html), Defaults.Viewport)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, f := range newCrawl(nil, doc, Defaults).fonts() {
			got = append(got, strings.TrimPrefix(f.url.Path, "/"))
		}
		if slices.Sort(got); strings.Join(got, " ") != c.want {
			t.Errorf("%s: got %v, want %s", c.name, got, c.want)
		}
	}
}

// Elements may be nested deeper than the parser takes.
func TestShallow(t *testing.T) {
	page := &url.URL{Scheme: "https", Host: "www.example", Path: "/"}
	body := "<!doctype html><head><link rel=stylesheet href=a></head>" + strings.Repeat("<div class=d><b>", 2000) +
		"<script>if (a < b) '<img src=no>'</script><img src=i><style>.e{background:url(s)}</style><p class=e>x" + strings.Repeat("</b></div>", 2000) + "<img src=z>"
	doc, err := readDocument(page, http.Header{}, []byte(body), Defaults.Viewport)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range doc.refs {
		got = append(got, r.url.Path)
	}
	if got := strings.Join(got, " "); got != "/a /i /s /z" || !doc.refs[0].blocking {
		t.Errorf("got %s", got)
	}
}

package page

import (
	"bytes"
	"io"

	"golang.org/x/net/html"
)

// deepest is how many elements may be open where one more is closed at once.
// The parser takes 512, and opens some again by itself.
const deepest = 200

// shallow rewrites HTML so that nothing in it is nested deep: an element that
// begins too far down ends at once, and what it held stands behind it. All
// elements stay, with their attributes and in their order.
func shallow(text io.Reader) []byte {
	var out bytes.Buffer
	open, closed := 0, map[string]int{} // elements by name that ended at once
	for z := html.NewTokenizer(text); ; {
		kind := z.Next()
		if kind == html.ErrorToken {
			return out.Bytes()
		}
		if kind != html.StartTagToken && kind != html.EndTagToken {
			out.Write(z.Raw())
			continue
		}
		raw := bytes.Clone(z.Raw()) // reading the name changes it
		tag, _ := z.TagName()
		name := string(tag)
		switch {
		case voids[name]:
			out.Write(raw)
		case kind == html.StartTagToken && open < deepest:
			open++
			out.Write(raw)
		case kind == html.StartTagToken && texts[name]:
			open++ // or its text would be read as HTML
			out.Write(raw)
		case kind == html.StartTagToken:
			closed[name]++
			out.Write(raw)
			out.WriteString("</" + name + ">")
		case closed[name] > 0:
			closed[name]--
		default:
			open = max(0, open-1)
			out.Write(raw)
		}
	}
}

// voids are elements without content; texts are those whose content is no HTML
// (HTML, 13.1.2).
var (
	voids = map[string]bool{
		"area": true, "base": true, "br": true, "col": true, "embed": true, "hr": true, "img": true, "input": true,
		"link": true, "meta": true, "param": true, "source": true, "track": true, "wbr": true,
	}
	texts = map[string]bool{
		"iframe": true, "noembed": true, "noframes": true, "noscript": true, "plaintext": true, "script": true,
		"style": true, "textarea": true, "title": true, "xmp": true,
	}
)

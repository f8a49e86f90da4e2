package page

import (
	"slices"
	"strings"

	"golang.org/x/net/html"
)

// attr returns an attribute of n by its key, with its prefix where the parser
// took one off ("xlink:href").
func attr(n *html.Node, key string) string {
	v, _ := lookup(n, key)
	return v
}

func has(n *html.Node, key string) bool {
	_, ok := lookup(n, key)
	return ok
}

func lookup(n *html.Node, key string) (string, bool) {
	for _, a := range n.Attr {
		name := a.Key
		if a.Namespace != "" {
			name = a.Namespace + ":" + a.Key
		}
		if name == key {
			return a.Val, true
		}
	}
	return "", false
}

// text returns the text right below n.
func text(n *html.Node) string {
	var b strings.Builder
	for c := range n.ChildNodes() {
		if c.Type == html.TextNode {
			b.WriteString(c.Data)
		}
	}
	return b.String()
}

func bounded(s string, characters int) string {
	if r := []rune(s); len(r) > characters {
		return string(r[:characters])
	}
	return s
}

func isLazy(n *html.Node) bool { return strings.EqualFold(attr(n, "loading"), "lazy") }

// isType reports whether n states the media type want or none.
func isType(n *html.Node, want string) bool {
	t, _, _ := strings.Cut(attr(n, "type"), ";")
	t = strings.TrimSpace(t)
	return t == "" || strings.EqualFold(t, want)
}

// typeRead reports whether browsers read the media type of a source or
// preload; an unstated one they try.
func typeRead(mediaType string) bool {
	t, _, _ := strings.Cut(strings.ToLower(mediaType), ";")
	switch t = strings.TrimSpace(t); t {
	case "image/jxl", "image/jp2", "image/vnd.ms-photo", "image/heic", "image/tiff", "font/eot", "application/vnd.ms-fontobject":
		return false
	default:
		return true
	}
}

// playable reports whether browsers play a source of audio or video.
func playable(mediaType string) bool {
	t, _, _ := strings.Cut(strings.ToLower(mediaType), ";")
	t = strings.TrimSpace(t)
	return t == "" || slices.Contains([]string{
		"video/mp4", "video/webm", "video/ogg", "video/x-m4v", "application/ogg",
		"audio/mpeg", "audio/mp3", "audio/mp4", "audio/x-m4a", "audio/aac", "audio/ogg", "audio/webm",
		"audio/wav", "audio/wave", "audio/x-wav", "audio/flac", "audio/x-flac",
	}, t)
}

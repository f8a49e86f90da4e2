package page

import (
	"slices"
	"strings"

	"github.com/tdewolff/parse/v2/css"
)

// imageURLs returns the URLs of a value, of an image-set the one taken.
func (v screen) imageURLs(value []token) (urls []string) {
	for i := 0; i < len(value); i++ {
		switch t := value[i]; {
		case t.kind == css.URLToken:
			urls = append(urls, urlText(t))
		case t.kind == css.FunctionToken && strings.HasSuffix(strings.ToLower(string(t.text)), "image-set("):
			end := closing(value, i)
			if u := v.imageOfSet(value[i+1 : end]); u != "" {
				urls = append(urls, u)
			}
			i = end - 1
		}
	}
	return urls
}

// imageOfSet returns the URL of the option of an image-set that is taken: of
// those in a format browsers read the better (CSS Images 4, 2.4).
func (v screen) imageOfSet(options []token) (best string) {
	have := -1.0
	for _, option := range splitCommas(options) {
		density, read := v.option(option)
		if !read || !v.better(density, have) {
			continue
		}
		best, have = "", density // a gradient has none
		if i := slices.IndexFunc(option, isURL); i >= 0 {
			best = urlText(option[i])
		}
	}
	return best
}

// option reads what an option of an image-set says after its image: a density,
// 1 by default, and whether browsers read its type.
func (v screen) option(t []token) (density float64, read bool) {
	density, read = 1, true
	for i, k := range t {
		switch {
		case k.kind == css.DimensionToken && isResolution(k):
			density, _ = v.length(strings.ToLower(string(k.text)))
		case k.kind == css.FunctionToken && strings.EqualFold(string(k.text), "type(") && i+1 < len(t):
			read = typeRead(unquote(string(t[i+1].text)))
		}
	}
	return density, read
}

// isResolution tells a density from the lengths and angles of gradients.
func isResolution(t token) bool {
	unit := strings.TrimLeft(strings.ToLower(string(t.text)), "+0123456789.")
	return slices.Contains([]string{"x", "dppx", "dpi", "dpcm"}, unit)
}

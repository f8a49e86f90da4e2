package page

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/tdewolff/parse/v2/css"
	"golang.org/x/net/html"
)

// words are the names a document has, by which rules that can't apply to it
// are told. The nil words match every rule.
type words struct {
	tags, classes, ids map[string]bool
	runes              []rune // of the text, sorted
	tree               *html.Node
	visits             int // of elements that are left
	hidden             map[*html.Node]bool
}

// wordsOf returns the words of the document whose root is top.
func wordsOf(top *html.Node) *words {
	w := &words{tree: top, visits: maxVisits, hidden: map[*html.Node]bool{}, tags: map[string]bool{}, classes: map[string]bool{}, ids: map[string]bool{}}
	runes := map[rune]bool{}
	for n := range top.Descendants() {
		switch n.Type {
		case html.TextNode:
			for _, r := range n.Data {
				runes[r] = true
			}
		case html.ElementNode:
			w.note(n)
		}
	}
	w.hide(top, false)
	w.runes = slices.Sorted(maps.Keys(runes))
	return w
}

// note adds the names of n.
func (w *words) note(n *html.Node) {
	w.tags[n.Data] = true
	for class := range strings.FieldsSeq(attr(n, "class")) {
		w.classes[class] = true
	}
	if id := attr(n, "id"); id != "" {
		w.ids[id] = true
	}
}

// match reports whether one of the selectors in t names only what is there.
// It errs on the side of yes: how the named elements stand to each other is
// not looked at.
func (w *words) match(t []token) bool {
	if w == nil {
		return true
	}
	for _, selector := range splitCommas(t) {
		if w.has(trim(selector)) {
			return true
		}
	}
	return false
}

func (w *words) has(t []token) bool {
	for i := 0; i < len(t); i++ {
		switch t[i].kind {
		case css.LeftBracketToken:
			for i < len(t) && t[i].kind != css.RightBracketToken {
				i++
			}
		case css.ColonToken:
			for i+1 < len(t) && t[i+1].kind == css.ColonToken {
				i++
			}
			if i++; i == len(t) || awaits(t[i]) {
				return false
			}
			if t[i].kind == css.FunctionToken {
				i = closing(t, i) - 1
			}
		case css.HashToken:
			if !w.ids[unquote(string(t[i].text[1:]))] {
				return false
			}
		case css.IdentToken:
			name := unquote(string(t[i].text))
			if i > 0 && t[i-1].kind == css.DelimToken && t[i-1].text[0] == '.' {
				if !w.classes[name] {
					return false
				}
			} else if !w.tags[strings.ToLower(name)] {
				return false
			}
		}
	}
	return len(t) > 0
}

// awaits reports whether a pseudo-class or pseudo-element holds only when
// somebody acts, or in other browsers.
func awaits(t token) bool {
	switch name := strings.ToLower(string(t.text)); name {
	case "hover", "active", "focus", "focus-within", "focus-visible", "visited", "target", "selection":
		return true
	default:
		return strings.HasPrefix(name, "-moz-") || strings.HasPrefix(name, "-ms-") || strings.HasPrefix(name, "-o-")
	}
}

// inRange reports whether the text has a character of a unicode-range.
func (w *words) inRange(value []token) bool {
	if w == nil {
		return true
	}
	for _, item := range strings.Split(joined(value), ",") {
		first, last, ok := unicodeRange(strings.TrimSpace(item))
		if !ok {
			return true
		}
		i, _ := slices.BinarySearch(w.runes, max(first, ' '+1))
		if i < len(w.runes) && w.runes[i] <= last {
			return true
		}
	}
	return false
}

// unicodeRange reads U+26, U+0-7F or U+4??.
func unicodeRange(s string) (first, last rune, ok bool) {
	if len(s) < 3 || !strings.EqualFold(s[:2], "u+") {
		return 0, 0, false
	}
	from, to, isRange := strings.Cut(s[2:], "-")
	if !isRange {
		from, to = strings.ReplaceAll(from, "?", "0"), strings.ReplaceAll(from, "?", "f")
	}
	a, err1 := strconv.ParseUint(from, 16, 31)
	b, err2 := strconv.ParseUint(to, 16, 31)
	return rune(a), rune(b), err1 == nil && err2 == nil
}

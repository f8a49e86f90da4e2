package page

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/tdewolff/parse/v2/css"
)

// imageProperties maps properties whose images are fetched to what they set.
var imageProperties = map[string]string{
	"background":          "background",
	"background-image":    "background",
	"border-image":        "border",
	"border-image-source": "border",
	"list-style":          "list",
	"list-style-image":    "list",
	"content":             "content",
	"cursor":              "cursor",
	"mask":                "mask",
	"mask-image":          "mask",
	"-webkit-mask":        "mask",
	"-webkit-mask-image":  "mask",
}

// declare reads a declaration of b.
func (r *cssReader) declare(b *block, t []token) {
	if t[0].kind != css.IdentToken {
		return // a custom property, or a trick for an old browser
	}
	name := strings.ToLower(string(t[0].text))
	value := trim(t[1:])
	if len(value) == 0 || value[0].kind != css.ColonToken {
		return
	}
	value = trim(value[1:])
	if foreign(value) {
		return
	}
	if b.kind == fontFace {
		r.describe(&b.face, name, value)
		return
	}
	switch name {
	case "font-family", "font", "font-weight", "font-style":
		if r.applies(b) {
			r.font(b, name, value)
		}
	default:
		b.set(imageProperties[name], r.screen.imageURLs(value))
	}
}

// font notes what a rule asks of fonts.
func (r *cssReader) font(b *block, name string, value []token) {
	if name == "font" || name == "font-family" {
		r.out.families = append(r.out.families, families(value)...)
	}
	if name == "font-family" {
		return
	}
	if isWord(b.selector) {
		r.out.letters.own(strings.ToLower(b.selector))
	}
	if name == "font" {
		value = splitCommas(value)[0]
	}
	for _, t := range value {
		switch word := strings.ToLower(string(t.text)); {
		case strings.HasPrefix(word, "var(") || strings.HasPrefix(word, "calc("):
			r.out.letters.any = true
		case word == "italic" || word == "oblique":
			r.out.letters.italic = true
		default:
			if w := weight(word); w != 0 && (t.kind == css.IdentToken || t.kind == css.NumberToken) {
				r.out.letters.weigh(w)
			}
		}
	}
}

// weight is a value of font-weight as a number, 0 where it is none. What is
// relative is taken to its usual end.
func weight(word string) int {
	switch word {
	case "bold", "bolder":
		return 700
	case "lighter":
		return 300
	case "normal":
		return 400
	}
	if n, err := strconv.Atoi(word); err == nil && n >= 100 && n <= 1000 {
		return n
	}
	return 0
}

// isWord reports whether a selector is the name of an element alone.
func isWord(selector string) bool {
	return selector != "" && !strings.ContainsFunc(selector, func(c rune) bool { return c != '-' && !unicode.IsLetter(c) && !unicode.IsDigit(c) })
}

func (b *block) set(prop string, urls []string) {
	if prop == "" {
		return
	}
	if b.props == nil {
		b.props = map[string][]string{}
	}
	if !slices.Contains(b.order, prop) {
		b.order = append(b.order, prop)
	}
	b.props[prop] = urls
}

// foreign reports whether a value is in the dialect of other browsers, which
// makes the declaration void.
func foreign(value []token) bool {
	for _, t := range value {
		if t.kind != css.FunctionToken && t.kind != css.IdentToken {
			continue
		}
		for _, prefix := range []string{"-moz-", "-ms-", "-o-"} {
			if strings.HasPrefix(strings.ToLower(string(t.text)), prefix) {
				return true
			}
		}
	}
	return false
}

// describe reads a descriptor of an @font-face.
func (r *cssReader) describe(f *face, name string, value []token) {
	switch name {
	case "font-family":
		f.family = strings.Join(families(value), "")
	case "src":
		f.url = fontSource(value)
	case "font-weight":
		f.letter.light, f.letter.heavy = weights(value)
	case "font-style":
		f.letter.italic = !strings.EqualFold(joined(value), "normal")
	case "unicode-range":
		if !r.words.inRange(value) {
			f.idle = true
		}
	}
}

// weights are those of a face: one, or from one to another.
func weights(value []token) (light, heavy int) {
	for _, t := range value {
		if w := weight(strings.ToLower(string(t.text))); w != 0 {
			light = min(cmp.Or(light, w), w)
			heavy = max(heavy, w)
		}
	}
	return cmp.Or(light, regular.light), cmp.Or(heavy, regular.heavy)
}

// fontSource returns the first source in a format that browsers read.
func fontSource(value []token) string {
	for _, source := range splitCommas(value) {
		i := slices.IndexFunc(source, func(t token) bool { return t.kind == css.URLToken })
		if i >= 0 && formatRead(source[i+1:]) {
			return urlText(source[i])
		}
	}
	return ""
}

// formatRead reports whether browsers read the format that follows a source's
// URL, or none is named.
func formatRead(t []token) bool {
	i := slices.IndexFunc(t, func(t token) bool { return strings.EqualFold(string(t.text), "format(") })
	if i < 0 {
		return true
	}
	for _, t := range t[i+1:] {
		if t.kind == css.StringToken || t.kind == css.IdentToken {
			name := strings.TrimSuffix(strings.ToLower(unquote(string(t.text))), "-variations")
			return slices.Contains([]string{"woff2", "woff", "truetype", "opentype", "collection"}, name)
		}
	}
	return false
}

// families returns the names in a value of font-family or font, lower case.
func families(value []token) (names []string) {
	for _, item := range splitCommas(value) {
		item = trim(item)
		if i := slices.IndexFunc(item, func(t token) bool { return t.kind == css.StringToken }); i >= 0 {
			names = append(names, strings.ToLower(unquote(string(item[i].text))))
			continue
		}
		var words []string // the last run of identifiers; before it stands a size
		for _, t := range item {
			switch t.kind {
			case css.IdentToken:
				words = append(words, strings.ToLower(string(t.text)))
			case css.WhitespaceToken:
			default:
				words = nil
			}
		}
		if len(words) > 0 {
			names = append(names, strings.Join(words, " "))
		}
	}
	return names
}

func splitCommas(t []token) (lists [][]token) {
	start, open := 0, 0
	for i, k := range t {
		switch k.kind {
		case css.FunctionToken, css.LeftParenthesisToken:
			open++
		case css.RightParenthesisToken:
			open--
		case css.CommaToken:
			if open == 0 {
				lists = append(lists, t[start:i])
				start = i + 1
			}
		}
	}
	return append(lists, t[start:])
}

// unquote takes quotes off and resolves escapes (CSS Syntax 3, 4.3.7).
func unquote(s string) string {
	if len(s) > 0 && (s[0] == '"' || s[0] == '\'') {
		s = strings.TrimSuffix(s[1:], s[:1])
	}
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			b.WriteByte(s[i])
			continue
		}
		n := hexDigits(s[i+1:])
		if n == 0 { // the next character stands for itself
			i++
			b.WriteByte(s[i])
			continue
		}
		code, _ := strconv.ParseUint(s[i+1:i+1+n], 16, 32)
		b.WriteRune(validRune(rune(code)))
		if i += n; i+1 < len(s) && s[i+1] == ' ' {
			i++ // ends the escape
		}
	}
	return b.String()
}

// hexDigits counts the hexadecimal digits that s begins with, six at most.
func hexDigits(s string) int {
	rest := strings.TrimLeft(s[:min(len(s), 6)], "0123456789abcdefABCDEF")
	return min(len(s), 6) - len(rest)
}

func validRune(r rune) rune {
	if r == 0 || !utf8.ValidRune(r) {
		return utf8.RuneError
	}
	return r
}

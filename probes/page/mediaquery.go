package page

import (
	"slices"
	"strconv"
	"strings"
)

// matches evaluates a list of media queries (Media Queries 4) for the screen.
// What it doesn't know makes a query false.
func (v screen) matches(list string) bool {
	if strings.TrimSpace(list) == "" {
		return true
	}
	if len(list) > maxQuery {
		return false
	}
	for _, q := range splitOutside(strings.ToLower(list), ',') {
		if matches, known := v.query(q, 0); matches && known {
			return true
		}
	}
	return false
}

// Limits on what is evaluated.
const (
	maxQuery      = 4096 // bytes of a list of queries or sizes
	maxConditions = 16   // parentheses within each other
)

// query evaluates one query or condition, and reports whether it knows all
// that is asked.
func (v screen) query(q string, depth int) (matches, known bool) {
	if depth > maxConditions {
		return false, false
	}
	negate, either := false, false
	var results []bool
	for i, word := range queryWords(q) {
		switch {
		case i == 0 && word == "only" || word == "and":
		case word == "not":
			negate = true
		case word == "or":
			either = true
		case word[0] == '(':
			m, known := v.condition(strings.TrimSuffix(word[1:], ")"), depth)
			if !known {
				return false, false
			}
			results = append(results, m)
		default:
			results = append(results, word == "all" || word == "screen")
		}
	}
	if either {
		matches = slices.Contains(results, true)
	} else {
		matches = !slices.Contains(results, false) && len(results) > 0
	}
	return matches != negate, true
}

// condition evaluates what stands in parentheses.
func (v screen) condition(c string, depth int) (matches, known bool) {
	c = strings.TrimSpace(c)
	if strings.HasPrefix(c, "(") || strings.HasPrefix(c, "not ") || strings.HasPrefix(c, "not(") {
		return v.query(c, depth+1)
	}
	name, value, ok := strings.Cut(c, ":")
	if !ok {
		if strings.ContainsAny(c, "<>=") {
			return v.interval(c)
		}
		return v.compares(c, "")
	}
	return v.compares(strings.TrimSpace(name), strings.TrimSpace(value))
}

// words that any screen's features are.
var screenWords = map[string]string{
	"hover": "hover", "any-hover": "hover", "pointer": "fine", "any-pointer": "fine",
	"prefers-color-scheme": "light", "prefers-reduced-motion": "no-preference", "prefers-contrast": "no-preference",
	"prefers-reduced-data": "no-preference", "prefers-reduced-transparency": "no-preference",
	"display-mode": "browser", "scripting": "enabled", "update": "fast", "color-gamut": "srgb",
	"forced-colors": "none", "inverted-colors": "none", "dynamic-range": "standard", "scan": "progressive",
	"overflow-block": "scroll", "overflow-inline": "scroll",
}

// numbers that any screen's features are.
var screenNumbers = map[string]float64{"color": 8, "color-index": 0, "monochrome": 0, "grid": 0}

// compares evaluates "name: value"; without a value it asks whether the
// feature is there at all.
func (v screen) compares(name, value string) (matches, known bool) {
	name = strings.TrimPrefix(name, "-webkit-")
	least, isLeast := strings.CutPrefix(name, "min-")
	most, isMost := strings.CutPrefix(name, "max-")
	if isLeast || isMost {
		have, ok := v.feature(strings.TrimPrefix(map[bool]string{true: least, false: most}[isLeast], "-moz-"))
		want, isNumber := v.number(value)
		return isLeast && have >= want || isMost && have <= want, ok && isNumber
	}
	if have, ok := v.word(name); ok {
		return value == have || value == "" && have != "none" && have != "no-preference", true
	}
	have, ok := v.feature(name)
	if value == "" {
		return have != 0, ok
	}
	want, isNumber := v.number(value)
	return have == want, ok && isNumber
}

// interval evaluates a range such as "400px <= width < 700px".
func (v screen) interval(c string) (matches, known bool) {
	c = strings.NewReplacer("<=", " ≤ ", ">=", " ≥ ", "<", " < ", ">", " > ", "=", " = ").Replace(c)
	f := strings.Fields(c)
	if len(f) != 3 && len(f) != 5 {
		return false, false
	}
	matches = true
	for i := 0; i+2 < len(f); i += 2 {
		a, ok1 := v.side(f[i])
		b, ok2 := v.side(f[i+2])
		if !ok1 || !ok2 {
			return false, false
		}
		matches = matches && compare(a, f[i+1], b)
	}
	return matches, true
}

func (v screen) side(s string) (float64, bool) {
	if have, ok := v.feature(s); ok {
		return have, true
	}
	return v.number(s)
}

func compare(a float64, op string, b float64) bool {
	switch op {
	case "<":
		return a < b
	case "≤":
		return a <= b
	case ">":
		return a > b
	case "≥":
		return a >= b
	}
	return a == b
}

// number reads a plain number, a ratio, a resolution in dppx, or a length in
// pixels.
func (v screen) number(s string) (float64, bool) {
	if a, b, ok := strings.Cut(s, "/"); ok {
		x, err1 := strconv.ParseFloat(strings.TrimSpace(a), 64)
		y, err2 := strconv.ParseFloat(strings.TrimSpace(b), 64)
		return x / y, err1 == nil && err2 == nil
	}
	return v.length(s)
}

// queryWords splits a query into words and parenthesised groups.
func queryWords(q string) (words []string) {
	for _, w := range splitOutside(q, ' ') {
		for w != "" { // "and(" and ")and" occur
			i := strings.IndexByte(w, '(')
			switch {
			case i > 0:
				words, w = append(words, w[:i]), w[i:]
			case i == 0:
				end := groupEnd(w)
				words, w = append(words, w[:end]), w[end:]
			default:
				words, w = append(words, w), ""
			}
		}
	}
	return words
}

// groupEnd returns the index after the parenthesis that closes s[0].
func groupEnd(s string) int {
	open := 0
	for i := range len(s) {
		switch s[i] {
		case '(':
			open++
		case ')':
			if open--; open == 0 {
				return i + 1
			}
		}
	}
	return len(s)
}

// splitOutside splits s at sep, or at any white space where that is a space,
// outside parentheses; empty parts are left out.
func splitOutside(s string, sep byte) (parts []string) {
	open, start := 0, 0
	cut := func(end int) {
		if p := strings.TrimSpace(s[start:end]); p != "" {
			parts = append(parts, p)
		}
		start = end + 1
	}
	for i := range len(s) {
		switch c := s[i]; {
		case c == '(':
			open++
		case c == ')':
			open--
		case open <= 0 && (c == sep || sep == ' ' && strings.IndexByte("\t\r\n\f", c) >= 0):
			cut(i)
		}
	}
	if start < len(s) {
		cut(len(s))
	}
	return parts
}

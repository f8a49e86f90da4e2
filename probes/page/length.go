package page

import (
	"slices"
	"strconv"
	"strings"
)

// units are lengths in pixels and resolutions in dppx that are the same on any
// screen.
var units = map[string]float64{
	"": 1, "px": 1, "em": emPixels, "rem": emPixels, "ex": emPixels / 2, "ch": emPixels / 2,
	"cm": 96 / 2.54, "mm": 96 / 25.4, "in": 96, "pt": 96 / 72.0, "pc": 16,
	"dppx": 1, "x": 1, "dpi": 1 / 96.0, "dpcm": 2.54 / 96,
}

// length evaluates a number with a unit, or a calc(), min(), max() or clamp()
// of such.
func (v screen) length(s string) (float64, bool) {
	e := expression{screen: v, rest: s}
	sum, ok := e.sum(0)
	return sum, ok && strings.TrimSpace(e.rest) == ""
}

// An expression is arithmetic yet to be read (CSS Values 4, 10).
type expression struct {
	screen screen
	rest   string
}

func (e *expression) sum(depth int) (float64, bool) {
	v, ok := e.product(depth)
	for ok {
		op := e.operator("+-")
		if op == 0 {
			break
		}
		var w float64
		if w, ok = e.product(depth); op == '+' {
			v += w
		} else {
			v -= w
		}
	}
	return v, ok
}

func (e *expression) product(depth int) (float64, bool) {
	v, ok := e.value(depth)
	for ok {
		op := e.operator("*/")
		if op == 0 {
			break
		}
		var w float64
		if w, ok = e.value(depth); op == '*' {
			v *= w
		} else {
			v /= w
		}
	}
	return v, ok
}

func (e *expression) operator(ops string) byte {
	e.rest = strings.TrimLeft(e.rest, " \t\r\n\f")
	if e.rest == "" || strings.IndexByte(ops, e.rest[0]) < 0 {
		return 0
	}
	op := e.rest[0]
	e.rest = e.rest[1:]
	return op
}

// value reads a number with its unit, or a function of sums.
func (e *expression) value(depth int) (float64, bool) {
	e.rest = strings.TrimLeft(e.rest, " \t\r\n\f")
	if i := strings.IndexByte(e.rest, '('); i >= 0 && depth < maxConditions {
		if f := functions[e.rest[:i]]; f != nil {
			e.rest = e.rest[i+1:]
			args, ok := e.arguments(depth + 1)
			if !ok {
				return 0, false
			}
			return f(args), true
		}
	}
	n := 0
	for n < len(e.rest) && (strings.IndexByte("0123456789.", e.rest[n]) >= 0 || n == 0 && strings.IndexByte("+-", e.rest[n]) >= 0) {
		n++
	}
	v, err := strconv.ParseFloat(e.rest[:n], 64)
	u := n
	for u < len(e.rest) && 'a' <= e.rest[u] && e.rest[u] <= 'z' {
		u++
	}
	unit, known := e.screen.unit(e.rest[n:u])
	e.rest = e.rest[u:]
	return v * unit, err == nil && known
}

func (e *expression) arguments(depth int) (args []float64, ok bool) {
	for {
		v, ok := e.sum(depth)
		if !ok {
			return nil, false
		}
		args = append(args, v)
		switch e.operator(",)") {
		case ',':
		case ')':
			return args, true
		default:
			return nil, false
		}
	}
}

var functions = map[string]func([]float64) float64{
	"":     first,
	"calc": first,
	"min":  slices.Min[[]float64],
	"max":  slices.Max[[]float64],
	"clamp": func(a []float64) float64 {
		if len(a) != 3 {
			return a[0]
		}
		return max(a[0], min(a[1], a[2]))
	},
}

func first(a []float64) float64 { return a[0] }

package page

import (
	"slices"
	"strconv"
	"strings"
)

// A candidate is one image of a srcset.
type candidate struct {
	url     string
	density float64
}

const maxCandidates = 200 // of one srcset

// choose returns the image that a browser takes of srcset on the screen, with
// src as one more candidate; "" where there is none (HTML, 4.8.4.3).
func (v screen) choose(srcset, sizes, src string) string {
	list := v.candidates(srcset, sizes)
	one := func(c candidate) bool { return c.density == 1 }
	if src != "" && !slices.ContainsFunc(list, one) && !widths(srcset) {
		list = append(list, candidate{src, 1})
	}
	if len(list) == 0 {
		return src
	}
	best := list[0]
	for _, c := range list[1:] {
		if v.better(c.density, best.density) {
			best = c
		}
	}
	return best.url
}

// better prefers the smallest density that is enough, else the greatest. The
// standards leave it to browsers; this is Chromium's way.
func (v screen) better(a, b float64) bool {
	if a >= v.Density && b >= v.Density {
		return a < b
	}
	return a > b
}

// candidates reads a srcset (HTML, 4.8.4.3.10).
func (v screen) candidates(srcset, sizes string) (list []candidate) {
	slot := 0.0
	for len(list) < maxCandidates {
		srcset = strings.TrimLeft(srcset, ", \t\r\n\f")
		if srcset == "" {
			break
		}
		end := indexOr(srcset, " \t\r\n\f")
		u, rest := srcset[:end], srcset[end:]
		descriptor := ""
		if bare := strings.TrimRight(u, ","); bare != u {
			u = bare
		} else {
			end := comma(rest)
			descriptor, rest = rest[:end], rest[end:]
		}
		srcset = rest
		if strings.Contains(descriptor, "w") && slot == 0 {
			slot = v.slotWidth(sizes)
		}
		if d, ok := density(descriptor, slot); ok {
			list = append(list, candidate{u, d})
		}
	}
	return list
}

// comma returns the index of the comma that ends a candidate's descriptors.
func comma(s string) int {
	open := 0
	for i := range len(s) {
		switch s[i] {
		case '(':
			open++
		case ')':
			open--
		case ',':
			if open <= 0 {
				return i
			}
		}
	}
	return len(s)
}

func indexOr(s, chars string) int {
	if i := strings.IndexAny(s, chars); i >= 0 {
		return i
	}
	return len(s)
}

// density reads descriptors; a width counts against the slot it goes into.
func density(descriptors string, slot float64) (float64, bool) {
	d := 1.0
	for f := range strings.FieldsSeq(descriptors) {
		v, err := strconv.ParseFloat(f[:len(f)-1], 64)
		if err != nil || !(v >= 0) {
			return 0, false
		}
		switch f[len(f)-1] {
		case 'w':
			d = v / max(slot, 1)
		case 'x':
			d = v
		case 'h':
		default:
			return 0, false
		}
	}
	return d, true
}

// widths reports whether a srcset describes widths, beside which src is no
// candidate.
func widths(srcset string) bool {
	for f := range strings.FieldsSeq(srcset) {
		f = strings.TrimRight(f, ",")
		if n := len(f); n > 1 && f[n-1] == 'w' {
			if _, err := strconv.Atoi(f[:n-1]); err == nil {
				return true
			}
		}
	}
	return false
}

// slotWidth evaluates the attribute sizes in pixels.
func (v screen) slotWidth(sizes string) float64 {
	if len(sizes) > maxQuery {
		return float64(v.Width)
	}
	for _, item := range splitOutside(strings.ToLower(sizes), ',') {
		words := splitOutside(item, ' ')
		width, ok := v.length(words[len(words)-1])
		if ok && width >= 0 && v.matches(strings.Join(words[:len(words)-1], " ")) {
			return width
		}
	}
	return float64(v.Width)
}

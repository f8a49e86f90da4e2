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

// choose returns the image that a browser takes of srcset at density 1, with
// src as one more candidate; "" where there is none (HTML, 4.8.4.3).
func choose(srcset, sizes, src string) string {
	list := candidates(srcset, sizes)
	one := func(c candidate) bool { return c.density == 1 }
	if src != "" && !slices.ContainsFunc(list, one) && !widths(srcset) {
		list = append(list, candidate{src, 1})
	}
	best := -1
	for i, c := range list {
		if best < 0 || better(c.density, list[best].density) {
			best = i
		}
	}
	if best < 0 {
		return src
	}
	return list[best].url
}

// better prefers the smallest density that is enough, else the greatest.
func better(a, b float64) bool {
	if a >= 1 && b >= 1 {
		return a < b
	}
	return a > b
}

// candidates reads a srcset (HTML, 4.8.4.3.10).
func candidates(srcset, sizes string) (list []candidate) {
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
			slot = slotWidth(sizes)
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
		if err != nil || v < 0 {
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
func slotWidth(sizes string) float64 {
	if len(sizes) > maxQuery {
		return screenWidth
	}
	for _, item := range splitOutside(strings.ToLower(sizes), ',') {
		words := splitOutside(item, ' ')
		width, ok := length(words[len(words)-1])
		if ok && width >= 0 && mediaMatches(strings.Join(words[:len(words)-1], " ")) {
			return width
		}
	}
	return screenWidth
}

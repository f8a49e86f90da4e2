package main

import (
	"fmt"
	"strings"
	"time"
	"unicode"

	"golang.org/x/text/width"

	"github.com/sonde-media/sonde/probes"
)

// A style is an ANSI "select graphic rendition" parameter.
type style string

const (
	plain  style = ""
	bold   style = "1"
	dim    style = "2"
	red    style = "1;31"
	green  style = "32"
	yellow style = "33"
)

// paint says whether styles are used.
type paint bool

func (p paint) in(s style, text string) string {
	if !p || s == plain || text == "" {
		return text
	}
	return "\x1b[" + string(s) + "m" + text + "\x1b[0m"
}

var outcomeMark = map[probes.Outcome]string{probes.OK: "✓", probes.Degraded: "!", probes.Failed: "✗", probes.Unknown: "?"}

func outcomeStyle(o probes.Outcome) style {
	switch o {
	case probes.OK:
		return green
	case probes.Failed:
		return red
	}
	return yellow
}

// printable replaces what could command a terminal: the texts are strangers'.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, s)
}

// textWidth is how many columns s takes.
func textWidth(s string) (n int) {
	for _, r := range s {
		n += runeWidth(r)
	}
	return n
}

func runeWidth(r rune) int {
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return 2
	}
	if unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf) {
		return 0
	}
	return 1
}

// cut splits s before the column limit, at least one rune from its begin.
func cut(s string, limit int) (head, tail string) {
	n := 0
	for i, r := range s {
		if n += runeWidth(r); n > limit && i > 0 {
			return s[:i], s[i:]
		}
	}
	return s, ""
}

// fit shortens s to limit columns by leaving out what precedes its last third,
// so that the end of a URL and the status behind it stay.
func fit(s string, limit int) string {
	over := textWidth(s) - limit
	if over <= 0 {
		return s
	}
	head, rest := cut(s, limit-limit/3-1)
	left := textWidth(rest)
	for i, r := range rest {
		if left <= limit/3 {
			return head + "…" + rest[i:]
		}
		left -= runeWidth(r)
	}
	return head + "…"
}

// fitList joins as many of list as fit into limit columns.
func fitList(list []string, limit int) string {
	for n := len(list); n > 0; n-- {
		text := strings.Join(list[:n], ", ")
		if n < len(list) {
			text += ", …"
		}
		if textWidth(text) <= limit || n == 1 && limit > 8 {
			return fit(text, limit)
		}
	}
	return ""
}

// wrap breaks s at spaces into lines of at most width columns. A longer word,
// such as a URL, stays whole, so that it can be copied.
func wrap(s string, width int) (lines []string) {
	line := ""
	for _, word := range strings.Fields(s) {
		if line != "" && textWidth(line)+1+textWidth(word) > width {
			lines = append(lines, line)
			line = ""
		}
		line = strings.TrimPrefix(line+" "+word, " ")
	}
	return append(lines, line)
}

// shortDuration says d in three digits.
func shortDuration(d time.Duration) string {
	ms := float64(d) / 1e6
	switch {
	case ms < 0.995:
		return fmt.Sprintf("%.2f ms", ms)
	case ms < 9.95:
		return fmt.Sprintf("%.1f ms", ms)
	case ms < 999.5:
		return fmt.Sprintf("%.0f ms", ms)
	case d < 100*time.Second:
		return fmt.Sprintf("%.2f s", d.Seconds())
	}
	return d.Round(time.Second).String()
}

// shortBytes says n in decimal units.
func shortBytes(n int) string {
	v := float64(n)
	for _, unit := range []string{"B", "KB", "MB"} {
		switch {
		case unit == "B" && v < 1000:
			return fmt.Sprintf("%d B", n)
		case unit != "B" && v < 9.95:
			return fmt.Sprintf("%.1f %s", v, unit)
		case v < 999.5:
			return fmt.Sprintf("%.0f %s", v, unit)
		}
		v /= 1000
	}
	return fmt.Sprintf("%.1f GB", v)
}

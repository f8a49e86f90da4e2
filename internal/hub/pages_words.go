package hub

import (
	"fmt"
	"html/template"
	"strconv"
	"strings"
	"time"

	"github.com/sonde-media/sonde/internal/api"
	"github.com/sonde-media/sonde/probes"
)

// pageWords is how the pages say times, shares and outcomes.
var pageWords = template.FuncMap{
	"ago":      func(now, t time.Time) string { return span(now.Sub(t)) + " ago" },
	"span":     span,
	"took":     took,
	"stamp":    stamp,
	"clock":    clock,
	"machine":  func(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) },
	"symbol":   symbol,
	"bytes":    func(n int64) string { return size(float64(n)) },
	"ms":       func(ms float64) string { return took(milliseconds(ms)) },
	"percent":  percent,
	"join":     func(list []string) string { return strings.Join(list, ", ") },
	"some":     some,
	"count":    count,
	"words":    func(s any) string { return strings.ReplaceAll(fmt.Sprint(s), "_", " ") },
	"script":   func() template.JS { return template.JS(staleScript) },
	"sentence": func(s string) string { return capital(s) + "." },
	"args":     func(v *statusView, g *group) groupArgs { return groupArgs{v, g} },
	"lines":    func(v *statusView, title, state string, g []*group) lineArgs { return lineArgs{title, state, v.Now, g} },
}

// A template takes one argument; these carry what two of them need.
type (
	groupArgs struct {
		Status *statusView
		Group  *group
	}
	lineArgs struct {
		Title, State string
		Now          time.Time
		Groups       []*group
	}
)

// silent, paused and noRuns are states of a cell besides the outcomes.
const (
	silent = api.Silent
	paused = api.Paused
	noRuns = "none"
)

// symbol is a state for those who don't see its colour.
func symbol(state any) string {
	switch fmt.Sprint(state) {
	case string(probes.OK):
		return "✓"
	case string(probes.Degraded), string(probes.Warning):
		return "▲"
	case string(probes.Failed):
		return "✕"
	case silent:
		return "◌"
	case string(probes.Notice):
		return "i"
	case paused:
		return "‖"
	case noRuns:
		return "–"
	}
	return "?"
}

// span says roughly how long something lasts.
func span(d time.Duration) string {
	switch d = max(d, 0); {
	case d < 2*time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", int(d.Hours()))
	default:
		return fmt.Sprintf("%d days", int(d.Hours()/24))
	}
}

// took says how long an operation took, to three digits.
func took(d time.Duration) string {
	switch ms := d.Seconds() * 1000; {
	case ms >= 10_000:
		return fmt.Sprintf("%.1f s", ms/1000)
	case ms >= 1000:
		return fmt.Sprintf("%.2f s", ms/1000)
	case ms >= 10:
		return fmt.Sprintf("%.0f ms", ms)
	default:
		return fmt.Sprintf("%.1f ms", ms)
	}
}

// stamp is a moment in full, always in UTC: who reads it may sit anywhere.
func stamp(t time.Time) string {
	return t.UTC().Format("2006-01-02 15:04:05 UTC")
}

// clock is a moment as seen from now: without the date where it is today's.
func clock(now, t time.Time) string {
	if now.UTC().Format(time.DateOnly) == t.UTC().Format(time.DateOnly) {
		return t.UTC().Format("15:04 UTC")
	}
	return t.UTC().Format("Jan 2, 15:04 UTC")
}

// percent never rounds a failure away, nor a success.
func percent(ratio float64) string {
	switch {
	case ratio > 0 && ratio < 0.01:
		return "<1%"
	case ratio > 0.99 && ratio < 1:
		return ">99%"
	}
	return fmt.Sprintf("%.0f%%", ratio*100)
}

// share is "2 of 6 targets", "all 6 targets" or "the only target".
func share(n, of int, word string) string {
	switch {
	case of == 1:
		return "the only " + word
	case n == of:
		return fmt.Sprintf("all %d %ss", of, word)
	}
	return fmt.Sprintf("%d of %d %ss", n, of, word)
}

// count is "1 run" or "1,234 runs".
func count(n int, word string) string {
	if n != 1 {
		word += "s"
	}
	return thousands(n) + " " + word
}

func thousands(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// some names the first few of a list and counts the others.
func some(list []string) string {
	const most = 6
	if len(list) <= most+1 {
		return strings.Join(list, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(list[:most], ", "), len(list)-most)
}

// size says how many bytes something has.
func size(n float64) string {
	switch {
	case n >= 1<<20:
		return fmt.Sprintf("%.1f MiB", n/(1<<20))
	case n >= 1<<10:
		return fmt.Sprintf("%.1f KiB", n/(1<<10))
	}
	return fmt.Sprintf("%.0f B", n)
}

// capital starts a sentence.
func capital(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

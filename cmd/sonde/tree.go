package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sonde-media/sonde/probes"
)

// A treeView says how a run is drawn for people:
//
//	✗ failed  https://cdn.example/1.mp3  enclosure, 1.24 s
//	  tls_expired at edge.example: a certificate has expired
//
//	probe enclosure                                  1.24 s  ────────────────
//	├─ GET https://cdn.example/1.mp3 → 302            200 ms ───
//	│  ├─ dns      192.0.2.1                           20 ms ━
//	…
//	→ renew the certificate on this host and reload every edge that serves it
//
// The zero treeView is plain and minimalWidth columns wide.
type treeView struct {
	paint
	width   int
	verbose bool // nothing is collapsed or shortened
}

const (
	minimalWidth  = 60
	durationWidth = 8
)

// A treeDrawing is the state of drawing one run.
type treeDrawing struct {
	treeView
	strings.Builder
	root *probes.Step
	bar  int // columns of the time scale
}

// draw returns run as text that ends in a line feed.
func (v treeView) draw(run *probes.Run) string {
	v.width = max(v.width, minimalWidth)
	d := &treeDrawing{treeView: v, root: run.Root, bar: min(v.width/5, 40)}
	d.header(run)
	d.WriteByte('\n')
	d.branch(branch{step: run.Root, label: label(run.Root)}, "", "", 0)
	d.findings(run.Findings)
	d.advice(run)
	return d.String()
}

// header says what it comes to. The URL's line is as long as it needs to be,
// so that it can be copied.
func (d *treeDrawing) header(run *probes.Run) {
	style := outcomeStyle(run.Outcome)
	url := printable(probes.RecordURLText(run.Target.URL, run.Target.RecordQuery))
	fmt.Fprintf(d, "%s  %s  %s\n", d.in(style, outcomeMark[run.Outcome]+" "+string(run.Outcome)), d.in(bold, url),
		d.in(dim, run.Target.Kind+", "+shortDuration(run.Root.Took)))
	defer d.cost(run.Root)
	if run.Code == "" {
		return
	}
	text := string(run.Code)
	if run.Culprit != "" {
		text += " at " + printable(run.Culprit)
	}
	lines := wrap(text+": "+run.Code.Explanation(), d.width-2)
	lines[0] = strings.Replace(lines[0], string(run.Code), d.in(style, string(run.Code)), 1)
	fmt.Fprintf(d, "  %s\n", strings.Join(lines, "\n  "))
}

// A branch is one line of the tree with what stands below it: a step, or a
// summary of several.
type branch struct {
	step  *probes.Step
	label string
	brief bool // without what is below it
}

// branch draws b: first is what stands before its own line, rest before the
// lines below, pad how wide its label and those of its siblings are.
func (d *treeDrawing) branch(b branch, first, rest string, pad int) {
	below := d.below(b)
	gutter := rest + "   "
	if len(below) > 0 {
		gutter = rest + "│  "
	}
	d.step(b, first, gutter, pad)
	width := labelWidth(below)
	for i, c := range below {
		if i == len(below)-1 {
			d.branch(c, rest+"└─ ", rest+"   ", width)
		} else {
			d.branch(c, rest+"├─ ", rest+"│  ", width)
		}
	}
}

// step draws the line of one step, and the lines of what doesn't fit there. A
// failed step is never shortened, nor is any with --verbose.
func (d *treeDrawing) step(b branch, first, gutter string, pad int) {
	s, said := b.step, explain(b.step)
	room := d.width - textWidth(first) - durationWidth - d.bar - 2
	whole := d.verbose || s.Fail != nil && !b.brief

	text, facts := b.label, strings.Join(said.facts, ", ")
	var more []string
	if whole && textWidth(text) > room {
		more = append(more, cmp.Or(printable(s.Text(probes.AttrURL)), text))
	}
	aside := cmp.Or(said.code, facts)
	if said.code != "" && !b.brief {
		more = append(more, facts)
	}
	if aside != "" {
		text += strings.Repeat(" ", max(pad-textWidth(text), 0)+2)
		left := max(room-textWidth(text), 0)
		if whole && said.code == "" && textWidth(aside) > left {
			more = append(more, facts)
		}
		if said.code == "" {
			aside = fitList(said.facts, left)
		}
		text += aside
	}
	d.WriteString(d.in(dim, first))
	d.WriteString(d.marked(said, fit(strings.TrimRight(text, " "), room), room))
	d.timing(s, said)
	if !b.brief {
		d.lines(append(more, said.detail), gutter)
	}
}

// lines writes texts below a step, wrapped.
func (d *treeDrawing) lines(texts []string, gutter string) {
	width := d.width - textWidth(gutter) - 2
	for _, text := range texts {
		if text == "" {
			continue
		}
		for _, line := range wrap(text, width) {
			fmt.Fprintf(d, "%s  %s\n", d.in(dim, gutter), line)
		}
	}
}

// marked pads text to room and colours what tells: a failing step's mark and
// code, a summary's or warning's mark.
func (d *treeDrawing) marked(said explanation, text string, room int) string {
	space := strings.Repeat(" ", max(room-textWidth(text), 0))
	if said.style == plain {
		return text + space
	}
	mark, after, _ := strings.Cut(text, " ")
	after = strings.Replace(after, said.code, d.in(said.style, said.code), 1)
	return d.in(said.style, mark) + " " + after + space
}

// timing ends a line with duration and bar.
func (d *treeDrawing) timing(s *probes.Step, said explanation) {
	fmt.Fprintf(d, " %*s", durationWidth, shortDuration(s.Took))
	style, glyph := said.style, "━"
	if len(s.Steps) > 0 {
		glyph = "─"
	}
	if style == plain {
		style = dim
	}
	if from, to, ok := d.cells(s); ok {
		fmt.Fprintf(d, " %s%s", strings.Repeat(" ", from), d.in(style, strings.Repeat(glyph, to-from)))
	}
	d.WriteByte('\n')
}

// cells returns which columns of the time scale s covers, at least one.
func (d *treeDrawing) cells(s *probes.Step) (from, to int, ok bool) {
	if d.root.Took <= 0 {
		return 0, 0, false
	}
	at := func(t time.Duration) float64 { return float64(t) / float64(d.root.Took) * float64(d.bar) }
	begin := s.Start.Sub(d.root.Start)
	from = min(max(int(at(begin)), 0), d.bar-1)
	to = min(max(int(at(begin+s.Took)+0.5), from+1), d.bar)
	return from, to, true
}

// findings lists what was found, alike ones once.
func (d *treeDrawing) findings(all []probes.Finding) {
	type key struct {
		code     probes.Code
		severity probes.Severity
		host     string
	}
	count := map[key]int{}
	var firsts []probes.Finding
	for _, f := range all {
		k := key{f.Code, f.Severity, f.Host}
		if count[k]++; count[k] == 1 {
			firsts = append(firsts, f)
		}
	}
	if len(firsts) > 0 {
		d.WriteByte('\n')
	}
	slices.SortStableFunc(firsts, func(a, b probes.Finding) int { return -cmp.Compare(a.Severity, b.Severity) })
	for _, f := range firsts {
		d.finding(f, count[key{f.Code, f.Severity, f.Host}])
	}
}

func (d *treeDrawing) finding(f probes.Finding, times int) {
	style, mark := dim, "·"
	if f.Warns() {
		style, mark = yellow, "!"
	}
	host := ""
	if f.Host != "" {
		host = " at " + printable(f.Host)
	}
	if times > 1 {
		host += fmt.Sprintf(" ×%d, such as", times)
	}
	fmt.Fprintf(d, "%s%s\n", d.in(style, fmt.Sprintf("%s %s %s", mark, f.Severity, f.Code)), host)
	d.lines([]string{printable(cmp.Or(f.Detail, f.Code.Explanation()))}, "")
}

// advice ends the drawing with what to do about the worst of it.
func (d *treeDrawing) advice(run *probes.Run) {
	code := run.Code
	for _, f := range run.Findings {
		if code == "" && f.Warns() {
			code = f.Code
		}
	}
	if advice := code.Advice(); advice != "" {
		lines := wrap("→ "+advice, d.width-2)
		fmt.Fprintf(d, "\n%s\n", d.in(bold, strings.Join(lines, "\n  ")))
	}
}

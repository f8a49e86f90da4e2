package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sonde-media/sonde/internal/api"
	"github.com/sonde-media/sonde/probes"
)

// An incidentDrawing is text about incidents for people, in English:
//
//	✗ critical  3f2a9c1b77aa  open for 41 minutes, since 14:02:10 UTC
//	  cdn.example: a certificate has expired; 37 targets fail in all regions
//	  Podcasts hit; Storefront not
type incidentDrawing struct {
	treeView
	strings.Builder
	now   time.Time
	label int // columns of the names of facts
}

// labelColumn is how wide the names of facts are, where they are ours.
const labelColumn = 12

func drawing(v treeView, now time.Time) *incidentDrawing {
	v.width = max(v.width, minimalWidth)
	return &incidentDrawing{treeView: v, now: now, label: labelColumn}
}

// incidentList draws incidents, the open ones first, of them the worst.
func incidentList(v treeView, all []api.Incident, q api.Query, now time.Time) string {
	d := drawing(v, now)
	all = slices.SortedStableFunc(slices.Values(all), func(a, b api.Incident) int {
		return cmp.Or(cmp.Compare(closed(a), closed(b)), (1-closed(a))*cmp.Compare(rank(a), rank(b)))
	})
	open := 0
	for _, i := range all {
		open += 1 - closed(i)
	}
	span := fmt.Sprintf("from %s to %s UTC", minute(q.From), minute(q.To))
	if now.Sub(q.To).Abs() < time.Minute {
		span = "in the last " + probes.Roughly(q.To.Sub(q.From).Round(time.Second))
	}
	if len(all) == 0 {
		fmt.Fprintf(d, "no incidents %s\n", span)
		return d.String()
	}
	fmt.Fprintf(d, "%d open, %d resolved %s\n", open, len(all)-open, span)
	for _, i := range all {
		d.WriteByte('\n')
		d.header(i)
		if hit := hitLine(i); hit != "" {
			d.indented(hit)
		}
	}
	return d.String()
}

func closed(i api.Incident) int {
	if i.Resolved == nil {
		return 0
	}
	return 1
}

// rank orders severities, the worst first.
func rank(i api.Incident) int {
	return slices.Index([]string{api.SeverityCritical, api.SeverityMajor, api.SeverityWarning}, i.Severity)
}

func minute(t time.Time) string { return t.UTC().Format("2006-01-02 15:04") }

// header says of an incident how bad it is, since when, and what.
func (d *incidentDrawing) header(i api.Incident) {
	mark, style := "✗", red
	switch {
	case i.Resolved != nil:
		mark, style = "✓", green
	case i.Severity == api.SeverityWarning:
		mark, style = "!", yellow
	}
	fmt.Fprintf(d, "%s  %s  %s\n", d.in(style, fmt.Sprintf("%s %-8s", mark, printable(i.Severity))), d.in(bold, printable(i.ID)), d.lasting(i))
	for _, line := range wrap(printable(i.Title), d.width-2) {
		fmt.Fprintf(d, "  %s\n", d.in(bold, line))
	}
}

// lasting says since when an incident is open, or how long it was.
func (d *incidentDrawing) lasting(i api.Incident) string {
	since := clockTime(i.FirstFailure, d.now)
	if i.Resolved == nil {
		return fmt.Sprintf("open for %s, since %s", probes.Roughly(max(0, d.now.Sub(i.FirstFailure))), since)
	}
	end := "resolved"
	if i.End == api.EndUnverified {
		end = "ended unverified"
	}
	return fmt.Sprintf("%s at %s after %s", end, clockTime(*i.Resolved, d.now), probes.Roughly(max(0, i.Resolved.Sub(i.FirstFailure))))
}

// clockTime is the time of day, with the day where that isn't today.
func clockTime(t, now time.Time) string {
	t, now = t.UTC(), now.UTC()
	if t.YearDay() == now.YearDay() && t.Year() == now.Year() {
		return t.Format("15:04:05 UTC")
	}
	return t.Format("2 Jan 15:04:05 UTC")
}

// hitLine says which services are hit and which aren't.
func hitLine(i api.Incident) string {
	if len(i.Services) == 0 {
		return ""
	}
	s := fewOf(i.Services, 4) + " hit"
	if len(i.ServicesUnaffected) > 0 {
		s += "; " + fewOf(i.ServicesUnaffected, 4) + " not"
	}
	return s
}

// fewOf names some of all and counts the rest.
func fewOf(all []string, few int) string {
	names := make([]string, 0, few)
	for _, s := range all[:min(len(all), few)] {
		names = append(names, printable(s))
	}
	text := strings.Join(names, ", ")
	if n := len(all) - len(names); n > 0 {
		text += fmt.Sprintf(" and %d more", n)
	}
	return text
}

func (d *incidentDrawing) indented(text string) {
	for _, line := range wrap(text, d.width-2) {
		fmt.Fprintf(d, "  %s\n", line)
	}
}

func (d *incidentDrawing) heading(text string) { fmt.Fprintf(d, "\n%s\n", d.in(bold, text)) }

// fact writes a named fact, and nothing where there is none.
func (d *incidentDrawing) fact(name, text string) {
	if strings.TrimSpace(text) == "" {
		return
	}
	for n, line := range wrap(text, d.width-d.label-2) {
		if n > 0 {
			name = ""
		}
		pad := strings.Repeat(" ", max(0, d.label-textWidth(name)))
		fmt.Fprintf(d, "  %s%s%s\n", d.in(dim, name), pad, line)
	}
}

// table writes rows below a head, without columns that hold nothing. The widest
// give way where the terminal is narrow.
func (d *incidentDrawing) table(head []string, rows [][]string) {
	head, rows = filledColumns(head, rows)
	widths := make([]int, len(head))
	for _, row := range append([][]string{head}, rows...) {
		for i, cell := range row {
			widths[i] = max(widths[i], textWidth(cell))
		}
	}
	shrink(widths, d.width-2-2*(len(head)-1))
	for n, row := range append([][]string{head}, rows...) {
		var line strings.Builder
		for i, cell := range row {
			cell = fit(cell, widths[i])
			line.WriteString(cell + strings.Repeat(" ", widths[i]-textWidth(cell)+2))
		}
		text := strings.TrimRight(line.String(), " ")
		if n == 0 {
			text = d.in(dim, text)
		}
		fmt.Fprintf(d, "  %s\n", text)
	}
}

// filledColumns leaves out columns in which no row has anything.
func filledColumns(head []string, rows [][]string) (kept []string, cells [][]string) {
	cells = make([][]string, len(rows))
	for i, name := range head {
		if !slices.ContainsFunc(rows, func(row []string) bool { return row[i] != "" }) {
			continue
		}
		kept = append(kept, name)
		for n, row := range rows {
			cells[n] = append(cells[n], row[i])
		}
	}
	return kept, cells
}

// shrink makes the widest of widths narrower until all fit into room.
func shrink(widths []int, room int) {
	const narrow = 8
	for {
		sum, widest := 0, 0
		for i, w := range widths {
			sum += w
			if w > widths[widest] {
				widest = i
			}
		}
		if sum <= room || widths[widest] <= narrow {
			return
		}
		widths[widest]--
	}
}

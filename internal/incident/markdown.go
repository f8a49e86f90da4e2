package incident

import (
	"fmt"
	"strings"
	"unicode"

	"github.com/sonde-media/sonde/probes"
)

// A markdown document is written line by line. Its texts are strangers': they
// go through text or code, and stay in their line.
type markdown struct{ strings.Builder }

// line writes a line, heading or item of a list.
func (m *markdown) line(format string, args ...any) { fmt.Fprintf(m, format+"\n", args...) }

func (m *markdown) heading(text string) { m.line("\n## %s\n", text) }

// item writes an item of a list, and nothing where there is nothing to say.
func (m *markdown) item(name, says string) {
	if says != "" {
		m.line("- %s: %s", name, says)
	}
}

// table writes a table, and nothing where it has no rows. Its cells are
// Markdown.
func (m *markdown) table(head []string, rows [][]string) {
	if len(rows) == 0 {
		return
	}
	m.row(head)
	m.line("|%s", strings.Repeat(" --- |", len(head)))
	for _, row := range rows {
		m.row(row)
	}
}

func (m *markdown) row(cells []string) {
	m.WriteByte('|')
	for _, cell := range cells {
		m.WriteString(" " + strings.ReplaceAll(cell, "|", `\|`) + " |") // in code too
	}
	m.WriteByte('\n')
}

// maxCell bounds one text of a document.
const maxCell = 600

// oneLine is s in one line, without what can't be seen, bounded.
func oneLine(s string) string {
	s = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
	s = strings.Join(strings.Fields(s), " ")
	if short := probes.Clip(s, maxCell); short != s {
		s = short + "…"
	}
	return s
}

// special are the characters that mean something in the middle of a line, in
// CommonMark or on GitHub, which also makes links and mentions of plain text.
var special = strings.NewReplacer(
	`\`, `\\`, "`", "\\`", "*", `\*`, "_", `\_`, "[", `\[`, "]", `\]`, "<", `\<`, ">", `\>`, "~", `\~`, "&", `\&`,
	"#", `\#`, "$", `\$`, "://", `\://`, "www.", `www\.`, "@", "@\u200b",
)

// text is s as Markdown shows it: as it is.
func text(s string) string { return special.Replace(oneLine(s)) }

// code is s as Markdown that shows it as it is, to be copied.
func code(s string) string {
	s = oneLine(s)
	if s == "" {
		return ""
	}
	fence := "`"
	for strings.Contains(s, fence) {
		fence += "`"
	}
	if strings.HasPrefix(s, "`") || strings.HasSuffix(s, "`") {
		s = " " + s + " "
	}
	return fence + strings.ReplaceAll(s, `\|`, `\ |`) + fence // a table takes the first bar it doesn't find escaped
}

// texts lists at most few of all, and counts the rest.
func texts(all []string, few int, show func(string) string) string {
	var shown []string
	for _, s := range all[:min(len(all), few)] {
		shown = append(shown, show(s))
	}
	if n := len(all) - len(shown); n > 0 {
		shown = append(shown, fmt.Sprintf("and %d more", n))
	}
	return strings.Join(shown, ", ")
}

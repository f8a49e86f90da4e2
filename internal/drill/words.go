package drill

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Limits of what is read.
const (
	maxFile  = 64 << 10 // bytes
	maxLines = 1000
)

// A line is a directive with what belongs to it:
//
//	word argument … key=value key="a value" …   # and a comment
//
// Lines that begin with a space go on with the one above.
type line struct {
	at    int // number of its first line
	word  string
	args  []string
	pairs []pair
}

type pair struct{ key, value string }

// words cuts text into lines.
func (r *reader) words(text string) (lines []line) {
	if len(text) > maxFile || !utf8.ValidString(text) {
		r.fail(1, "want at most %d bytes of UTF-8", maxFile)
		return nil
	}
	n := 0
	for raw := range strings.Lines(text) {
		n++
		fields, err := split(strings.TrimRight(raw, "\r\n"))
		switch {
		case err != nil:
			r.fail(n, "%v", err)
		case len(fields) == 0:
		case unicode.IsSpace(rune(raw[0])) && len(lines) == 0:
			r.fail(n, "there is no line above to go on with")
		case unicode.IsSpace(rune(raw[0])):
			lines[len(lines)-1].take(fields)
		case len(lines) == maxLines:
			r.fail(n, "more than %d lines", maxLines)
			return lines
		default:
			lines = append(lines, line{at: n, word: fields[0].text})
			lines[len(lines)-1].take(fields[1:])
		}
	}
	return lines
}

// A field is a word of a line; key is what stands before its =.
type field struct {
	key, text string
	named     bool
}

func (l *line) take(fields []field) {
	for _, f := range fields {
		if f.named {
			l.pairs = append(l.pairs, pair{f.key, f.text})
		} else {
			l.args = append(l.args, f.text)
		}
	}
}

// split cuts a line at its spaces, but for those in quotes. What follows a #
// at the begin of a word is a comment.
func split(text string) (fields []field, err error) {
	for text = strings.TrimLeft(text, " \t"); text != "" && text[0] != '#'; text = strings.TrimLeft(text, " \t") {
		var f field
		if end := strings.IndexAny(text, " \t=\""); end > 0 && text[end] == '=' {
			f.key, f.named, text = text[:end], true, text[end+1:]
		}
		if strings.HasPrefix(text, `"`) {
			value, rest, closed := strings.Cut(text[1:], `"`)
			if !closed {
				return nil, fmt.Errorf("the quote before %q is not closed", value)
			}
			f.text, text = value, rest
		} else {
			end := strings.IndexAny(text+" ", " \t")
			f.text, text = text[:end], text[end:]
		}
		fields = append(fields, f)
	}
	return fields, nil
}

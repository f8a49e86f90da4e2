package feed

import (
	"bytes"
	"fmt"
)

// Faults are what makes a text no well-formed XML and can be read over, as
// players do. Only the first is kept, and all are counted.
type faults struct {
	first string
	line  int // of the first
	n     int
}

// add notes a fault after the bytes before, of which the first are in line.
func (f *faults) add(line int, before []byte, format string, args ...any) {
	if f.n++; f.n == 1 {
		f.line = line + bytes.Count(before, []byte("\n"))
		f.first = fmt.Sprintf(format, args...)
	}
}

// and are the faults of both.
func (f faults) and(g faults) faults {
	first := f
	if f.n == 0 || g.n > 0 && g.line < f.line {
		first = g
	}
	first.n = f.n + g.n
	return first
}

// say tells them of a text that isn't as it should be, "" for none.
func (f faults) say(not string) string {
	switch f.n {
	case 0:
		return ""
	case 1:
		return fmt.Sprintf("%s: line %d: %s; read nonetheless", not, f.line, f.first)
	default:
		return fmt.Sprintf("%s: line %d: %s; %d faults in all; read nonetheless", not, f.line, f.first, f.n)
	}
}

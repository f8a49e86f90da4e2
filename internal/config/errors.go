package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// An Error is one thing wrong with a configuration. Line and Column count from
// 1; both are 0 where the file as a whole is meant.
type Error struct {
	File         string
	Line, Column int
	Message      string
}

// Error returns "file:line:column: message".
func (e *Error) Error() string {
	if e.Line == 0 {
		return e.File + ": " + e.Message
	}
	return fmt.Sprintf("%s:%d:%d: %s", e.File, e.Line, e.Column, e.Message)
}

// Errors is all that is wrong with a configuration, in the order of the file.
type Errors []*Error

// Error returns the errors, one a line.
func (e Errors) Error() string {
	lines := make([]string, len(e))
	for i, err := range e {
		lines[i] = err.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap returns the errors one by one.
func (e Errors) Unwrap() []error {
	all := make([]error, len(e))
	for i, err := range e {
		all[i] = err
	}
	return all
}

// maxErrors bounds what is kept of a file that is something else altogether.
const maxErrors = 1000

// errors returns what was found, sorted by place, or nil.
func (r *reader) errors() error {
	if len(r.errs) == 0 {
		return nil
	}
	slices.SortStableFunc(r.errs, func(a, b *Error) int {
		return cmp.Or(r.compareFiles(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	// One mistake behind an anchor is met once an alias.
	r.errs = slices.CompactFunc(r.errs, func(a, b *Error) bool { return *a == *b })
	if r.more > 0 {
		r.errs = append(r.errs, &Error{File: r.file, Message: fmt.Sprintf("and %d more errors", r.more)})
	}
	return r.errs
}

// compareFiles sorts the configuration before what it includes.
func (r *reader) compareFiles(a, b string) int {
	switch {
	case a == b:
		return 0
	case a == r.file:
		return -1
	case b == r.file:
		return 1
	}
	return strings.Compare(a, b)
}

// nearest returns the one of known that word was probably meant to be, or "".
func nearest(word string, known []string) string {
	limit := 2
	if len(word) < 5 {
		limit = 1
	}
	if len(word) < 3 || len(word) > 64 {
		return ""
	}
	best := ""
	for _, k := range known {
		if d := distance(strings.ToLower(word), strings.ToLower(k)); d <= limit {
			best, limit = k, d-1
		}
	}
	return best
}

// distance counts the insertions, deletions and replacements of bytes that
// turn a into b (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			d := diagonal
			if a[i] != b[j] {
				d = 1 + min(diagonal, row[j], row[j+1])
			}
			diagonal, row[j+1] = row[j+1], d
		}
	}
	return row[len(b)]
}

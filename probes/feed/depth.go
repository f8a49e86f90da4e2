package feed

import (
	"bytes"
	"fmt"
)

// maxDepth of elements. Feeds need a dozen; unclosed tags in descriptions add
// to it without harm, but a parser's recursion must end before its stack does.
const maxDepth = 10_000

// shallow reports XML nested deeper than maxDepth. It counts tags without
// checking that they match.
func shallow(b []byte) error {
	depth := 0
	for {
		i := bytes.IndexByte(b, '<')
		if i < 0 || i+1 >= len(b) {
			return nil
		}
		b = b[i+1:]
		switch {
		case b[0] == '!' || b[0] == '?':
			b = after(b, markupEnd(b))
		case b[0] == '/':
			depth--
		default:
			end := bytes.IndexByte(b, '>')
			if end > 0 && b[end-1] != '/' {
				depth++
			}
		}
		if depth > maxDepth {
			return fmt.Errorf("elements are nested more than %d deep", maxDepth)
		}
	}
}

// markupEnd is what ends the comment, section or instruction at b.
func markupEnd(b []byte) string {
	switch {
	case bytes.HasPrefix(b, []byte("!--")):
		return "-->"
	case bytes.HasPrefix(b, []byte("![CDATA[")):
		return "]]>"
	}
	return ">"
}

func after(b []byte, end string) []byte {
	if i := bytes.Index(b, []byte(end)); i >= 0 {
		return b[i+len(end):]
	}
	return nil
}

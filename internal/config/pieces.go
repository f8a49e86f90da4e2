package config

import (
	"bytes"
	"iter"

	"go.yaml.in/yaml/v4"
)

// The tree that the YAML library makes of a file takes twenty times the file's
// size, and nearly all of a large configuration is its list of targets. So the
// list is cut into pieces, each a document of its own, and the tree of one is
// garbage when the next is made:
//
//	defaults: {interval: 60s}      rest
//	targets:                       rest, which reads as nothing
//	  - feed: https://…            first piece
//	    service: Podcasts
//	  - page: https://…            second piece
//	services: {Podcasts: {}}       rest, at the lines it had
//
// Where this can be told from the text alone the outcome is the same, errors
// and their places included. A cut within quotes, brackets or a block leaves
// something open, so that the piece before it isn't YAML: then, and wherever
// else the text isn't plainly as above, the file is read whole.

// pieceBytes is how long a piece is at least. Its tree takes some megabytes.
const pieceBytes = 64 << 10

// A piece is a part of the list of targets, from the beginning of an item.
type piece struct {
	text []byte
	line int  // of the file, from 1, where text begins
	more bool // text ends with the dash of the next piece's first item, which it ought to end before
}

// A layout is the text of a configuration with its list of targets cut out.
type layout struct {
	rest   []byte // empty lines stand for the list
	key    int    // line of the key targets
	pieces []piece
	items  int // about how many targets there are
}

// layOut cuts the list of targets out of data, into pieces of at least size
// bytes. It is not ok where the text is laid out in a way that a look at its
// lines can't vouch for.
func layOut(data []byte, size int) (l layout, ok bool) {
	if otherBreaks(data) {
		return l, false
	}
	begin, key := keyLine(data)
	if begin < 0 {
		return l, false
	}
	l.key = key
	end, ok := l.cut(data, begin, size)
	if !ok || len(l.pieces) == 0 {
		return l, false
	}
	lines := bytes.Count(data[begin:end], []byte("\n"))
	l.rest = bytes.Join([][]byte{data[:begin], bytes.Repeat([]byte("\n"), lines), data[end:]}, nil)
	return l, true
}

// otherBreaks reports whether data has directives or ends lines otherwise than
// by a newline, a carriage return before it or not: YAML knows more ways.
func otherBreaks(data []byte) bool {
	if bytes.Count(data, []byte("\r")) != bytes.Count(data, []byte("\r\n")) {
		return true
	}
	for _, mark := range []string{"\u0085", "\u2028", "\u2029", "\n%"} {
		if bytes.Contains(data, []byte(mark)) {
			return true
		}
	}
	return bytes.HasPrefix(data, []byte("%"))
}

// keyLine finds the line that is the key targets and nothing more, and returns
// where the text after it begins; -1 where there is no such line.
func keyLine(data []byte) (after, line int) {
	for rest := data; len(rest) > 0; {
		var text []byte
		text, rest, _ = bytes.Cut(rest, []byte("\n"))
		line++
		value, found := bytes.CutPrefix(text, []byte("targets:"))
		if value = bytes.Trim(value, " \r"); found && (len(value) == 0 || value[0] == '#') {
			return len(data) - len(rest), line
		}
	}
	return -1, 0
}

// cut makes pieces of the list that begins at data[begin:], and returns where
// it ends: at the next key of the file or at the file's end.
func (l *layout) cut(data []byte, begin, size int) (end int, ok bool) {
	indent := -1
	last := begin // where the piece under way begins
	line, lastLine := l.key, l.key+1
	for at := begin; at < len(data); {
		text, next := data[at:], len(data)
		if n := bytes.IndexByte(text, '\n'); n >= 0 {
			text, next = text[:n], at+n+1
		}
		line++
		text = bytes.TrimSuffix(text, []byte("\r"))
		body := bytes.TrimLeft(text, " ")
		column := len(text) - len(body)
		switch {
		case len(body) == 0 || body[0] == '#':
		case indent < 0 && !isItem(body):
			return 0, false
		case column == indent && isItem(body), indent < 0:
			indent = column
			if l.items++; l.items > 1 && at-last >= size {
				l.pieces = append(l.pieces, piece{data[last : at+indent+len(dash)], lastLine, true})
				last, lastLine = at, line
			}
		case column == 0:
			l.pieces = append(l.pieces, piece{data[last:at], lastLine, false})
			return at, isKey(body[0])
		}
		at = next
	}
	if indent >= 0 {
		l.pieces = append(l.pieces, piece{data[last:], lastLine, false})
	}
	return len(data), true
}

// dash begins an item of a list.
const dash = "- "

func isItem(text []byte) bool { return bytes.HasPrefix(text, []byte(dash)) }

// isKey reports whether a line that begins with c is plainly a key.
func isKey(c byte) bool { return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '_' }

// settle makes the empty value that targets has in doc, the tree of l.rest, a
// list, which it returns; nil where what looks like the key isn't one.
func (l *layout) settle(doc *yaml.Node) *yaml.Node {
	if doc.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(doc.Content); i += 2 {
		k, v := doc.Content[i], doc.Content[i+1]
		if k.Value != "targets" {
			continue
		}
		if k.Line != l.key || v.ShortTag() != "!!null" || v.Value != "" || v.Anchor != "" {
			return nil
		}
		*v = yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq", Line: v.Line, Column: v.Column}
		return v
	}
	return nil
}

// inPieces reads a configuration by pieces of at least size bytes. It is not ok where it has to
// be read whole; r is then of no further use.
func (r *reader) inPieces(data []byte, size int) (c *Config, ok bool) {
	l, ok := layOut(data, size)
	if !ok {
		return nil, false
	}
	doc := r.document(l.rest)
	if doc == nil {
		return nil, false
	}
	r.cutOut, r.layout = l.settle(doc), l
	if r.cutOut == nil {
		return nil, false
	}
	c = r.config(doc)
	return c, !r.torn
}

// items yields the items of the list n, piece by piece where it is in pieces.
func (r *reader) items(n *yaml.Node) iter.Seq[*yaml.Node] {
	return func(yield func(*yaml.Node) bool) {
		for _, item := range n.Content {
			if !yield(item) {
				return
			}
		}
		if n != r.cutOut {
			return
		}
		for _, p := range r.layout.pieces {
			list := r.piece(p)
			if r.torn = list == nil; r.torn {
				return
			}
			for _, item := range list.Content {
				if !yield(item) {
					return
				}
			}
		}
	}
}

// itemCount is about how many items the list n has.
func (r *reader) itemCount(n *yaml.Node) int {
	if n == r.cutOut {
		return min(r.layout.items, 1<<17)
	}
	return len(n.Content)
}

// piece returns the list that p is, with the lines it has in the file; nil where
// p doesn't stand by itself.
func (r *reader) piece(p piece) *yaml.Node {
	alone := &reader{budget: r.budget}
	list := alone.document(p.text)
	if list == nil || list.Kind != yaml.SequenceNode || !move(list, p.line-1) {
		return nil
	}
	if n := len(list.Content); p.more && n > 0 {
		list.Content = list.Content[:n-1]
	}
	return list
}

// move moves n and all below it down by lines. It reports false where there is
// an anchor or an alias, which may concern other pieces.
func move(n *yaml.Node, lines int) bool {
	if n.Kind == yaml.AliasNode || n.Anchor != "" {
		return false
	}
	n.Line += lines
	for _, c := range n.Content {
		if !move(c, lines) {
			return false
		}
	}
	return true
}

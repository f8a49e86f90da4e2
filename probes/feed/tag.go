package feed

import (
	"bytes"
	"fmt"
	"strings"
)

// A tag is one as it is written. Its bytes are those of the text it was read
// from.
type tag struct {
	name       []byte
	attrs      []rawAttr
	end, empty bool
	flaw       string // what is wrong with it first, "" for nothing
	flaws      int
}

// A rawAttr is an attribute, its references unresolved.
type rawAttr struct{ name, value []byte }

// readTag reads the tag that stands ahead.
func (s *source) readTag() error {
	text, err := s.piece(s.tag.lex)
	if err != nil {
		return err
	}
	s.taken = len(text)
	if t := &s.tag; t.flaws > 0 && !s.outside {
		s.fault(nil, "%s", t.flaw)
		s.faults.n += t.flaws - 1
	}
	return nil
}

// lex reads the tag that b begins with, and is where it ends; -1 says that it
// does so later. It takes what XML forbids as browsers do: values without quotes
// or with a "<", attributes that touch or have no value.
func (t *tag) lex(b []byte) int {
	*t = tag{attrs: t.attrs[:0]}
	i := 1
	if t.end = i < len(b) && b[i] == '/'; t.end {
		i++
	}
	n := wordEnd(b[i:])
	t.name = b[i : i+n]
	for i += n; ; {
		spaces := spaceEnd(b[i:])
		i += spaces
		switch {
		case i == len(b):
			return -1
		case b[i] == '>':
			return i + 1
		case b[i] == '<':
			t.flawed("a tag without a >")
			return i
		case b[i] == '/' && i+1 == len(b):
			return -1
		case b[i] == '/' && b[i+1] == '>':
			t.empty = true
			return i + 2
		case b[i] == '/' || b[i] == '"' || b[i] == '\'':
			t.flawed("a %c that doesn't belong into a tag", b[i])
			i++
			continue
		}
		if spaces == 0 {
			t.flawed("no space before an attribute")
		}
		n := t.attribute(b[i:])
		if n < 0 {
			return -1
		}
		i += n
	}
}

// attribute reads the one that b begins with, and is where it ends, -1 for
// later.
func (t *tag) attribute(b []byte) int {
	name := b[:wordEnd(b)]
	i := len(name) + spaceEnd(b[len(name):])
	if i == len(b) {
		return -1
	}
	if b[i] != '=' {
		t.flawed("an attribute without a value")
		t.add(name, nil)
		return len(name)
	}
	for i < len(b) && (b[i] == '=' || isSpace(b[i])) {
		i++
	}
	if i == len(b) {
		return -1
	}
	value, n := b[i:], 0
	if c := b[i]; c == '"' || c == '\'' {
		n = bytes.IndexByte(value[1:], c)
		if n < 0 {
			return -1
		}
		value, n = value[1:1+n], n+2
		if bytes.IndexByte(value, '<') >= 0 {
			t.flawed(`a "<" in an attribute's value`)
		}
	} else {
		n = bareEnd(value)
		if n < 0 {
			return -1
		}
		value = value[:n]
		t.flawed("an attribute's value without quotes")
	}
	t.add(name, value)
	return i + n
}

// add keeps an attribute, the first of each name. Few tags have so many that
// looking through them would take long; of these all are kept.
func (t *tag) add(name, value []byte) {
	if len(name) == 0 {
		t.flawed("an attribute without a name")
		return
	}
	for _, a := range t.attrs[:min(len(t.attrs), 20)] {
		if bytes.Equal(a.name, name) {
			t.flawed("an attribute that stands twice")
			return
		}
	}
	t.attrs = append(t.attrs, rawAttr{name, value})
}

func (t *tag) flawed(format string, args ...any) {
	if t.flaws++; t.flaws == 1 {
		t.flaw = fmt.Sprintf(format, args...)
	}
}

func isSpace(c byte) bool { return c == ' ' || c == '\n' || c == '\t' || c == '\r' }

func spaceEnd(b []byte) int {
	for i, c := range b {
		if !isSpace(c) {
			return i
		}
	}
	return len(b)
}

// wordEnd is where a name ends.
func wordEnd(b []byte) int {
	for i, c := range b {
		if isSpace(c) || c == '=' || c == '>' || c == '<' || c == '/' || c == '"' || c == '\'' {
			return i
		}
	}
	return len(b)
}

// bareEnd is where a value without quotes ends, -1 for later. A "/" is of the
// value, as in URLs, unless it ends the tag.
func bareEnd(b []byte) int {
	for i, c := range b {
		switch {
		case isSpace(c) || c == '>' || c == '<':
			return i
		case c == '/' && i+1 == len(b):
			return -1
		case c == '/' && b[i+1] == '>':
			return i
		}
	}
	return -1
}

// A name is an element's or an attribute's, in its parts.
type name struct {
	raw           string
	key           string // in lower case
	prefix, local string // as written
}

// names are those that were met, as far as they are common: strangers may make
// up any number.
type names map[string]*name

const (
	maxNames = 1000
	longName = 100
)

func (m names) of(raw []byte) *name {
	if n := m[string(raw)]; n != nil {
		return n
	}
	n := &name{raw: string(raw)}
	n.key = strings.ToLower(n.raw)
	prefix, local, ok := strings.Cut(n.raw, ":")
	if n.prefix, n.local = prefix, local; !ok {
		n.prefix, n.local = "", prefix
	}
	if len(m) < maxNames && len(raw) <= longName {
		m[n.raw] = n
	}
	return n
}

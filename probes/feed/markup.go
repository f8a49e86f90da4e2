package feed

import (
	"bytes"
	"fmt"
	"io"
	"regexp"
	"strings"
	"unicode/utf8"
)

// What one piece of a stranger's feed may cost. A parser holds one at a time;
// texts, comments and the like pass through it and may have any length.
const (
	maxTag   = 128 << 10 // bytes of one tag; each two may be an attribute of a hundred
	maxField = 4 << 10   // bytes read of a title and the like
	maxStray = 64 << 10  // bytes that may stand before the root, such as warnings
)

// A field takes the text of an element, as much of it as is kept. Nil takes
// nothing.
type field struct{ strings.Builder }

func (f *field) write(b []byte) {
	if f != nil {
		f.Write(b[:min(len(b), maxField-f.Len())])
	}
}

// next goes on to the next tag, which is in s.tag until it is called again.
// Texts before it go into into.
func (s *source) next(into *field) error {
	s.drop(s.taken)
	s.taken = 0
	for {
		if err := s.chars(into); err != nil {
			return err
		}
		switch begin := s.ahead(len("<![CDATA[")); {
		case bytes.HasPrefix(begin, []byte("<![CDATA[")):
			s.drop(len("<![CDATA["))
			s.over("]]>", into)
		case bytes.HasPrefix(begin, []byte("<!--")):
			s.comment()
		case bytes.HasPrefix(begin, []byte("<?")):
			s.instruction()
		case bytes.HasPrefix(begin, []byte("<!")):
			if err := s.declaration(); err != nil {
				return err
			}
		case len(begin) > 1 && beginsTag(begin[1]):
			return s.readTag()
		default:
			s.fault(nil, `a "<" that begins no tag`)
			into.write(begin[:1])
			s.drop(1)
		}
	}
}

// beginsTag reports whether a "<" with c after it may be one of a tag.
func beginsTag(c byte) bool {
	return c|0x20 >= 'a' && c|0x20 <= 'z' || c >= utf8.RuneSelf || c == '/' || c == '_' || c == ':'
}

// chars goes on to the next "<". An error says that there is none.
func (s *source) chars(into *field) error {
	for {
		if end := bytes.IndexByte(s.text, '<'); end >= 0 {
			s.put(s.text[:end], into)
			s.drop(end)
			return nil
		}
		n := len(s.text)
		if s.err == nil {
			n = whole(s.text)
		}
		s.put(s.text[:n], into)
		s.drop(n)
		if s.stray && s.outside && s.offset > maxStray {
			return errNoFeed
		}
		if before := len(s.text); len(s.ahead(before+1)) == before && before == 0 {
			return s.err
		}
	}
}

// whole is how much of b can be judged although more may follow: a reference
// and the like may go on.
func whole(b []byte) int {
	tail := max(0, len(b)-maxReference)
	if at := bytes.LastIndexByte(b[tail:], '&'); at >= 0 {
		return tail + at
	}
	return max(0, len(b)-len("]]"))
}

// put reads a text.
func (s *source) put(b []byte, into *field) {
	if s.outside && !s.stray && len(bytes.Trim(b, " \t\r\n")) > 0 {
		s.strayed()
	}
	if s.outside {
		return
	}
	for at := 0; ; at++ {
		more := bytes.Index(b[at:], []byte("]]>"))
		if more < 0 {
			break
		}
		at += more
		s.fault(b[:at], `a "]]>" that ends nothing`)
	}
	s.resolve(b, into.write)
}

// strayed notes that something stands before the root.
func (s *source) strayed() {
	if !s.stray {
		s.stray = true
		s.fault(nil, "something stands before the feed")
	}
}

func (s *source) comment() {
	s.drop(len("<!--"))
	for faulty := false; s.to("--", nil); s.drop(1) {
		if bytes.HasPrefix(s.ahead(3), []byte("-->")) {
			s.drop(3)
			return
		}
		if !faulty {
			s.fault(nil, `a "--" within a comment`)
		}
		faulty = true
	}
}

// instruction reads over a processing instruction and, as that, an XML
// declaration.
func (s *source) instruction() {
	if !xmlDeclaration.Match(s.ahead(6)) {
		s.over("?>", nil)
		return
	}
	if s.offset > 0 && !s.stray {
		s.fault(nil, "an XML declaration that isn't at the start")
	}
	last := field{}
	s.over(">", &last)
	if !strings.HasSuffix(last.String(), "?") {
		s.fault(nil, "an XML declaration that isn't ended by ?>")
	}
}

var xmlDeclaration = regexp.MustCompile(`^<\?(?i:xml)\s`)

// declaration reads a document type, and reads over what else begins with "<!".
func (s *source) declaration() error {
	if !s.outside || !strings.EqualFold(string(s.ahead(len("<!DOCTYPE"))), "<!DOCTYPE") {
		s.fault(nil, `a "<!" that begins nothing`)
		s.over(">", nil)
		return nil
	}
	text, err := s.piece(docTypeEnd)
	if err != nil {
		return err
	}
	s.external = externalType.Match(text)
	s.declareEntities(text)
	s.drop(len(text))
	return nil
}

// externalType is one that says where to find more of it, which nobody does.
var externalType = regexp.MustCompile(`^<!\S+\s+[^\s\[>]+\s+(SYSTEM|PUBLIC)\s`)

// piece is what stands ahead up to its end, which end finds; -1 says that it
// comes later.
func (s *source) piece(end func([]byte) int) ([]byte, error) {
	for n := len(s.text); ; n *= 4 {
		b := s.ahead(n)
		at := end(b)
		switch {
		case at > maxTag || at < 0 && len(b) > maxTag:
			return nil, fmt.Errorf("a tag has more than %d bytes, in line %d", maxTag, s.line)
		case at >= 0:
			return b[:at], nil
		case len(b) < n:
			if s.err == io.EOF {
				return nil, fmt.Errorf("it ends within the tag in line %d", s.line)
			}
			return nil, s.err
		}
	}
}

// docTypeEnd is where the document type ends that b begins with (XML 1.0 §2.8),
// -1 for later.
func docTypeEnd(b []byte) int {
	depth := 0
	for i := 0; i < len(b); i++ {
		switch c := b[i]; c {
		case '"', '\'':
			end := bytes.IndexByte(b[i+1:], c)
			if end < 0 {
				return -1
			}
			i += end + 1
		case '[':
			depth++
		case ']':
			depth--
		case '<':
			if bytes.HasPrefix(b[i:], []byte("<!--")) {
				end := bytes.Index(b[i:], []byte("-->"))
				if end < 0 {
					return -1
				}
				i += end + 2
			}
		case '>':
			if depth <= 0 {
				return i + 1
			}
		}
	}
	return -1
}

// trail reads what stands after the root, where only comments and the like may.
func (s *source) trail() {
	s.drop(s.taken)
	s.taken = 0
	for {
		b := s.ahead(4)
		switch {
		case len(b) == 0:
			return
		case bytes.IndexByte([]byte(" \t\r\n"), b[0]) >= 0:
			s.drop(1)
		case bytes.HasPrefix(b, []byte("<!--")):
			s.comment()
		case bytes.HasPrefix(b, []byte("<?")):
			s.instruction()
		default:
			s.fault(nil, "something stands after the feed")
			s.drain()
		}
	}
}

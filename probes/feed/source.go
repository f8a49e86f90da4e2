package feed

import (
	"bufio"
	"bytes"
	"io"

	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/transform"
)

// A source gives a feed's text to a parser: as UTF-8 and without the characters
// that XML forbids. It reads no further than it is asked to, so a feed need not
// be there as a whole.
type source struct {
	r      io.Reader
	clean  *cleaner
	guess  string // what had to be guessed to decode it
	buf    []byte
	text   []byte // of buf, not yet read
	err    error  // to be returned after text
	faults faults

	offset   int  // bytes read
	line     int  // that text begins in, from 1
	taken    int  // bytes of text that the tag has, which next leaves behind
	tag      tag  // the one that was read
	outside  bool // the root hasn't begun
	stray    bool // something stands before it
	entities map[string]string
	external bool // a document type elsewhere may declare more
}

// newSource reads a feed that came as charset, by what HTTP says, "" for
// nothing.
func newSource(r io.Reader, charset string) *source {
	raw := bufio.NewReader(r)
	begin, _ := raw.Peek(maxDeclaration)
	s := &source{clean: &cleaner{line: 1}, buf: make([]byte, 32<<10), line: 1, outside: true}
	e, guess := sniff(begin, charset)
	s.guess = guess
	if e == nil {
		s.clean.ascii = isASCII(declaredBy(begin))
		s.r = transform.NewReader(raw, s.clean)
	} else {
		s.clean.decoded = wide(begin) == nil && e != simplifiedchinese.GB18030
		s.r = transform.NewReader(raw, transform.Chain(e.NewDecoder(), s.clean))
	}
	s.ahead(maxDeclaration)
	s.text = bytes.TrimPrefix(s.text, []byte("\ufeff"))
	return s
}

// marks are what templates that include others leave at the begin of a text.
const marks = "\ufeff\u200b \t\r\n"

// head is what the text begins with, but for marks.
func (s *source) head() []byte {
	text := bytes.TrimLeft(s.text, marks)
	return text[:min(len(text), 60)]
}

// mended is what had to be guessed or read over where the text is not as it
// should be, "" for nothing.
func (s *source) mended(not string) string {
	found := s.faults.and(s.clean.faults).say(not)
	switch {
	case s.guess == "":
		return found
	case found == "":
		return s.guess
	}
	return s.guess + "; " + found
}

// fault notes one, after the bytes before of what is to be read.
func (s *source) fault(before []byte, format string, args ...any) {
	s.faults.add(s.line, before, format, args...)
}

// drop leaves n bytes behind.
func (s *source) drop(n int) {
	s.line += bytes.Count(s.text[:n], []byte("\n"))
	s.offset += n
	s.text = s.text[n:]
}

// to goes on to mark, and reports whether there is one. What is left behind
// goes into into.
func (s *source) to(mark string, into *field) bool {
	for {
		if at := bytes.Index(s.text, []byte(mark)); at >= 0 {
			into.write(s.text[:at])
			s.drop(at)
			return true
		}
		n := max(0, len(s.text)-len(mark)+1)
		into.write(s.text[:n])
		s.drop(n)
		if before := len(s.text); len(s.ahead(before+1)) == before {
			s.drop(before)
			return false
		}
	}
}

// over goes on to what stands after mark.
func (s *source) over(mark string, into *field) {
	if s.to(mark, into) {
		s.drop(len(mark))
	}
}

// ahead is the next n bytes, fewer at the end.
func (s *source) ahead(n int) []byte {
	if n > len(s.buf) {
		s.buf = make([]byte, 2*n)
		s.text = s.buf[:copy(s.buf, s.text)]
	}
	for len(s.text) < n && s.err == nil {
		s.text = s.buf[:copy(s.buf, s.text)]
		var more int
		more, s.err = s.r.Read(s.buf[len(s.text):])
		s.text = s.buf[:len(s.text)+more]
	}
	return s.text[:min(n, len(s.text))]
}

// drain reads what is left.
func (s *source) drain() {
	for len(s.ahead(1)) > 0 {
		s.drop(len(s.text))
	}
}

// Read is what encoding/json reads by.
func (s *source) Read(p []byte) (int, error) {
	if len(s.ahead(1)) == 0 {
		return 0, s.err
	}
	n := copy(p, s.text)
	s.drop(n)
	return n, nil
}

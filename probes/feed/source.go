package feed

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"unicode/utf8"

	"golang.org/x/text/transform"
)

// What one piece of a stranger's feed may cost. A parser holds one at a time.
const (
	maxTag  = 128 << 10 // bytes of one tag; each two may be an attribute of a hundred
	maxText = 4 << 20   // bytes of one text, comment or the like, such as a picture within shownotes
)

// A source gives a feed's text to a parser: as UTF-8, without the declaration
// of an encoding it no longer has, without the characters that XML forbids, and
// in pieces of bounded size. It reads no further than it is asked to, so a feed
// need not be there as a whole.
type source struct {
	r     io.Reader
	clean *cleaner
	guess string // what had to be guessed to decode it
	buf   []byte
	text  []byte // of buf, not yet read
	err   error  // to be returned after text

	last  byte // read
	fresh bool // the piece's first byte is still to come
	left  int  // bytes that the piece may still have
	loose bool // a "<" was no tag's
}

func newSource(r io.Reader) *source {
	raw := bufio.NewReader(r)
	begin, _ := raw.Peek(maxDeclaration)
	s := &source{clean: &cleaner{}, buf: make([]byte, 32<<10)}
	e, guess := sniff(begin)
	s.guess = guess
	if e == nil {
		s.r = transform.NewReader(raw, s.clean)
	} else {
		s.r = transform.NewReader(raw, transform.Chain(e.NewDecoder(), s.clean))
	}
	s.next()
	n, err := io.ReadAtLeast(s.r, s.buf, maxDeclaration)
	s.text, s.err = s.buf[:n], err
	if err == io.ErrUnexpectedEOF {
		s.err = io.EOF
	}
	s.text = bytes.TrimLeft(s.text, "\ufeff\u200b \t\r\n") // templates that include others leave marks
	s.text = bytes.TrimLeft(s.text[len(declaration.Find(s.text)):], " \t\r\n")
	return s
}

// head is what the text begins with.
func (s *source) head() []byte { return s.text[:min(len(s.text), 60)] }

// mended is what had to be guessed to read the text, "" for nothing.
func (s *source) mended() string {
	switch {
	case s.guess == "" && s.clean.strayed:
		return "not in the declared encoding, utf-8; read as windows-1252 where it isn't"
	case s.guess == "" && s.loose:
		return `a "<" that begins no tag; read as text`
	}
	return s.guess
}

// next says that another piece begins: a tag, or what stands between tags.
func (s *source) next() { s.fresh, s.left = true, maxTag }

// ReadByte is what encoding/xml reads by.
func (s *source) ReadByte() (byte, error) {
	if len(s.text) == 0 {
		if err := s.fill(); err != nil {
			return 0, err
		}
	}
	c := s.text[0]
	s.text = s.text[1:]
	if s.fresh {
		s.classify(c)
	}
	s.last = c
	if s.left--; s.left < 0 {
		return 0, errLong
	}
	return c, nil
}

var errLong = fmt.Errorf("a tag has more than %d bytes, or a text more than %d", maxTag, maxText)

// classify tells what piece begins, as tags have less room. The "<" of a tag
// after a text has been read with the text.
func (s *source) classify(c byte) {
	if c == '<' && s.last != '<' {
		return // the next byte tells
	}
	s.fresh = false
	if s.last != '<' || c == '!' || c == '?' {
		s.left = maxText
	}
}

// skip leaves out what stands before the next tag, however long it is: texts,
// comments and CDATA that nobody wants. It may be called between pieces.
func (s *source) skip() {
	if s.last == '<' { // of the tag, read with the text before it
		return
	}
	for s.past("<", false) {
		switch begin := s.ahead(len("<![CDATA[")); {
		case bytes.HasPrefix(begin, []byte("<![CDATA[")):
			s.past("]]>", true)
		case bytes.HasPrefix(begin, []byte("<!--")):
			s.past("-->", true)
		case len(begin) > 1 && !beginsTag(begin[1]):
			s.loose = true
			s.text = s.text[1:]
		default:
			return
		}
	}
}

// beginsTag reports whether a "<" with c after it may be one of a tag.
func beginsTag(c byte) bool {
	return c|0x20 >= 'a' && c|0x20 <= 'z' || c >= utf8.RuneSelf || c == '/' || c == '!' || c == '?' || c == '_' || c == ':'
}

// past goes on to mark, or over it, and reports whether there is one.
func (s *source) past(mark string, over bool) bool {
	for {
		at := bytes.Index(s.text, []byte(mark))
		if at >= 0 {
			if over {
				at += len(mark)
			}
			s.text = s.text[at:]
			return true
		}
		s.text = s.text[max(0, len(s.text)-len(mark)+1):]
		if before := len(s.text); len(s.ahead(len(mark))) == before {
			s.text = nil
			return false
		}
	}
}

// ahead is the next n bytes, fewer at the end.
func (s *source) ahead(n int) []byte {
	for len(s.text) < n && s.err == nil {
		s.text = s.buf[:copy(s.buf, s.text)]
		var more int
		more, s.err = s.r.Read(s.buf[len(s.text):])
		s.text = s.buf[:len(s.text)+more]
	}
	return s.text[:min(n, len(s.text))]
}

// Read is what encoding/json reads by. Pieces are no concern of it.
func (s *source) Read(p []byte) (int, error) {
	if len(s.text) == 0 {
		if err := s.fill(); err != nil {
			return 0, err
		}
	}
	n := copy(p, s.text)
	s.text = s.text[n:]
	return n, nil
}

func (s *source) fill() error {
	for len(s.text) == 0 {
		if s.err != nil {
			return s.err
		}
		n, err := s.r.Read(s.buf)
		s.text, s.err = s.buf[:n], err
	}
	return nil
}

package feed

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/html/charset"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/encoding/unicode/utf32"
	"golang.org/x/text/transform"
)

const maxDeclaration = 1 << 10

var (
	declaration = regexp.MustCompile(`<\?(?i:xml)\s[^>]*>`)
	declared    = regexp.MustCompile(`(?i)\sencoding\s*=\s*["']\s*([\w.:-]+)\s*["']`)
	root        = regexp.MustCompile(`(?i)<([\w.-]+:)?(rss|rdf|feed)[\s>]`)
)

// sniff tells the encoding of a feed that begins with begin, nil for UTF-8, by
// its mark, by the zeros beside its first character (XML 1.0, appendix F), by
// what it declares, or else by the charset that HTTP names, "" for none. RFC 7303
// wants the latter before what is declared; servers say it of all their files
// alike, so players go by the declaration.
func sniff(begin []byte, charset string) (e encoding.Encoding, guess string) {
	if e := wide(begin); e != nil {
		return e, ""
	}
	if bytes.HasPrefix(begin, []byte("\xef\xbb\xbf")) { // which outweighs what is declared, as for browsers
		return nil, ""
	}
	if label := declaredBy(begin); label != "" {
		return labeled(label, "declared")
	}
	if charset != "" && !bytes.HasPrefix(bytes.TrimLeft(begin, " \t\r\n"), []byte("{")) { // JSON is UTF-8 (RFC 8259 §8.1)
		return labeled(charset, "server's")
	}
	return nil, ""
}

// declaredBy is the encoding that begin declares, "" for none. A declaration
// may stand after what shouldn't be there, and none stands within the feed.
func declaredBy(begin []byte) string {
	at := declaration.FindIndex(begin)
	if at == nil || root.Match(begin[:at[0]]) {
		return ""
	}
	if m := declared.FindSubmatch(begin[at[0]:at[1]]); m != nil {
		return string(m[1])
	}
	return ""
}

// labeled is the encoding of a text that isn't wide.
func labeled(label, by string) (e encoding.Encoding, guess string) {
	if strings.HasPrefix(strings.ToLower(label), "utf8mb") { // as databases call it
		return nil, ""
	}
	switch e, name := charset.Lookup(label); {
	case name == "utf-8" || isASCII(label):
		return nil, ""
	case name == "utf-16le" || name == "utf-16be": // a declaration left behind
		return nil, fmt.Sprintf("the %s encoding %q is not the text's, read as UTF-8", by, clip(label))
	case e == nil:
		return nil, fmt.Sprintf("the %s encoding %q is unknown, read as UTF-8", by, clip(label))
	default:
		return e, ""
	}
}

// isASCII tells the labels of ASCII, which browsers take for windows-1252. Where
// such a feed has other bytes, they are UTF-8 most often.
func isASCII(label string) bool {
	return strings.EqualFold(label, "us-ascii") || strings.EqualFold(label, "ascii")
}

// wide tells the encodings whose characters take two bytes and more. White space
// may stand where the first "<" should.
func wide(begin []byte) encoding.Encoding {
	begin = bytes.Clone(begin[:min(len(begin), 4)])
	for i, c := range begin {
		if isSpace(c) {
			begin[i] = '<'
		}
	}
	for _, w := range []struct {
		begin string
		e     encoding.Encoding
	}{
		{"\xff\xfe\x00\x00", utf32.UTF32(utf32.LittleEndian, utf32.UseBOM)},
		{"\x00\x00\xfe\xff", utf32.UTF32(utf32.BigEndian, utf32.UseBOM)},
		{"<\x00\x00\x00", utf32.UTF32(utf32.LittleEndian, utf32.IgnoreBOM)},
		{"\x00\x00\x00<", utf32.UTF32(utf32.BigEndian, utf32.IgnoreBOM)},
		{"\xff\xfe", unicode.UTF16(unicode.LittleEndian, unicode.UseBOM)},
		{"\xfe\xff", unicode.UTF16(unicode.BigEndian, unicode.UseBOM)},
		{"<\x00", unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM)},
		{"\x00<", unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM)},
	} {
		if bytes.HasPrefix(begin, []byte(w.begin)) {
			return w.e
		}
	}
	return nil
}

// A cleaner passes UTF-8, leaves out the characters that XML forbids and feeds
// have (XML 1.0 §2.2), and takes what is no UTF-8 for windows-1252, which is
// meant most often: feeds in two encodings at once exist.
type cleaner struct {
	transform.NopResetter
	decoded bool // from an encoding that has no U+FFFD: one stands for bytes that mean nothing
	ascii   bool // is declared
	line    int  // from 1
	faults  faults
}

// Transform implements [transform.Transformer].
func (c *cleaner) Transform(dst, src []byte, atEOF bool) (nDst, nSrc int, err error) {
	nDst, nSrc, err = c.pass(dst, src, atEOF)
	c.line += bytes.Count(src[:nSrc], []byte("\n"))
	return nDst, nSrc, err
}

func (c *cleaner) pass(dst, src []byte, atEOF bool) (nDst, nSrc int, err error) {
	for nSrc < len(src) {
		if b := src[nSrc]; b < utf8.RuneSelf {
			n := plain(src[nSrc:])
			copied := copy(dst[nDst:], src[nSrc:nSrc+n])
			nDst, nSrc = nDst+copied, nSrc+copied
			switch {
			case copied < n:
				return nDst, nSrc, transform.ErrShortDst
			case n == 0:
				c.faults.add(c.line, src[:nSrc], "the control character %U", b)
				nSrc++
			}
			continue
		}
		if !atEOF && !utf8.FullRune(src[nSrc:]) {
			return nDst, nSrc, transform.ErrShortSrc
		}
		if len(dst)-nDst < utf8.UTFMax {
			return nDst, nSrc, transform.ErrShortDst
		}
		r, size := c.rune(src[:nSrc], src[nSrc:])
		if nSrc += size; r >= 0 {
			nDst += utf8.EncodeRune(dst[nDst:], r)
		}
	}
	return nDst, nSrc, nil
}

// rune is the character that b begins with, negative for none, and how many
// bytes it takes.
func (c *cleaner) rune(before, b []byte) (rune, int) {
	r, size := utf8.DecodeRune(b)
	switch {
	case r == utf8.RuneError && size == 1:
		r = charmap.Windows1252.DecodeByte(b[0])
		c.faults.add(c.line, before, "bytes that are not UTF-8, read as windows-1252")
	case r == '\ufffe' || r == '\uffff':
		c.faults.add(c.line, before, "%U, which is no character", r)
		r = -1
	case c.ascii:
		c.faults.add(c.line, before, "bytes that are not ASCII, which is declared")
	case r == utf8.RuneError && c.decoded:
		c.faults.add(c.line, before, "bytes that are not in the declared encoding")
	}
	return r, size
}

// plain is how many bytes at the begin of b are ASCII that XML allows.
func plain(b []byte) int {
	for n, c := range b {
		if c >= utf8.RuneSelf || c < ' ' && c != '\n' && c != '\t' && c != '\r' {
			return n
		}
	}
	return len(b)
}

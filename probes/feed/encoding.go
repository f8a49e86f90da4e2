package feed

import (
	"bytes"
	"fmt"
	"regexp"
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
	declaration = regexp.MustCompile(`^\s*<\?(?i:xml)\s[^>]*>`)
	declared    = regexp.MustCompile(`(?i)\sencoding\s*=\s*["']([\w.:-]+)["']`)
)

// sniff tells the encoding of a feed that begins with begin, nil for UTF-8, by
// its mark, by the zeros beside its first character (XML 1.0, appendix F) or by
// what it declares.
func sniff(begin []byte) (e encoding.Encoding, guess string) {
	if e := wide(begin); e != nil {
		return e, ""
	}
	if bytes.HasPrefix(begin, []byte("\xef\xbb\xbf")) { // which outweighs what is declared, as for browsers
		return nil, ""
	}
	m := declared.FindSubmatch(declaration.Find(begin))
	if m == nil {
		return nil, ""
	}
	label := string(m[1])
	switch e, name := charset.Lookup(label); {
	case name == "utf-8" || name == "utf-16le" || name == "utf-16be": // which it can't be: a declaration left behind
		return nil, ""
	case e == nil:
		return nil, fmt.Sprintf("the declared encoding %q is unknown, read as UTF-8", label)
	default:
		return e, ""
	}
}

// wide tells the encodings whose characters take two bytes and more.
func wide(begin []byte) encoding.Encoding {
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
	strayed bool // something was no UTF-8
}

// Transform implements [transform.Transformer].
func (c *cleaner) Transform(dst, src []byte, atEOF bool) (nDst, nSrc int, err error) {
	for nSrc < len(src) {
		if b := src[nSrc]; b < utf8.RuneSelf {
			n := plain(src[nSrc:])
			copied := copy(dst[nDst:], src[nSrc:nSrc+n])
			nDst, nSrc = nDst+copied, nSrc+copied
			switch {
			case copied < n:
				return nDst, nSrc, transform.ErrShortDst
			case n == 0:
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
		r, size := utf8.DecodeRune(src[nSrc:])
		if r == utf8.RuneError && size == 1 {
			r = charmap.Windows1252.DecodeByte(src[nSrc])
			c.strayed = true
		}
		nSrc += size
		if r != '\ufffe' && r != '\uffff' {
			nDst += utf8.EncodeRune(dst[nDst:], r)
		}
	}
	return nDst, nSrc, nil
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

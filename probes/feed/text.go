package feed

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"regexp"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/net/html/charset"
)

// declaration is an XML declaration that names an encoding.
var declaration = regexp.MustCompile(`(?i)^\s*<\?xml\s[^>]*?encoding\s*=\s*["']([\w.:-]+)["'][^>]*?>`)

// decode returns body as UTF-8, without the declaration of an encoding it no
// longer has, and what had to be guessed for that, "" for nothing. Everything
// after sees the same characters, which a count of tags relies on.
func decode(body []byte) (text []byte, guess string) {
	if order, rest := wide(body); order != nil {
		text = fromUTF16(rest, order)
		return text[len(declaration.Find(text)):], ""
	}
	body = bytes.TrimPrefix(body, []byte("\xef\xbb\xbf"))
	label := "utf-8"
	if m := declaration.FindSubmatch(body); m != nil {
		label, body = string(m[1]), body[len(m[0]):]
	}
	switch e, name := charset.Lookup(label); {
	case name == "utf-8" || name == "utf-16le" || name == "utf-16be": // which it can't be: a declaration left behind
	case e == nil:
		guess = fmt.Sprintf("the declared encoding %q is unknown, read as UTF-8", label)
	default:
		if text, err := e.NewDecoder().Bytes(body); err == nil {
			return text, ""
		}
	}
	if utf8.Valid(body) {
		return body, guess
	}
	e, name := charset.Lookup("windows-1252") // what is meant most often
	text, err := e.NewDecoder().Bytes(body)
	if err != nil {
		return bytes.ToValidUTF8(body, []byte("\ufffd")), "not in the declared encoding, " + label
	}
	return text, fmt.Sprintf("not in the declared encoding, %s; read as %s", label, name)
}

// wide tells UTF-16 by its mark or by the zero beside its first character
// (XML 1.0, appendix F).
func wide(b []byte) (order binary.ByteOrder, rest []byte) {
	switch {
	case bytes.HasPrefix(b, []byte{0xff, 0xfe}):
		return binary.LittleEndian, b[2:]
	case bytes.HasPrefix(b, []byte{0xfe, 0xff}):
		return binary.BigEndian, b[2:]
	case bytes.HasPrefix(b, []byte{'<', 0}):
		return binary.LittleEndian, b
	case bytes.HasPrefix(b, []byte{0, '<'}):
		return binary.BigEndian, b
	}
	return nil, nil
}

func fromUTF16(b []byte, order binary.ByteOrder) []byte {
	units := make([]uint16, len(b)/2)
	for i := range units {
		units[i] = order.Uint16(b[2*i:])
	}
	return []byte(string(utf16.Decode(units)))
}

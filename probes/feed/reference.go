package feed

import (
	"bytes"
	"encoding/xml"
	"errors"
	"regexp"
	"strconv"
	"strings"
)

// What a feed may declare of its own: each use of an entity is its text.
const (
	maxReference  = 40 // bytes, as written
	maxEntities   = 100
	maxEntityText = 1 << 10
)

// resolve hands b to write with its references resolved. What is none stands for
// itself.
func (s *source) resolve(b []byte, write func([]byte)) {
	for at := 0; ; {
		n := bytes.IndexByte(b[at:], '&')
		if n < 0 {
			write(b[at:])
			return
		}
		write(b[at : at+n])
		at += n
		text, n, flaw := s.reference(b[at:])
		if flaw != "" {
			s.fault(b[:at], "%s", flaw)
		}
		write([]byte(text))
		at += n
	}
}

// value is an attribute's.
func (s *source) value(b []byte) string {
	if bytes.IndexByte(b, '&') < 0 {
		return string(b)
	}
	var text strings.Builder
	s.resolve(b, func(b []byte) { text.Write(b[:min(len(b), maxTag-text.Len())]) })
	return text.String()
}

// reference is the text that the reference stands for which b begins with, how
// many bytes it takes, and what is wrong with it.
func (s *source) reference(b []byte) (text string, n int, flaw string) {
	end := bytes.IndexByte(b[:min(len(b), maxReference)], ';')
	if end < 0 {
		return "&", 1, bareAnd
	}
	name := b[1:end]
	switch string(name) {
	case "lt":
		return "<", end + 1, ""
	case "gt":
		return ">", end + 1, ""
	case "amp":
		return "&", end + 1, ""
	case "quot":
		return `"`, end + 1, ""
	case "apos":
		return "'", end + 1, ""
	}
	if number, ok := bytes.CutPrefix(name, []byte("#")); ok {
		return character(string(number), end+1)
	}
	if !entityName.Match(name) {
		return "&", 1, bareAnd
	}
	if text, ok := s.entities[string(name)]; ok {
		return text, end + 1, ""
	}
	if !s.external {
		flaw = "&" + string(name) + "; is not declared"
	}
	if text, ok := xml.HTMLEntity[string(name)]; ok { // which players know
		return text, end + 1, flaw
	}
	return "&", 1, flaw
}

const bareAnd = `an "&" that begins no reference`

var entityName = regexp.MustCompile(`^[\pL_:][\pL\pN_:.-]*$`)

// character is the text of a reference by number (XML 1.0 §4.1), n bytes long.
// One that XML forbids is left out, as it is where it stands for itself.
func character(number string, n int) (string, int, string) {
	base := 10
	if hex, ok := strings.CutPrefix(strings.ToLower(number), "x"); ok {
		number, base = hex, 16
	}
	code, err := strconv.ParseUint(number, base, 32)
	switch {
	case err != nil && !errors.Is(err, strconv.ErrRange):
		return "&", 1, bareAnd
	case err != nil || !allowed(code):
		return "", n, "a reference to a character that XML forbids"
	}
	return string(rune(code)), n, ""
}

// allowed tells the characters of XML 1.0 §2.2.
func allowed(code uint64) bool {
	switch {
	case code < ' ':
		return code == '\t' || code == '\n' || code == '\r'
	case code >= 0xd800 && code < 0xe000, code == 0xfffe, code == 0xffff:
		return false
	}
	return code <= 0x10ffff
}

// declareEntities takes the entities that a document type declares. What their
// texts refer to is resolved as far as XML itself knows it, so that none can
// grow by others, and those that are found elsewhere stay as they are written.
func (s *source) declareEntities(docType []byte) {
	s.entities = map[string]string{}
	for _, m := range entity.FindAllSubmatch(docType, maxEntities) {
		name, value := string(m[1]), m[2]
		if _, ok := s.entities[name]; ok || len(name) > maxReference { // the first one stands
			continue
		}
		if len(value) < 2 {
			s.entities[name] = "&" + name + ";"
			continue
		}
		value = value[1 : len(value)-1]
		plain := source{external: true}
		s.entities[name] = plain.value(value[:min(len(value), maxEntityText)])
	}
}

var entity = regexp.MustCompile(`<!ENTITY\s+([^\s%"'<>&;]+)\s+(?:("[^"]*"|'[^']*')|SYSTEM|PUBLIC)`)

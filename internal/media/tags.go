package media

import "encoding/binary"

// tagHead is how many bytes tell whether a tag begins.
const tagHead = 32

// tagBetween returns the bytes of the tag that b begins with, 0 where none
// does: ID3v1 (id3.org/ID3v1, 128 bytes), ID3v2, and the header or footer of an
// APE tag (wiki.hydrogenaud.io, "APE Tags Header").
func tagBetween(b []byte) int64 {
	if n := tagLength(b); n > 0 {
		return n
	}
	switch {
	case hasPrefix(b, "TAG+"): // id3.org's "enhanced" tag
		return 227
	case hasPrefix(b, "TAG"):
		return 128
	case hasPrefix(b, "APETAGEX") && len(b) >= tagHead:
		return apeLength(b)
	}
	return 0
}

// tagInFront is the same of a tag that says how long it is before all else.
func tagInFront(b []byte) int64 {
	if hasPrefix(b, "APETAGEX") && len(b) >= tagHead && isAPEHeader(b) {
		return apeLength(b)
	}
	return tagLength(b)
}

func hasPrefix(b []byte, s string) bool { return len(b) >= len(s) && string(b[:len(s)]) == s }

// isAPEHeader reports whether b is the header of an APE tag, not its footer.
func isAPEHeader(b []byte) bool { return binary.LittleEndian.Uint32(b[20:])>>29&1 == 1 }

// apeBody is the length of the items of an APE tag and its footer.
func apeBody(b []byte) int64 { return int64(binary.LittleEndian.Uint32(b[12:])) }

// apeLength is what an APE header or footer stands for: a footer ends its tag.
func apeLength(b []byte) int64 {
	if !isAPEHeader(b) {
		return tagHead
	}
	return tagHead + apeBody(b)
}

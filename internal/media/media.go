// Package media tells what a file is from its first bytes, and reads its frames
// to tell whether it plays, for how long, and whether it is whole.
package media

import (
	"bytes"
	"fmt"
	"mime"
	"strings"

	"github.com/gabriel-vasile/mimetype"
)

// A Format is what bytes turn out to be.
type Format struct {
	Type  string // media type by the bytes, such as audio/mpeg
	Codec string // mp3, aac, mp4, ogg, flac, wav, …; "" where it can't be played
}

// codecs gives the codec or container word of the types that players play;
// podcasts may be video too.
var codecs = map[string]string{
	"audio/mpeg": "mp3", "audio/aac": "aac", "audio/flac": "flac", "audio/wav": "wav",
	"audio/x-m4a": "mp4", "audio/mp4": "mp4", "video/mp4": "mp4", "video/x-m4v": "mp4",
	"video/quicktime": "mp4", "video/3gpp": "mp4", "audio/3gpp": "mp4", "video/3gpp2": "mp4",
	"audio/ogg": "ogg", "application/ogg": "ogg", "video/ogg": "ogg",
	"video/webm": "webm", "audio/webm": "webm", "video/matroska": "matroska", "audio/matroska": "matroska",
	"audio/amr": "amr", "audio/aiff": "aiff", "audio/basic": "au", "audio/ape": "ape",
	"audio/x-ms-wma": "asf", "video/x-ms-asf": "asf", "video/mpeg": "mpeg",
	"application/vnd.apple.mpegurl": "hls",
}

// identify says what head, the first bytes of a file behind its tags, belongs
// to. Four kilobytes are plenty; fewer will often do.
func identify(head []byte) Format {
	if bytes.HasPrefix(head, []byte("RF64")) || bytes.HasPrefix(head, []byte("BW64")) { // EBU Tech 3306, ITU-R BS.2088
		return Format{"audio/wav", "wav"}
	}
	if len(head) >= 12 && string(head[:4]) == "FORM" && string(head[8:12]) == "AIFC" { // AIFF-C, which mimetype doesn't know
		return Format{"audio/aiff", "aiff"}
	}
	detected := mimetype.Detect(head)
	for m := detected; m != nil; m = m.Parent() {
		if codec := codecs[Bare(m.String())]; codec != "" {
			return Format{Bare(m.String()), codec}
		}
	}
	if !strings.HasPrefix(detected.String(), "text/") && framesOf(head) {
		return Format{"audio/mpeg", "mp3"} // sound after bytes that mean nothing
	}
	return Format{Type: Bare(detected.String())}
}

// tagLength returns the bytes of the ID3v2 tag that head begins with, 0 where
// none does (id3.org, ID3v2.4 §3.1 and §3.4).
func tagLength(head []byte) int64 {
	if len(head) < 10 || string(head[:3]) != "ID3" || head[3] == 0xFF || head[4] == 0xFF {
		return 0
	}
	size := int64(10)
	for i, b := range head[6:10] {
		size += int64(b&0x7F) << (7 * (3 - i))
	}
	if head[3] >= 4 && head[5]&0x10 != 0 {
		size += 10 // a footer
	}
	return size
}

// Playable reports whether a player could make something of it.
func (f Format) Playable() bool { return f.Codec != "" }

// Agrees says how a stated media type (RFC 9110 §8.3) misses what the bytes
// are, nil where it doesn't. No type and application/octet-stream state
// nothing.
func (f Format) Agrees(stated string) error {
	typ := Bare(stated)
	switch {
	case typ == "" || typ == "application/octet-stream" || typ == "binary/octet-stream" || typ == f.Type:
		return nil
	case f.Playable() && family(typ) == family(f.Type):
		return nil
	}
	return fmt.Errorf("the type says %s, the bytes say %s", typ, f.Type)
}

// families are media types under which the same bytes travel.
var families = map[string]string{
	"audio/mp3": "mp3", "audio/x-mp3": "mp3", "audio/mpeg3": "mp3", "audio/x-mpeg": "mp3", "audio/mpg": "mp3",
	"audio/x-aac": "aac", "audio/aacp": "aac", "audio/x-flac": "flac", "audio/x-wav": "wav", "audio/wave": "wav",
	"audio/vnd.wave": "wav", "audio/m4a": "mp4", "audio/m4b": "mp4", "audio/x-m4b": "mp4", "audio/mp4a-latm": "mp4", "video/m4v": "mp4",
	"audio/opus": "ogg", "audio/vorbis": "ogg", "audio/speex": "ogg", "audio/x-matroska": "matroska", "video/x-matroska": "matroska",
	"application/x-mpegurl": "hls", "audio/x-mpegurl": "hls", "audio/mpegurl": "hls",
}

func family(typ string) string {
	if f := families[typ]; f != "" {
		return f
	}
	return codecs[typ]
}

// Bare is a media type in lower case without its parameters.
func Bare(typ string) string {
	if t, _, err := mime.ParseMediaType(typ); err == nil {
		return t
	}
	t, _, _ := strings.Cut(strings.ToLower(typ), ";")
	return strings.TrimSpace(t)
}

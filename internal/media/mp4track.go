package media

import "strings"

// An mp4Track is what a trak box tells of a track.
type mp4Track struct {
	id      int64
	handler string // soun, vide, text …
	clock   mp4Clock
	edit    mp4Edit
	sound   sampleKind
	tables  mp4Tables
}

// of turns units of the track's time into seconds.
func (c mp4Clock) of(units int64) float64 {
	if c.scale <= 0 {
		return 0
	}
	return float64(units) / float64(c.scale)
}

// An mp4Edit is the part of a track that is played (ISO/IEC 14496-12 §8.6.6).
type mp4Edit struct {
	skip   int64 // at the beginning, in units of the track
	length int64 // in units of the movie
}

func editOf(p []byte) (e mp4Edit) {
	wide := number(p, 0, 1) == 1
	first := true
	for at := 8; ; {
		length, from := number(p, at, 4), int64(int32(number(p, at+4, 4)))
		n := 12
		if wide {
			length, from, n = number(p, at, 8), number(p, at+8, 8), 20
		}
		if at+n > len(p) {
			return e
		}
		at += n
		if from < 0 {
			continue // a pause
		}
		if first {
			e.skip, first = from, false
		}
		e.length = max(0, e.length+length)
	}
}

// mp4Codecs names what is common to call otherwise.
var mp4Codecs = map[string]string{
	"mp4a": "aac", "ac-3": "ac3", "ec-3": "eac3", "ac-4": "ac4", "ms\x00u": "mp3",
	"samr": "amr_nb", "sawb": "amr_wb", "dtsc": "dts", "dtsh": "dts", "dtsl": "dts", "dtse": "dts", "mlpa": "truehd",
	"ulaw": "pcm_mulaw", "alaw": "pcm_alaw", "ima4": "adpcm_ima_qt", "ms\x00\x02": "adpcm_ms", "ms\x00\x11": "adpcm_ima_wav",
	"agsm": "gsm", "mac3": "mace3", "mac6": "mace6", "dvi ": "adpcm_ima_wav",
}

// mp4Protected are the sample entries of sound that only its seller's player
// decrypts.
var mp4Protected = map[string]bool{"enca": true, "drms": true, "aavd": true, "aax ": true}

// soundOf reads the first entry of an stsd box.
func soundOf(p []byte) (s sampleKind) {
	if len(p) < 16+28 {
		return s
	}
	entry := p[8:min(len(p), 8+int(max(8, min(number(p, 8, 4), 1<<24))))]
	kind := string(entry[4:8])
	s.protected = mp4Protected[kind]
	s.codec, s.pcm = mp4Codec(kind), pcmOf(kind, number(entry, 26, 2))
	s.channels, s.hz = int(number(entry, 24, 2)), int(number(entry, 32, 2))
	body := 36
	switch number(entry, 16, 2) { // QuickTime's versions; zero in ISO files
	case 1:
		s.packed, s.packet = int(number(entry, 36, 4)), number(entry, 44, 4)
		body = 52
	case 2:
		s.channels, s.hz = int(number(entry, 48, 4)), hertzOf(number(entry, 40, 8))
		s.pcm.linear(number(entry, 56, 4), number(entry, 60, 4))
		body = 72
	}
	s.extend(slice(entry, body, len(entry)), 0)
	s.describePCM(number(entry, 26, 2))
	return s
}

func mp4Codec(kind string) string {
	kind = strings.ToLower(kind)
	if c := mp4Codecs[kind]; c != "" {
		return c
	}
	return strings.Trim(kind, " .\x00")
}

// extend reads the boxes inside a sample entry.
func (s *sampleKind) extend(p []byte, depth int) {
	for len(p) >= 8 && depth < 4 {
		n := int(number(p, 0, 4))
		if n < 8 || n > len(p) {
			return
		}
		s.extension(string(p[4:8]), p[8:n], depth)
		p = p[n:]
	}
}

func (s *sampleKind) extension(kind string, b []byte, depth int) {
	switch kind {
	case "wave": // QuickTime's
		s.extend(b, depth+1)
	case "sinf": // ISO/IEC 14496-12 §8.12
		s.protected = true
		s.extend(b, depth+1)
	case "frma":
		kind := string(slice(b, 0, 4))
		if s.codec = mp4Codec(kind); !strings.EqualFold(kind, s.pcm.entry) {
			s.pcm = pcmOf(kind, int64(s.pcm.bits))
		}
	case "enda": // QuickTime: whether the lowest byte comes first
		s.pcm.little = number(b, 0, 2) == 1 || s.pcm.entry == "sowt"
	case "pcmC": // ISO/IEC 23003-5 §5.3
		s.pcm.little, s.pcm.bits = number(b, 4, 1)&1 == 1, int(number(b, 5, 1))
	case "esds":
		s.elementary(slice(b, 4, len(b)))
	case "alac":
		if len(b) >= 28 {
			s.channels, s.hz, s.bitrate = int(b[13]), int(number(b, 24, 4)), int(number(b, 20, 4))
		}
	case "dOps": // Opus in ISOBMFF §4.3.2; it always decodes at 48 kHz
		s.channels, s.hz, s.skip = int(number(b, 1, 1)), opusHertz, number(b, 2, 2)
	case "dfLa": // a STREAMINFO block after five bytes of headers and three
		if s.flac = flacInfoOf(slice(b, 8, len(b))); s.flac.hz > 0 {
			s.hz, s.channels = s.flac.hz, s.flac.channels
		}
	case "dac3": // ETSI TS 102 366 §F.4: the sample entry needn't have it right
		if len(b) >= 3 {
			s.channels = ac3Channels(b[1] >> 2)
		}
	case "dec3": // §F.6, of the first substream
		if len(b) >= 5 {
			s.channels = ac3Channels(b[3])
		}
	case "btrt":
		s.bitrate = max(s.bitrate, int(number(b, 8, 4)))
	}
}

// ac3Channels are those of four bits, acmod and lfeon (ETSI TS 102 366 §4.4.2).
func ac3Channels(bits byte) int {
	return [...]int{2, 1, 2, 3, 3, 4, 4, 5}[bits>>1&7] + int(bits&1)
}

// elementary reads an elementary stream descriptor (ISO/IEC 14496-1 §7.2.6.5):
// the object type and the decoder's configuration in it.
func (s *sampleKind) elementary(p []byte) {
	tag, body := descriptor(p)
	if tag != 3 || len(body) < 3 {
		return
	}
	at := 3
	for _, optional := range []struct{ flag, n int }{{0x80, 2}, {0x40, 1 + int(number(body, 3, 1))}, {0x20, 2}} {
		if int(body[2])&optional.flag != 0 {
			at += optional.n
		}
	}
	tag, body = descriptor(slice(body, at, len(body)))
	if tag != 4 || len(body) < 13 {
		return
	}
	s.bitrate = int(number(body, 9, 4))
	tag, config := descriptor(body[13:])
	s.object(body[0])
	if s.codec == "aac" && tag == 5 {
		s.configure(config)
	}
}

// object reads an object type indication (mp4ra.org).
func (s *sampleKind) object(kind byte) {
	switch kind {
	case 0x69, 0x6B:
		s.codec = "mp3"
	case 0xA5:
		s.codec = "ac3"
	case 0xA6:
		s.codec = "eac3"
	case 0xA9:
		s.codec = "dts"
	case 0xAD:
		s.codec = "opus"
	case 0xDD:
		s.codec = "vorbis"
	}
}

func (s *sampleKind) configure(p []byte) {
	c, ok := aacConfigOf(p)
	if !ok {
		return
	}
	s.aac, s.hz = c, c.hz
	if c.channels > 0 {
		s.channels = c.channels
	}
	switch c.object {
	case 36:
		s.codec = "als"
	case 32, 33, 34:
		s.codec = "mp3"
	}
}

// descriptor splits the first descriptor of p.
func descriptor(p []byte) (tag byte, body []byte) {
	if len(p) == 0 {
		return 0, nil
	}
	n, at := 0, 1
	for ; at < len(p) && at < 5; at++ {
		n = n<<7 | int(p[at]&0x7F)
		if p[at]&0x80 == 0 {
			at++
			break
		}
	}
	return p[0], slice(p, at, n)
}

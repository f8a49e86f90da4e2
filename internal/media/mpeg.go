package media

// A frameHeader is what the first bytes of a frame of MPEG audio (ISO/IEC
// 11172-3 §2.4.1.3, 13818-3) or of ADTS (ISO/IEC 13818-7 §6.2) tell.
type frameHeader struct {
	layer    int // 1 to 3; 4 is ADTS, whose layer bits are zero
	version  int // as in the header: 3 is MPEG 1, 2 MPEG 2, 0 MPEG 2.5; of ADTS the ID bit
	length   int // bytes of the whole frame
	samples  int // a channel
	hz       int
	channels int
	profile  int  // of ADTS
	checked  bool // a checksum stands behind the header
}

// adts is the layer of a frameHeader that is one of ADTS.
const adts = 4

// headerSize is how many bytes parseFrame wants.
const headerSize = 7

// like reports whether two headers belong to one stream.
func (h frameHeader) like(o frameHeader) bool {
	return h.layer == o.layer && h.version == o.version && h.hz == o.hz && h.profile == o.profile
}

// Bit rates in kbit/s by layer and index in the header, and sample rates in Hz.
var (
	rates1 = [4][15]int{
		1: {0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448},
		2: {0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384},
		3: {0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320},
	}
	rates2 = [4][15]int{
		1: {0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256},
		2: {0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160},
		3: {0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160},
	}
	mpegHertz = [...]int{44100, 48000, 32000}
)

// parseFrame reads the header at b, which holds headerSize bytes. Its length is
// 0 where no frame begins. Frames of a free bit rate, which no encoder in use
// makes, are none.
func parseFrame(b []byte) (h frameHeader) {
	if len(b) < headerSize || b[0] != 0xFF || b[1]&0xE0 != 0xE0 {
		return h
	}
	h.version, h.layer = int(b[1]>>3&3), 4-int(b[1]>>1&3)
	h.checked = b[1]&1 == 0
	if h.layer == adts {
		return parseADTS(b, h)
	}
	rate, hz, padding := int(b[2]>>4), int(b[2]>>2&3), int(b[2]>>1&1)
	if h.version == 1 || rate == 0 || rate == 15 || hz == 3 || b[3]&3 == 2 {
		return h // reserved values
	}
	h.channels = 2
	if b[3]>>6 == 3 {
		h.channels = 1
	}
	return sized(h, rate, hz, padding)
}

// sized fills in what follows from the indices of a header of MPEG audio.
func sized(h frameHeader, rate, hz, padding int) frameHeader {
	kbit := rates1[h.layer][rate]
	h.hz, h.samples = mpegHertz[hz], [...]int{1: 384, 2: 1152, 3: 1152}[h.layer]
	if h.version != 3 {
		kbit = rates2[h.layer][rate]
		h.hz /= 2
		if h.version == 0 {
			h.hz /= 2
		}
		if h.layer == 3 {
			h.samples = 576
		}
	}
	if h.layer == 1 {
		h.length = (12*kbit*1000/h.hz + padding) * 4
	} else {
		h.length = h.samples/8*kbit*1000/h.hz + padding
	}
	return h
}

// framesOf reports whether b holds three frames of MPEG audio in a row, which
// chance hardly makes.
func framesOf(b []byte) bool {
	for i := 0; i+headerSize <= len(b); i++ {
		if b[i] == 0xFF && parseFrame(b[i:]).layer != adts && chain(b[i:], 3) == whole {
			return true
		}
	}
	return false
}

// What chain finds.
type chained int

const (
	broken chained = iota // no frames
	whole                 // as many frames as asked
	short                 // frames as far as the bytes go
)

// chain looks for n frames in a row at b that belong to one stream.
func chain(b []byte, n int) chained {
	first := parseFrame(b)
	for h := first; n > 0; n-- {
		if h.length == 0 || !h.like(first) {
			return broken
		}
		if h.length > len(b) {
			return short
		}
		b = b[h.length:]
		if n > 1 && len(b) < headerSize {
			return short
		}
		h = parseFrame(b)
	}
	return whole
}

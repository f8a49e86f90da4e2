package media

// A flacFrame is what the header of a FLAC frame tells (RFC 9639 §9.1).
type flacFrame struct {
	header   int // bytes
	samples  int // a channel; 0: no frame
	hz       int
	channels int
	bits     int   // of a sample
	side     int   // the channel that has a bit more, -1 none
	number   int64 // of the frame, or of its first sample where frames vary in length
	varies   bool
}

// next is the number of the frame behind.
func (h flacFrame) next() int64 {
	if h.varies {
		return h.number + int64(h.samples)
	}
	return h.number + 1
}

// first is the number of the first sample, reached being where the last frame
// ended: in a stream cut out of another the numbers are those of the other.
func (h flacFrame) first(reached int64) int64 {
	if h.varies && h.number > reached && h.number < 1<<35 {
		return h.number
	}
	return reached
}

var (
	flacHertz = [16]int{0, 88200, 176400, 192000, 8000, 16000, 22050, 24000, 32000, 44100, 48000, 96000}
	flacBits  = [8]int{0, 8, 12, -1, 16, 20, 24, 32}
)

// parseFLAC reads the frame header at b, whose checksum must hold and which must
// be of the stream that info describes, as far as it does.
func parseFLAC(b []byte, info flacInfo) (h flacFrame) {
	if len(b) < 6 || b[0] != 0xFF || b[1]&0xFE != 0xF8 || b[3]&1 != 0 {
		return h
	}
	h.varies = b[1]&1 == 1
	channels, size, rate := int(b[3]>>4), int(b[2]>>4), int(b[2]&15)
	h.hz, h.bits, h.channels, h.side = flacHertz[rate], flacBits[b[3]>>1&7], channels+1, -1
	if channels >= 8 {
		h.channels, h.side = 2, [...]int{1, 0, 1}[min(channels-8, 2)]
	}
	r := &byteReader{b: b[4:]}
	h.number = r.number()
	samples := blockSize(size, r)
	h.rate(rate, r)
	if h.hz == 0 {
		h.hz = info.hz
	}
	if h.bits == 0 {
		h.bits = info.bits
	}
	if channels > 10 || h.bits <= 0 || h.hz < 1000 || r.bad || len(r.b) == 0 ||
		(info.hz > 0 && (h.hz != info.hz || h.channels != info.channels || h.bits != info.bits)) {
		return h
	}
	h.header = len(b) - len(r.b) + 1
	if crc8of(b[:h.header-1]) == r.b[0] {
		h.samples = samples
	}
	return h
}

// blockSize is the number of samples by its code (§9.1.1).
func blockSize(code int, r *byteReader) int {
	switch {
	case code == 1:
		return 192
	case code >= 2 && code <= 5:
		return 576 << (code - 2)
	case code == 6:
		return r.read(1) + 1
	case code == 7:
		return r.read(2) + 1
	case code >= 8:
		return 256 << (code - 8)
	}
	return 0
}

// rate reads sample rates that stand behind the header (§9.1.2).
func (h *flacFrame) rate(code int, r *byteReader) {
	switch code {
	case 12:
		h.hz = r.read(1) * 1000
	case 13:
		h.hz = r.read(2)
	case 14:
		h.hz = r.read(2) * 10
	case 15:
		r.bad = true
	}
}

// lookFLAC looks into a whole frame, which a checksum ends (§9.3).
func lookFLAC(p []byte, info flacInfo) sampleLook {
	if info.hz == 0 {
		ok := len(p) > 1 && p[0] == 0xFF && p[1]&0xFE == 0xF8
		return sampleLook{known: true, ok: ok, sure: ok}
	}
	h := parseFLAC(p, info)
	if h.samples == 0 || crc16of(0, p) != 0 {
		return sampleLook{known: true, lost: true}
	}
	return sampleLook{known: true, ok: true, sure: true, silent: h.silent(p)}
}

// silent reports whether every subframe of the frame at b is constant and zero
// (§9.2).
func (h flacFrame) silent(b []byte) bool {
	r := &bitReader{b: b[h.header:]}
	for i := range h.channels {
		n := h.bits
		if i == h.side {
			n++
		}
		if r.read(8) != 0 || r.read(n) != 0 {
			return false
		}
	}
	return !r.over
}

// A byteReader reads whole bytes; bad is that there were too few or wrong ones.
type byteReader struct {
	b   []byte
	bad bool
}

func (r *byteReader) read(n int) (v int) {
	if len(r.b) < n {
		r.bad = true
		return 0
	}
	for _, c := range r.b[:n] {
		v = v<<8 | int(c)
	}
	r.b = r.b[n:]
	return v
}

// number reads up to 36 bits coded as UTF-8 would (§9.1.5).
func (r *byteReader) number() int64 {
	first := r.read(1)
	more := 0
	for more < 8 && first<<more&0x80 != 0 {
		more++
	}
	if more == 0 {
		return int64(first)
	}
	if more == 1 || more == 8 {
		r.bad = true
		return 0
	}
	v := int64(first & (0x7F >> more))
	for range more - 1 {
		c := r.read(1)
		r.bad = r.bad || c&0xC0 != 0x80
		v = v<<6 | int64(c&0x3F)
	}
	return v
}

package media

// opusHertz is the rate that Opus's times count in (RFC 7845 §4).
const opusHertz = 48000

// opusHead is the identification header (RFC 7845 §5.1).
//
//	"OpusHead" | version | channels | pre-skip uint16 | rate uint32 | gain int16 | mapping
type opusHead struct {
	channels int
	skip     int64 // samples at 48 kHz
}

func opusHeadOf(p []byte) (h opusHead, ok bool) {
	if len(p) < 19 || string(p[:8]) != "OpusHead" || p[8]&0xF0 != 0 || p[9] == 0 {
		return h, false
	}
	return opusHead{int(p[9]), int64(p[10]) | int64(p[11])<<8}, true
}

// opusFrame is the samples at 48 kHz of a frame by a packet's first byte (RFC
// 6716 §3.1).
func opusFrame(toc byte) int64 {
	switch config := toc >> 3; {
	case config < 12: // SILK: 10, 20, 40, 60 ms
		return [...]int64{480, 960, 1920, 2880}[config&3]
	case config < 16: // hybrid: 10, 20 ms
		return 480 << (config & 1)
	default: // CELT: 2.5, 5, 10, 20 ms
		return 120 << (config & 3)
	}
}

// opusPacket checks a packet of size bytes that begins with p and returns its
// samples (RFC 6716 §3.2, §3.4).
func opusPacket(p []byte, size int) (samples int64, ok bool) {
	if len(p) == 0 {
		return 0, false
	}
	frame := opusFrame(p[0])
	switch p[0] & 3 {
	case 0:
		return frame, size-1 <= opusFrameMax
	case 1:
		return 2 * frame, size%2 == 1 && (size-1)/2 <= opusFrameMax
	case 2:
		first, n := opusLength(slice(p, 1, 2))
		return 2 * frame, n > 0 && first <= size-1-n && size-1-n-first <= opusFrameMax
	}
	if len(p) < 2 {
		return 0, false
	}
	count := int64(p[1] & 0x3F)
	return count * frame, count > 0 && count*frame <= 5760 && opusFrames(p, size, int(count))
}

// opusFrameMax is the largest frame.
const opusFrameMax = 1275

// opusFrames checks the lengths of a packet with any number of frames.
func opusFrames(p []byte, size, count int) bool {
	at, rest := 2, size-2
	for padded := p[1]&0x40 != 0; padded; at++ {
		if at >= len(p) {
			return at < size // beyond what we look at
		}
		padded = p[at] == 255
		rest -= 1 + min(int(p[at]), 254)
	}
	if p[1]&0x80 == 0 { // all of one length
		return rest >= 0 && rest%count == 0 && rest/count <= opusFrameMax
	}
	for range count - 1 {
		if at >= len(p) && at < size {
			return true
		}
		length, n := opusLength(slice(p, at, 2))
		if n == 0 {
			return false
		}
		at += n
		rest -= n + length
	}
	return rest >= 0 && rest <= opusFrameMax
}

// opusLength reads a frame's length and the bytes it takes, none where they
// aren't there.
func opusLength(p []byte) (length, n int) {
	switch {
	case len(p) == 0 || p[0] >= 252 && len(p) < 2:
		return 0, 0
	case p[0] < 252:
		return int(p[0]), 1
	}
	return int(p[0]) + 4*int(p[1]), 2
}

// opusSilent reports whether a packet is silence by its form: it holds no
// frame (RFC 6716 §2.1.9), or one of CELT whose first symbol, silence, is set,
// which its range coder does by fifteen ones (§4.3, §4.1.1).
func opusSilent(p []byte, size int) bool {
	if len(p) == 0 || p[0]&3 != 0 {
		return false
	}
	return size <= 2 || p[0]>>3 >= 16 && len(p) > 2 && p[1] == 0xFF && p[2] >= 0xFE
}

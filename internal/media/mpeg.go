package media

// framesOf reports whether b holds three MPEG audio frames in a row (ISO/IEC
// 11172-3 §2.4.1.3, 13818-3), which chance hardly makes.
func framesOf(b []byte) bool {
	for i := 0; i+4 <= len(b); i++ {
		if b[i] == 0xFF && chained(b[i:], 3) {
			return true
		}
	}
	return false
}

func chained(b []byte, frames int) bool {
	for range frames {
		n := frameLength(b)
		if n == 0 || n > len(b) {
			return false
		}
		b = b[n:]
	}
	return true
}

// Bit rates in kbit/s and sample rates in Hz by their index in the header.
var (
	rates1 = [...]int{0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320} // MPEG 1 layer III
	rates2 = [...]int{0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160}     // MPEG 2 and 2.5
	hertz  = [...]int{44100, 48000, 32000}
)

// frameLength returns the bytes of the layer III frame at b, 0 where none begins.
func frameLength(b []byte) int {
	if len(b) < 4 || b[0] != 0xFF || b[1]&0xE0 != 0xE0 {
		return 0
	}
	version, layer := b[1]>>3&3, b[1]>>1&3
	rate, hz, padding := int(b[2]>>4), int(b[2]>>2&3), int(b[2]>>1&1)
	if version == 1 || layer != 1 || rate == 0 || rate == 15 || hz == 3 {
		return 0
	}
	if version == 3 {
		return 144*rates1[rate]*1000/hertz[hz] + padding
	}
	divisor := 2 // MPEG 2
	if version == 0 {
		divisor = 4 // MPEG 2.5
	}
	return 72*rates2[rate]*1000/(hertz[hz]/divisor) + padding
}

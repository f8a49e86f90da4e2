package media

// adtsHertz are the sample rates by index (ISO/IEC 14496-3 §1.6.3.4).
var adtsHertz = [...]int{96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350}

// parseADTS reads the header of an ADTS frame (ISO/IEC 13818-7 §6.2).
func parseADTS(b []byte, h frameHeader) frameHeader {
	if b[1]&0x10 == 0 {
		return h // the sync word has twelve bits
	}
	h.version, h.profile = int(b[1]>>3&1), int(b[2]>>6)
	index, config := int(b[2]>>2&15), int(b[2]&1)<<2|int(b[3]>>6)
	length := int(b[3]&3)<<11 | int(b[4])<<3 | int(b[5]>>5)
	if index >= len(adtsHertz) || length <= h.bodyOfADTS() {
		return h
	}
	h.hz, h.length = adtsHertz[index], length
	h.channels = config
	if config == 7 {
		h.channels = 8
	}
	h.samples = 1024 * (int(b[6]&3) + 1)
	return h
}

// bodyOfADTS is where the first raw data block of an ADTS frame begins, where
// the frame holds one.
func (h frameHeader) bodyOfADTS() int {
	if h.checked {
		return 9
	}
	return 7
}

// checkADTS checks the first raw data block of the frame b.
func checkADTS(b []byte, h frameHeader) verdict {
	at := h.bodyOfADTS()
	if h.checked {
		at += 2 * (h.samples/1024 - 1) // where the blocks begin
	}
	if at >= len(b) {
		return verdict{bad: true}
	}
	block := readAAC(b[at:], h.channels)
	return verdict{bad: block.bad, silent: block.silent && h.samples == 1024}
}

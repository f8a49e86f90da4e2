package media

// crc16table is of CRC-16 with polynomial 0x8005, highest bit first, which MPEG
// audio and FLAC (RFC 9639 §9.3) use.
var crc16table = func() (t [256]uint16) {
	for i := range t {
		crc := uint16(i) << 8
		for range 8 {
			carry := crc & 0x8000
			crc <<= 1
			if carry != 0 {
				crc ^= 0x8005
			}
		}
		t[i] = crc
	}
	return t
}()

func crc16of(crc uint16, b []byte) uint16 {
	for _, c := range b {
		crc = crc<<8 ^ crc16table[byte(crc>>8)^c]
	}
	return crc
}

package media

// crc16tables are of CRC-16 with polynomial 0x8005, highest bit first, which MPEG
// audio and FLAC (RFC 9639 §9.3) use: the k-th of a byte with k zeros behind it,
// so that eight bytes can be taken at once.
var crc16tables = func() (t [8][256]uint16) {
	for i := range 256 {
		crc := uint16(i) << 8
		for range 8 {
			carry := crc & 0x8000
			crc <<= 1
			if carry != 0 {
				crc ^= 0x8005
			}
		}
		t[0][i] = crc
	}
	for k := 1; k < 8; k++ {
		for i := range 256 {
			last := t[k-1][i]
			t[k][i] = last<<8 ^ t[0][last>>8]
		}
	}
	return t
}()

// crc8table is of CRC-8 with polynomial 0x07, of FLAC's frame headers (RFC 9639
// §9.1.8).
var crc8table = func() (t [256]byte) {
	for i := range t {
		crc := byte(i)
		for range 8 {
			carry := crc & 0x80
			crc <<= 1
			if carry != 0 {
				crc ^= 0x07
			}
		}
		t[i] = crc
	}
	return t
}()

func crc16of(crc uint16, b []byte) uint16 {
	t := &crc16tables
	for ; len(b) >= 8; b = b[8:] {
		crc ^= uint16(b[0])<<8 | uint16(b[1])
		crc = t[7][crc>>8] ^ t[6][crc&0xFF] ^ t[5][b[2]] ^ t[4][b[3]] ^ t[3][b[4]] ^ t[2][b[5]] ^ t[1][b[6]] ^ t[0][b[7]]
	}
	for _, c := range b {
		crc = crc<<8 ^ t[0][byte(crc>>8)^c]
	}
	return crc
}

func crc8of(b []byte) (crc byte) {
	for _, c := range b {
		crc = crc8table[crc^c]
	}
	return crc
}

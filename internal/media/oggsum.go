package media

import "encoding/binary"

// oggTables are those of the checksum: CRC-32 with the polynomial 0x04c11db7,
// the most significant bit first, which hash/crc32 hasn't. Table k is of a byte
// that k bytes follow, so that eight are summed at once: the checksum is most
// of what reading Ogg costs.
var oggTables = func() (t [8][256]uint32) {
	for i := range t[0] {
		c := uint32(i) << 24
		for range 8 {
			c = c<<1 ^ 0x04c11db7*(c>>31)
		}
		t[0][i] = c
	}
	for k := range 7 {
		for i, c := range t[k] {
			t[k+1][i] = c<<8 ^ t[0][c>>24]
		}
	}
	return t
}()

// oggSum is the checksum of a page, its own field taken as zero (RFC 3533 §6).
func oggSum(page []byte) uint32 {
	c := oggSumMore(0, page[:22])
	c = oggSumMore(c, make([]byte, 4))
	return oggSumMore(c, page[26:])
}

func oggSumMore(c uint32, p []byte) uint32 {
	t := &oggTables
	for ; len(p) >= 8; p = p[8:] {
		c ^= binary.BigEndian.Uint32(p)
		c = t[7][c>>24] ^ t[6][c>>16&255] ^ t[5][c>>8&255] ^ t[4][c&255] ^
			t[3][p[4]] ^ t[2][p[5]] ^ t[1][p[6]] ^ t[0][p[7]]
	}
	for _, b := range p {
		c = c<<8 ^ t[0][byte(c>>24)^b]
	}
	return c
}

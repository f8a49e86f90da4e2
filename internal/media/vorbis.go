package media

import (
	"encoding/binary"
	"math/bits"
	"slices"
)

// vorbis is what the headers of a Vorbis stream tell of its packets (Vorbis I
// specification §4.2).
type vorbis struct {
	hz, channels, bitrate int
	blocks                [2]int64 // samples of short and of long blocks
	long                  []bool   // which blocks the modes use; empty where that isn't known
	last                  int64    // block of the packet before, 0 for none
}

// vorbisSetupMax bounds the setup header; encoders write some 4 KB.
const vorbisSetupMax = 256 << 10

// vorbisOf reads the identification header.
//
//	1 "vorbis" | version uint32 | channels | rate uint32 | 3 bit rates | block sizes | 1
func vorbisOf(p []byte) (v vorbis, ok bool) {
	if len(p) < 30 || binary.LittleEndian.Uint32(p[7:]) != 0 {
		return v, false
	}
	v.channels, v.hz = int(p[11]), int(binary.LittleEndian.Uint32(p[12:]))
	if nominal := int32(binary.LittleEndian.Uint32(p[20:])); nominal > 0 {
		v.bitrate = int(nominal)
	}
	short, long := p[28]&15, p[28]>>4
	v.blocks = [2]int64{1 << short, 1 << long}
	return v, v.channels > 0 && v.hz > 0 && short >= 6 && short <= long && long <= 13
}

// setup finds out which mode uses which block. Modes are what the setup header
// ends with, behind codebooks that take all of a decoder to read: so it is read
// from its end, where each mode has 32 zeros in its midst.
func (v *vorbis) setup(p []byte) {
	reversed := slices.Clone(p)
	slices.Reverse(reversed)
	r := &bitReader{b: reversed}
	for r.left() > 97 && r.read(1) == 0 { // padding, then the framing bit
	}
	var long, found []bool
	for r.left() >= 97 && len(long) < 64 {
		if r.read(8) > 63 || r.read(32) != 0 {
			break
		}
		long = append(long, r.read(1) == 1)
		ahead := *r
		if ahead.read(6)+1 == len(long) {
			found = slices.Clone(long)
		}
	}
	slices.Reverse(found)
	v.long = found
}

// samples returns what a packet adds: half of its block and of the one before,
// which overlap.
func (v *vorbis) samples(p []byte, size int) (n int64, silent, ok bool) {
	if size == 0 {
		return 0, false, true // a packet that was dropped (§4.3.8)
	}
	if p[0]&1 != 0 {
		return 0, false, false
	}
	if len(v.long) == 0 {
		return 0, false, true
	}
	width := bits.Len(uint(len(v.long) - 1))
	mode := int(p[0]) >> 1 & (1<<width - 1)
	if mode >= len(v.long) {
		return 0, false, false
	}
	block, header := v.blocks[0], 1+width
	if v.long[mode] {
		block, header = v.blocks[1], header+2
	}
	if v.last > 0 {
		n = (v.last + block) / 4
	}
	v.last = block
	return n, size <= len(p) && zeroFrom(p, header), true
}

// zeroFrom reports whether all bits from the given one on are zero, the least
// significant of a byte first: no channel has a floor then, and no sound
// (§4.3.2).
func zeroFrom(p []byte, bit int) bool {
	for i := bit / 8; i < len(p); i++ {
		b := p[i]
		if i == bit/8 {
			b >>= bit % 8
		}
		if b != 0 {
			return false
		}
	}
	return true
}

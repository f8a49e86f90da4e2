package media

import "encoding/binary"

// A bitReader reads bits, the highest of a byte first. Behind the end it reads
// zeros and says so.
type bitReader struct {
	b    []byte
	pos  int // in bits
	over bool
}

func (r *bitReader) read(n int) (v int) {
	if r.pos+n > len(r.b)*8 {
		r.over = true
		r.pos += n
		return 0
	}
	if rest := r.b[r.pos>>3:]; len(rest) >= 8 && n <= 57 { // at once, as nearly always
		v = int(binary.BigEndian.Uint64(rest) << (r.pos & 7) >> (64 - n))
		r.pos += n
		return v
	}
	for n > 0 {
		room := 8 - r.pos&7
		take := min(room, n)
		v = v<<take | int(r.b[r.pos>>3])>>(room-take)&(1<<take-1)
		r.pos += take
		n -= take
	}
	return v
}

func (r *bitReader) flag() bool { return r.read(1) == 1 }

// skip steps over n bits.
func (r *bitReader) skip(n int) {
	r.pos += n
	r.over = r.over || r.pos > len(r.b)*8
}

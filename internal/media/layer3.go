package media

import (
	"encoding/binary"
	"math"
)

// layer3 checks the side information of layer III frames (ISO/IEC 11172-3
// §2.4.1.7, 13818-3 §2.4.1.7): whether a decoder could find its way through
// them, and whether what it would find is silence.
type layer3 struct {
	have     int // bytes of frames before that main data may begin in
	granules [4]granule
}

// sideSize is the bytes of side information.
func (h *frameHeader) sideSize() int {
	switch {
	case h.version == 3 && h.channels == 2:
		return 32
	case h.version == 3 || h.channels == 2:
		return 17
	}
	return 9
}

// A granule is the side information of a channel of a granule.
type granule struct {
	bits    int // scale factors and spectrum, part2_3_length
	big     int // pairs of large values
	gain    int
	tables  [3]int
	invalid bool
}

func (l *layer3) check(b []byte, h *frameHeader) (v verdict) {
	body := 4
	if h.checked {
		body += 2
	}
	if len(b) < body+h.sideSize() {
		return verdict{bad: true}
	}
	if h.checked {
		v.badCRC = crcOfSide(b, h) != binary.BigEndian.Uint16(b[4:])
	}
	r := bitReader{b: b[body:]}
	begin, granules := l.side(&r, h)
	main := len(b) - body - h.sideSize()
	bits := 0
	v.silent = true
	for i := range granules {
		g := &granules[i]
		bits += g.bits
		v.bad = v.bad || g.invalid
		v.silent = v.silent && g.silent()
	}
	v.bad = v.bad || bits > 8*(begin+main)
	v.starved = begin > l.have
	l.have = min(l.have+main, 511) // as far as nine bits reach back
	return v
}

// side reads where main data begin and the granules' channels.
func (l *layer3) side(r *bitReader, h *frameHeader) (begin int, granules []granule) {
	n := h.channels
	if h.version == 3 {
		begin = r.read(9)
		r.skip([...]int{1: 5, 2: 3}[h.channels]) // private
		r.skip(4 * h.channels)                   // scfsi
		n *= 2
	} else {
		begin = r.read(8)
		r.skip(h.channels) // private
	}
	for i := range n {
		l.granules[i].read(r, h)
	}
	return begin, l.granules[:n]
}

func (g *granule) read(r *bitReader, h *frameHeader) {
	*g = granule{}
	sizes := r.read(12 + 9 + 8)
	g.bits, g.big, g.gain = sizes>>17, sizes>>8&0x1FF, sizes&0xFF
	scales, steps := 9, 2 // lengths of scale factors; their steps and the table of single values
	if h.version == 3 {
		scales, steps = 4, 3 // preflag too
	}
	r.skip(scales)
	if window, regions := r.flag(), r.read(22); window { // other than the normal one
		g.invalid = regions>>20 == 0 // its type; then whether it is mixed
		g.tables[0], g.tables[1] = regions>>14&31, regions>>9&31
	} else {
		g.tables[0], g.tables[1], g.tables[2] = regions>>17, regions>>12&31, regions>>7&31
	}
	r.skip(steps)
	g.invalid = g.invalid || g.big > 288
	for _, t := range g.tables {
		g.invalid = g.invalid || ((t == 4 || t == 14) && g.big > 0) // there are no such tables
	}
}

// largest holds the largest value that a table of pairs can give.
var largest = [32]float64{
	0, 1, 2, 2, 0, 3, 3, 5, 5, 5, 7, 7, 7, 15, 0, 15,
	16, 18, 22, 30, 78, 270, 1038, 8206, 30, 46, 78, 142, 270, 526, 2062, 8206,
}

// silent reports whether the granule decodes to nothing that sixteen bits could
// hold: no spectrum at all, or one so low that with every value at its largest
// its power stays below half a step's.
func (g *granule) silent() bool {
	const loudest = 1.0 / (1 << 32) // half a step squared, full scale being 1
	if g.bits == 0 {
		return true
	}
	if g.gain >= 146 { // a single line would be louder
		return false
	}
	peak := 1.0
	for _, t := range g.tables {
		peak = max(peak, largest[t])
	}
	// Behind the pairs stand values of 1, each of two bits or more. ISO/IEC
	// 11172-3 §2.4.3.4: a line is value^(4/3) × 2^((gain-210)/4).
	power := float64(2*g.big)*math.Pow(peak, 8.0/3) + float64(g.bits)/2
	return power*math.Exp2(float64(g.gain-210)/2) < loudest
}

// crcOfSide is CRC-16 over the second half of the header and the side
// information (ISO/IEC 11172-3 §2.4.3.1).
func crcOfSide(b []byte, h *frameHeader) uint16 {
	crc := crc16of(0xFFFF, b[2:4])
	return crc16of(crc, b[6:6+h.sideSize()])
}

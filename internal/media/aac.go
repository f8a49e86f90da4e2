package media

// aacBlock is what the start of an AAC raw data block tells (ISO/IEC 14496-3
// §4.4.2.1): no decoder could read on where it is bad, and silent is what has no
// spectrum at all.
type aacBlock struct{ bad, silent bool }

// The syntactic elements (ISO/IEC 14496-3 table 4.85).
const (
	elementSingle = iota
	elementPair
	elementCoupling
	elementLowFrequency
	elementData
	elementProgram
	elementFill
	elementEnd
)

// readAAC reads the start of the raw data block b of so many channels, 0 where a
// program element says how many.
func readAAC(b []byte, channels int) aacBlock {
	r := &bitReader{b: b}
	for range 16 { // data and fill may stand in front
		switch r.read(3) {
		case elementSingle, elementLowFrequency:
			r.read(4)
			c := &aacChannel{r: r}
			c.read(false)
			return aacBlock{bad: c.bad || r.over, silent: channels == 1 && c.silent && !r.over}
		case elementPair:
			return readPair(r, channels)
		case elementFill:
			r.fill()
		case elementData:
			r.data()
		case elementEnd:
			return aacBlock{bad: channels > 0, silent: true} // without a channel
		default: // coupling and program elements are rare and seldom alone
			return aacBlock{bad: r.over}
		}
		if r.over {
			return aacBlock{bad: true}
		}
	}
	return aacBlock{bad: true}
}

// readPair reads a channel_pair_element.
func readPair(r *bitReader, channels int) aacBlock {
	r.read(4)
	left, right := &aacChannel{r: r}, &aacChannel{r: r}
	common := r.flag()
	if common {
		left.window()
		if left.opaque {
			return aacBlock{bad: left.bad || r.over}
		}
		if stereo := r.read(2); stereo == 1 {
			r.skip(left.groups * left.bands)
		} else if stereo == 3 {
			left.bad = true
		}
		right.groups, right.bands, right.short = left.groups, left.bands, left.short
	}
	if !left.bad {
		left.read(common)
	}
	if !left.silent || left.bad {
		return aacBlock{bad: left.bad || r.over || channels == 1}
	}
	right.read(common)
	return aacBlock{bad: right.bad || r.over || channels == 1, silent: right.silent && channels == 2 && !r.over}
}

// fill steps over a fill_element.
func (r *bitReader) fill() {
	n := r.read(4)
	if n == 15 {
		n += r.read(8) - 1
	}
	r.skip(8 * n)
}

// data steps over a data_stream_element.
func (r *bitReader) data() {
	r.read(4)
	align := r.flag()
	n := r.read(8)
	if n == 255 {
		n += r.read(8)
	}
	if align {
		r.pos = (r.pos + 7) &^ 7
	}
	r.skip(8 * n)
}

// An aacChannel is an individual_channel_stream up to its spectrum.
type aacChannel struct {
	r             *bitReader
	short         bool
	groups, bands int
	bad, silent   bool
	opaque        bool // what follows isn't read
}

// window reads ics_info.
func (c *aacChannel) window() {
	c.bad = c.r.flag() // reserved
	c.short = c.r.read(2) == 2
	c.r.read(1)
	c.groups = 1
	if !c.short {
		c.bands = c.r.read(6)
		c.bad = c.bad || c.bands > 51
		c.opaque = c.r.flag() // prediction, of AAC Main and LTP, isn't read
		return
	}
	c.bands = c.r.read(4)
	c.bad = c.bad || c.bands > 15
	for grouping, i := c.r.read(7), 6; i >= 0; i-- {
		if grouping>>i&1 == 0 {
			c.groups++
		}
	}
}

// read reads a channel up to its spectrum; common is whether its window was read
// before.
func (c *aacChannel) read(common bool) {
	c.r.read(8) // gain
	if !common {
		c.window()
	}
	if !c.bad && !c.opaque {
		c.sections()
	}
	if c.silent { // what follows then: no pulses, no noise shaping, no gain control
		c.silent = c.r.read(3) == 0
	}
}

// sections reads section_data, which says what tables the spectrum is coded by;
// table 0 stands for lines that are zero.
func (c *aacChannel) sections() {
	width, all := 5, 31
	if c.short {
		width, all = 3, 7
	}
	c.silent = true
	for range c.groups {
		for band := 0; band < c.bands; {
			table, n := c.r.read(4), all
			length := 0
			for n == all && !c.r.over {
				n = c.r.read(width)
				length += n
			}
			band += length
			if table == 12 || band > c.bands || c.r.over {
				c.bad = true
				return
			}
			c.silent = c.silent && table == 0
		}
	}
}

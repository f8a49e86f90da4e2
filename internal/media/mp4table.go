package media

// mp4Tables tell where the samples of a track lie (ISO/IEC 14496-12 §8.6.1,
// §8.7), as the boxes have them.
type mp4Tables struct {
	times, chunks, sizes, offsets []byte
	compact, wide                 bool // stz2 in place of stsz, co64 in place of stco
	held                          int64
	cut                           bool // a table is held in part
	packet                        int64
	packed                        int // QuickTime: so many samples lie in a packet, where sizes say one byte each
}

func (t *mp4Tables) set(b box, p []byte) {
	t.held += int64(len(p))
	t.cut = t.cut || int64(len(p)) < b.end-b.start-16
	switch b.kind {
	case "stts":
		t.times = p
	case "stsc":
		t.chunks = p
	case "stsz", "stz2":
		t.sizes, t.compact = p, b.kind == "stz2"
	case "stco", "co64":
		t.offsets, t.wide = p, b.kind == "co64"
	}
}

// whole reports whether there are enough tables to find a sample.
func (t *mp4Tables) whole() bool {
	return len(t.chunks) >= 20 && len(t.offsets) >= 12 && t.samples() > 0
}

// fixed is the size of all samples, 0 where each has its own.
func (t *mp4Tables) fixed() int64 {
	if t.compact {
		return 0
	}
	return number(t.sizes, 4, 4)
}

// bits is how much the size of one sample takes.
func (t *mp4Tables) bits() int {
	if !t.compact {
		return 32
	}
	return int(number(t.sizes, 7, 1))
}

// samples is how many the tables tell of.
func (t *mp4Tables) samples() int {
	n := number(t.sizes, 8, 4)
	if t.fixed() == 0 {
		n = min(n, int64(max(0, len(t.sizes)-12)*8/max(4, t.bits())))
	}
	return int(n)
}

// sizeOf is the size of sample i where they have sizes of their own.
func (t *mp4Tables) sizeOf(i int) int64 {
	switch t.bits() {
	case 4:
		return number(t.sizes, 12+i/2, 1) >> (4 * (1 - i%2)) & 15
	case 8:
		return number(t.sizes, 12+i, 1)
	case 16:
		return number(t.sizes, 12+2*i, 2)
	}
	return number(t.sizes, 12+4*i, 4)
}

func (t *mp4Tables) chunkCount() int {
	if t.wide {
		return int(min(number(t.offsets, 4, 4), int64(len(t.offsets)-8)/8))
	}
	return int(min(number(t.offsets, 4, 4), int64(len(t.offsets)-8)/4))
}

func (t *mp4Tables) chunkOffset(i int) int64 {
	if t.wide {
		return offsetOf(number(t.offsets, 8+8*i, 8))
	}
	return number(t.offsets, 8+4*i, 4)
}

// last is where the last chunk begins that the tables tell of.
func (t *mp4Tables) last() int64 {
	if n := t.chunkCount(); n > 0 {
		return t.chunkOffset(n - 1)
	}
	return 0
}

// offsetOf bounds an offset that a stranger tells, so that sums of some don't
// overflow.
func offsetOf(v int64) int64 { return max(0, min(v, 1<<56)) }

// perChunk returns entry i of the table of chunks: the first chunk, from one,
// that holds so many samples; none where there is no such entry.
func (t *mp4Tables) perChunk(i int) (first, samples int, ok bool) {
	at := 8 + 12*i
	if at+12 > len(t.chunks) {
		return 0, 0, false
	}
	return int(number(t.chunks, at, 4)), int(number(t.chunks, at+4, 4)), true
}

// run goes through the samples whose bytes come from the offset from on.
func (t *mp4Tables) run(from int64) *mp4Run {
	c := mp4Cursor{tables: t, times: mp4Times{table: t.times}}
	return &mp4Run{from: from, step: c.step}
}

// An mp4Unit is a sample, or some small ones of one size that lie together.
type mp4Unit struct {
	offset, size, duration int64
	samples                int
}

func (u mp4Unit) end() int64 { return u.offset + u.size }

// An mp4Run goes through samples once.
type mp4Run struct {
	from     int64 // where the index that tells of them ended
	fragment bool
	held     int64
	step     func() (mp4Unit, bool)
	unit     mp4Unit
	state    runState
}

type runState int

const (
	runFresh runState = iota
	runHolds
	runOver
)

func (r *mp4Run) peek() (mp4Unit, bool) {
	if r.state == runFresh {
		r.state = runOver
		if u, ok := r.step(); ok {
			r.unit, r.state = u, runHolds
		}
	}
	return r.unit, r.state == runHolds
}

func (r *mp4Run) next() {
	if r.state == runHolds {
		r.state = runFresh
	}
}

// An mp4Cursor goes through the tables of a track.
type mp4Cursor struct {
	tables *mp4Tables
	times  mp4Times
	sample int   // the next
	chunk  int   // its chunk, from zero
	entry  int   // of the table of chunks
	within int   // samples of the chunk that are behind
	offset int64 // of the next sample
}

func (c *mp4Cursor) step() (mp4Unit, bool) {
	t := c.tables
	left := t.samples() - c.sample
	for ; c.chunk < t.chunkCount() && left > 0; c.chunk, c.within = c.chunk+1, 0 {
		in := c.inChunk()
		if c.within == 0 {
			c.offset = t.chunkOffset(c.chunk)
		}
		if c.within < in {
			return c.unit(min(in-c.within, left)), true
		}
	}
	return mp4Unit{}, false
}

// inChunk is how many samples the chunk holds.
func (c *mp4Cursor) inChunk() int {
	for {
		first, _, ok := c.tables.perChunk(c.entry + 1)
		if !ok || first > c.chunk+1 {
			break
		}
		c.entry++
	}
	_, n, _ := c.tables.perChunk(c.entry)
	return n
}

// unit takes one sample, or as many of most as four kilobytes hold where all
// have one size, such as PCM.
func (c *mp4Cursor) unit(most int) mp4Unit {
	t, n, size := c.tables, 1, int64(0)
	switch fixed := t.fixed(); {
	case fixed == 1 && t.packed > 0 && most >= t.packed:
		packets := min(most/t.packed, int(max(1, (4<<10)/t.packet)))
		n, size = packets*t.packed, int64(packets)*t.packet
	case fixed > 0:
		n = min(most, int(max(1, (4<<10)/fixed)))
		size = int64(n) * fixed
	default:
		size = t.sizeOf(c.sample)
	}
	u := mp4Unit{c.offset, size, c.times.take(n), n}
	c.sample, c.within, c.offset = c.sample+n, c.within+n, c.offset+size
	return u
}

// mp4Times reads the table of the samples' durations.
type mp4Times struct {
	table      []byte
	next, left int // the next entry; samples left of the one before it
	delta      int64
}

// take returns the duration of the next n samples.
func (s *mp4Times) take(n int) (sum int64) {
	for n > 0 {
		if s.left == 0 && !s.entry() {
			return sum + int64(n)*s.delta // the table is short: as the last
		}
		k := min(n, s.left)
		sum += int64(k) * s.delta
		s.left -= k
		n -= k
	}
	return sum
}

// entry reads on to one that has samples. A last sample that is said to be
// shorter than the others is a whole frame all the same, and players play it.
func (s *mp4Times) entry() bool {
	for s.left = 0; s.left <= 0; {
		at := 8 + 8*s.next
		if at+8 > len(s.table) {
			return false
		}
		s.next++
		last, delta := at+16 > len(s.table), number(s.table, at+4, 4)
		s.left = int(number(s.table, at, 4))
		if !last || s.left != 1 || delta > s.delta {
			s.delta = delta
		}
	}
	return true
}

package media

// mp4Fragments reads the boxes of fragmented files (ISO/IEC 14496-12 §8.8,
// §8.16.3).
type mp4Fragments struct {
	follow   bool // the index says that they do
	seen     bool
	start    int64 // of the moof being read
	of       mp4Traf
	defaults []mp4Traf // of trex, by track
	indexes  []mp4Index
}

// An mp4Traf is what the samples of a fragment's track have in common.
type mp4Traf struct {
	track          int64
	base, next     int64 // what offsets count from; where a run without an offset begins
	duration, size int64
}

// An mp4Index is the sum of a track's sidx boxes.
type mp4Index struct {
	track int64
	clock mp4Clock
}

// mp4TracksMax bounds what is kept by track.
const mp4TracksMax = 64

func (f *mp4Fragments) begin(start int64) {
	f.seen, f.start = true, start
	f.of = mp4Traf{base: start}
}

// indexed is the duration that sidx boxes tell.
func (f *mp4Fragments) indexed() (most float64) {
	for _, x := range f.indexes {
		most = max(most, x.clock.seconds())
	}
	return most
}

// fragment reads the leaves that only fragmented files have.
func (m *mp4) fragment(b box, p []byte) {
	f := &m.fragments
	switch b.kind {
	case "trex":
		if len(f.defaults) < mp4TracksMax {
			f.defaults = append(f.defaults, mp4Traf{track: number(p, 4, 4), duration: number(p, 12, 4), size: number(p, 16, 4)})
		}
	case "tfhd":
		f.header(p)
	case "trun":
		if m.audio != nil && f.of.track == m.audio.id && len(p) >= 8 {
			m.addRun(p)
		}
	case "sidx":
		f.index(p)
	}
}

func (f *mp4Fragments) header(p []byte) {
	flags, at := number(p, 1, 3), 8
	field := func(flag int64, n int, into *int64) {
		if flags&flag == 0 {
			return
		}
		if into != nil {
			*into = number(p, at, n)
		}
		at += n
	}
	track := number(p, 4, 4)
	f.of = mp4Traf{track: track, base: f.start}
	for _, d := range f.defaults {
		if d.track == track {
			f.of.duration, f.of.size = d.duration, d.size
		}
	}
	field(1, 8, &f.of.base)
	field(2, 4, nil)
	field(8, 4, &f.of.duration)
	field(16, 4, &f.of.size)
	f.of.base = offsetOf(f.of.base)
	f.of.next = f.of.base
}

// addRun queues the samples of a trun.
func (m *mp4) addRun(p []byte) {
	traf := &m.fragments.of
	r := mp4Trun{table: p, traf: *traf, flags: number(p, 1, 3), left: int(number(p, 4, 4)), at: 8, offset: traf.next}
	if r.flags&1 != 0 {
		r.offset = offsetOf(traf.base + int64(int32(number(p, 8, 4))))
		r.at += 4
	}
	if r.flags&4 != 0 {
		r.at += 4
	}
	traf.next = offsetOf(r.end())
	held := runHeld + int64(len(p))
	m.held += held
	m.runs = append(m.runs, &mp4Run{from: m.walk.pos, fragment: true, held: held, step: r.step})
}

// runHeld is what a run takes besides its table, which may have eight bytes.
const runHeld = 256

// An mp4Trun goes through the samples of a trun.
type mp4Trun struct {
	table  []byte
	traf   mp4Traf
	flags  int64
	left   int // samples
	at     int // in the table
	offset int64
}

// end is where the last of its samples ends.
func (r mp4Trun) end() int64 {
	if r.entry() == 0 {
		return r.offset + min(int64(r.left), unitsMax)*r.traf.size
	}
	for u, ok := r.step(); ok; u, ok = r.step() {
		r.offset = u.end()
	}
	return r.offset
}

// entry is how many bytes tell of one sample.
func (r *mp4Trun) entry() (n int) {
	for flag := int64(0x100); flag <= 0x800; flag <<= 1 {
		if r.flags&flag != 0 {
			n += 4
		}
	}
	return n
}

func (r *mp4Trun) step() (mp4Unit, bool) {
	entry := r.entry()
	if r.left <= 0 || r.at+entry > len(r.table) || entry == 0 && r.traf.size == 0 {
		return mp4Unit{}, false
	}
	u := mp4Unit{offset: r.offset, size: r.traf.size, duration: r.traf.duration, samples: 1}
	at := r.at
	if r.flags&0x100 != 0 {
		u.duration = number(r.table, at, 4)
		at += 4
	}
	if r.flags&0x200 != 0 {
		u.size = number(r.table, at, 4)
	} else if u.size > 0 && r.flags&0x100 == 0 && entry == 0 {
		n := min(int64(r.left), max(1, (4<<10)/u.size))
		u = mp4Unit{r.offset, n * u.size, n * u.duration, int(n)}
	}
	r.at += entry
	r.left -= u.samples
	r.offset = u.end()
	return u, true
}

// index sums what a segment index tells of the lengths of its segments.
func (f *mp4Fragments) index(p []byte) {
	track, scale, at := number(p, 4, 4), number(p, 8, 4), 20
	if number(p, 0, 1) == 1 {
		at = 28
	}
	sum := int64(0)
	for at += 4; at+12 <= len(p); at += 12 {
		if p[at]&0x80 == 0 { // of sound, not of further indexes
			sum += number(p, at+4, 4)
		}
	}
	for i := range f.indexes {
		if x := &f.indexes[i]; x.track == track {
			x.clock.duration += sum
			return
		}
	}
	if len(f.indexes) < mp4TracksMax {
		f.indexes = append(f.indexes, mp4Index{track, mp4Clock{scale, sum}})
	}
}

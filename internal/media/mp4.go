package media

import (
	"fmt"
	"math"
	"slices"
)

// mp4 reads ISO base media files: MP4, M4A, M4B, 3GP and QuickTime (ISO/IEC
// 14496-12), whole or in fragments. The index (moov) may stand before or behind
// the sound (mdat). It holds the sample tables of one track of sound, up to
// tablesMax, and the first bytes of the file, in which the first samples of a
// file with its index at the end are looked up.
type mp4 struct {
	size    int64 // -1 unknown
	written int64
	walk    boxes
	begin   []byte // the file's first bytes, up to beginMax

	track     mp4Track // being read
	audio     *mp4Track
	movie     mp4Clock // mvhd, then mehd
	extended  int64    // duration of the fragments in units of movie
	indexed   bool     // moov has ended
	data      bool     // an mdat has begun
	protected bool     // and so is all sound
	delay     int64    // samples that iTunSMPB says to skip
	held      int64    // bytes of sample tables

	fragments mp4Fragments
	runs      []*mp4Run // samples not yet come, in the file's order
	sampler   mp4Sampler
	units     int // gone through
	ended     bool
	cut       bool // inside a box
	missing   int  // samples that lie behind the file's end
	lost      float64
	flaws     []string
}

// An mp4Clock is a time scale and a duration in its units.
type mp4Clock struct{ scale, duration int64 }

func (c mp4Clock) seconds() float64 {
	if c.scale <= 0 || c.duration <= 0 {
		return 0
	}
	return float64(c.duration) / float64(c.scale)
}

const (
	tablesMax = 24 << 20 // a day of AAC has some four million samples of four bytes each
	beginMax  = 64 << 10
	unitsMax  = 4 << 20 // bounds the steps that tables of strangers can cause
)

func newMP4(size int64) parser {
	m := &mp4{size: size}
	m.walk = boxes{visit: m}
	return m
}

func (m *mp4) write(p []byte) {
	if n := min(beginMax-len(m.begin), len(p)); n > 0 {
		m.begin = append(m.begin, p[:n]...)
	}
	m.walk.feed(m.written, p)
	m.take(m.written, p)
	m.written += int64(len(p))
}

func (m *mp4) at(offset int64, p []byte) {
	m.walk.feed(offset, p)
	m.take(m.written, nil)
	if m.sampler.frames == 0 {
		l := m.lookInto(offset, p)
		m.sampler.checked += l.checked
		m.sampler.good += l.good
		m.sampler.sure += l.sure
	}
}

// take counts and checks the samples that are whole with the bytes p at offset.
func (m *mp4) take(offset int64, p []byte) {
	for len(m.runs) > 0 {
		run := m.runs[0]
		u, ok := run.peek()
		if m.units++; !ok || m.units > unitsMax {
			m.drop()
			continue
		}
		if u.end() > offset+int64(len(p)) {
			m.sampler.keep(u, run.from, offset, p)
			return
		}
		m.sampler.count(u, m.sampler.bytes(u, run.from, m.begin, offset, p), m.audio)
		run.next()
	}
}

// drop forgets a run that is over, but not the tables of the whole file.
func (m *mp4) drop() {
	run := m.runs[0]
	m.runs[0], m.runs = nil, m.runs[1:] // not moved up: there may be as many as boxes
	if run.fragment {
		m.held -= run.held
	}
}

func (m *mp4) end() {
	if m.ended {
		return
	}
	m.ended = true
	if m.size < 0 || m.written < m.size {
		m.size = m.written
	}
	m.cut = m.walk.pos > m.size && len(m.walk.open) > 0 || m.walk.pos == m.size && (m.walk.leaf.kind != "" || len(m.walk.head) > 0)
	m.walk.end()
	m.take(m.written, nil)
	m.rest()
}

// rest counts the samples that stand behind one that lies past the file's end.
func (m *mp4) rest() {
	for len(m.runs) > 0 && m.audio != nil {
		run := m.runs[0]
		for u, ok := run.peek(); ok && m.units <= unitsMax; u, ok = run.peek() {
			if m.units++; u.end() <= m.size {
				m.sampler.count(u, nil, m.audio)
			} else {
				m.missing += u.samples
				m.lost += m.audio.clock.of(u.duration)
			}
			run.next()
		}
		m.drop()
	}
}

func (m *mp4) started() bool { return m.sampler.frames > 0 && m.err() == nil }

func (m *mp4) report(r *Report) {
	r.Container, r.Codec = "mp4", ""
	r.Err, r.Flaws = m.err(), slices.Clone(m.flaws)
	if m.audio == nil {
		if !m.indexed {
			r.Codec = "mp4" // what is in it isn't known, or never will be
		}
		r.Want, r.Cut = m.want(), m.cutShort()
		return
	}
	a := m.audio
	r.Codec, r.SampleRate, r.Channels = a.sound.codec, a.sound.hz, a.sound.channels
	r.Frames = m.sampler.frames
	r.Seconds = m.seconds()
	r.Silent = min(a.clock.of(m.sampler.silent), r.Seconds)
	r.Duration, r.Declared = m.duration()
	r.Bitrate = m.bitrate()
	r.Want, r.Cut = m.want(), m.cutShort()
	if bad := m.sampler.checked - m.sampler.good; bad > 0 {
		r.Flaws = append(r.Flaws, fmt.Sprintf("%d of %d samples looked at aren't %s", bad, m.sampler.checked, r.Codec))
	}
	if a.tables.cut {
		r.Flaws = append(r.Flaws, fmt.Sprintf("of its index only %d samples were looked up", a.tables.samples()))
	}
}

// err says why no player makes sound of the file.
func (m *mp4) err() error {
	s := &m.sampler
	switch {
	case m.protected && (m.indexed || m.audio != nil):
		return undecodable("its sound is protected")
	case m.indexed && m.audio == nil:
		return undecodable("it has no track of sound")
	case m.audio == nil && (m.ended || m.walk.broken && m.walk.pos == math.MaxInt64 || m.size >= 0 && m.walk.pos >= m.size):
		return undecodable("its index (moov) is missing")
	case m.ended && s.frames == 0 && m.cut:
		return undecodable("its index (moov) isn't whole")
	case m.ended && s.frames == 0:
		return undecodable("none of its samples are there")
	case (m.ended || s.checked >= 4) && s.foreign():
		return undecodable("where its index says that samples are, there is no %s", m.audio.sound.codec)
	}
	return nil
}

// cutShort says why the file ends before its end. An mdat that claims more than
// there is does no harm where all samples are there.
func (m *mp4) cutShort() error {
	total, _ := m.duration()
	switch {
	case !m.ended:
		return nil
	case m.missing > 0:
		return fmt.Errorf("sound ends at %.1f s of %.1f s", m.seconds(), m.seconds()+m.lost)
	case m.audio == nil && (m.cut || m.walk.pos > m.size && m.data):
		return fmt.Errorf("the file ends in the middle of a box, after %d bytes", m.size)
	case m.audio != nil && m.audio.tables.cut && m.audio.tables.last() >= m.size:
		return fmt.Errorf("the last sound lies behind the file's end, at byte %d of %d", m.audio.tables.last(), m.size)
	case m.cut:
		return fmt.Errorf("the file's index ends after %d bytes", m.size)
	case m.fragments.seen && m.seconds() < total*0.95-0.1:
		return fmt.Errorf("sound ends at %.1f s of %.1f s", m.seconds(), total)
	}
	return nil
}

// want is the span that would tell more of a file of which only the head is
// there: the index behind the sound, or the rest of it, then the first sample.
func (m *mp4) want() Span {
	at := m.walk.pos
	switch {
	case m.ended || m.sampler.frames > 0 || m.sampler.checked > 0 || m.err() != nil:
		return Span{}
	case m.audio != nil:
		if len(m.runs) == 0 {
			return Span{}
		}
		u, _ := m.runs[0].peek()
		at = u.offset
	case m.walk.leaf.kind != "" && m.walk.leaf.end-at > wantSize:
		at = m.walk.leaf.end // a long table; what stands behind it tells more
	}
	if m.size < 0 || at < m.written || at >= m.size {
		return Span{}
	}
	return Span{at, min(at+wantSize, m.size) - 1}
}

// seconds are those of the samples found, without those that players skip.
func (m *mp4) seconds() float64 {
	a := m.audio
	if a == nil {
		return 0
	}
	all := a.clock.of(m.sampler.duration)
	if a.tables.cut && m.ended && m.missing == 0 && m.sampler.frames > 0 && a.tables.last() < m.size { // all that was looked up is there
		all = max(all, a.clock.seconds())
	}
	return max(0, all-m.skipped())
}

// skipped are the seconds at the beginning that only prime the decoder.
func (m *mp4) skipped() float64 {
	a := m.audio
	if a.edit.skip > 0 {
		return a.clock.of(a.edit.skip)
	}
	if skip := max(m.delay, a.sound.skip); skip < int64(a.sound.hz) {
		return float64(skip) / float64(a.sound.hz)
	}
	return 0
}

// duration is what the file says of its whole length, else what can be made
// of what there is.
func (m *mp4) duration() (seconds float64, declared bool) {
	a := m.audio
	if a == nil {
		return m.movie.seconds(), m.movie.duration > 0
	}
	if s := m.stated(); s > 0 {
		return s, true
	}
	if s := &m.sampler; !m.ended && m.size > 0 && s.last > 0 {
		return m.seconds() * float64(m.size) / float64(s.last), false
	}
	return m.seconds(), false
}

// stated are the seconds that the file says, 0 where it doesn't. Where fragments
// follow samples of the index, the index tells of those samples alone.
func (m *mp4) stated() float64 {
	a := m.audio
	all := []float64{mp4Clock{m.movie.scale, m.extended}.seconds(), m.fragments.indexed()}
	if !m.fragments.follow || !a.tables.whole() {
		media := a.clock.seconds()
		if edit := (mp4Clock{m.movie.scale, a.edit.length}).seconds(); edit > 0 && edit < media*1.1 {
			return edit
		}
		all = append([]float64{media - m.skipped()}, append(all, m.movie.seconds())...)
	}
	for _, s := range all {
		if s > 0 {
			return s
		}
	}
	return 0
}

func (m *mp4) bitrate() int {
	if s := m.audio.clock.of(m.sampler.duration); s > 0 {
		return int(min(float64(m.sampler.size)*8/s, 1<<31))
	}
	return m.audio.sound.bitrate
}

// resumes looks into the samples that the index says are in part.
func (m *mp4) resumes(offset int64, part []byte) error {
	if l := m.lookInto(offset, part); l.checked >= 4 && l.foreign() {
		return fmt.Errorf("%d of %d samples aren't %s there", l.checked-l.good, l.checked, m.audio.sound.codec)
	}
	return nil
}

// lookInto looks into the samples that lie in p, the bytes at offset.
func (m *mp4) lookInto(offset int64, p []byte) (l looks) {
	if m.audio == nil || !m.audio.tables.whole() {
		return l
	}
	end := offset + int64(len(p))
	run := m.audio.tables.run(0)
	for range unitsMax {
		u, ok := run.peek()
		if !ok || u.offset >= end {
			break
		}
		if u.offset >= offset && u.end() <= end && u.size > 0 {
			l.add(m.audio.sound.look(p[u.offset-offset : u.end()-offset]))
		}
		run.next()
	}
	return l
}

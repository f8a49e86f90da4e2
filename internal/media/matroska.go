package media

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/bits"
)

// matroska reads Matroska and WebM (RFC 9559) as they are streamed: elements
// (EBML, RFC 8794) are read one behind the other, masters opened and not kept
// track of, so that it doesn't matter where one of unknown size ends. It holds
// one block of sound.
//
//	ID, 1 to 4 bytes | size, 1 to 8 bytes | the element
type matroska struct {
	size, written int64
	pos           int64 // the next byte needed
	head          []byte
	leaf          uint32 // being held, 0 for none
	until         int64  // where it ends
	body          []byte
	lost          bool // between elements that make no sense
	resynced      int
	segment       int64 // where it says that it ends, 0 unknown
	cluster       int64 // the same of the cluster around pos

	webm     bool
	scale    int64   // nanoseconds of a tick
	duration float64 // ticks
	track    mkvTrack
	audio    *mkvTrack
	clusters int
	sound    mkvSound
	ended    bool
	cut      bool
}

// The elements' IDs (RFC 9559 §5.1).
const (
	mkvDocType = 0x4282

	mkvSegment   = 0x18538067
	mkvInfo      = 0x1549A966
	mkvScale     = 0x2AD7B1
	mkvDuration  = 0x4489
	mkvTracks    = 0x1654AE6B
	mkvEntry     = 0xAE
	mkvNumber    = 0xD7
	mkvType      = 0x83
	mkvCodec     = 0x86
	mkvPrivate   = 0x63A2
	mkvDelay     = 0x56AA
	mkvEach      = 0x23E383
	mkvAudio     = 0xE1
	mkvHertz     = 0xB5
	mkvOutHertz  = 0x78B5
	mkvChannels  = 0x9F
	mkvDepth     = 0x6264
	mkvEncodings = 0x6D80
	mkvEncoding  = 0x6240
	mkvSqueezed  = 0x5034
	mkvEncrypted = 0x5035
	mkvCluster   = 0x1F43B675
	mkvTime      = 0xE7
	mkvSimple    = 0xA3
	mkvGroup     = 0xA0
	mkvBlock     = 0xA1
	mkvDiscard   = 0x75A2
	ebml         = 0x1A45DFA3
)

var mkvMasters = map[uint32]bool{
	ebml: true, mkvSegment: true, mkvInfo: true, mkvTracks: true, mkvEntry: true, mkvAudio: true,
	mkvEncodings: true, mkvEncoding: true, mkvCluster: true, mkvGroup: true,
}

// mkvLeaves is how many bytes of each are held.
var mkvLeaves = map[uint32]int64{
	mkvDocType: 32, mkvScale: 8, mkvDuration: 8, mkvNumber: 8, mkvType: 8, mkvCodec: 64, mkvPrivate: vorbisSetupMax,
	mkvDelay: 8, mkvEach: 8, mkvHertz: 8, mkvOutHertz: 8, mkvChannels: 8, mkvDepth: 8, mkvSqueezed: 1, mkvEncrypted: 1,
	mkvTime: 8, mkvSimple: mkvBlockMax, mkvBlock: mkvBlockMax, mkvDiscard: 8,
}

// mkvBlockMax bounds what is held of a block; blocks of sound are far smaller.
const mkvBlockMax = 64 << 10

func newMatroska(size int64) parser { return &matroska{size: size, scale: 1e6} }

func (m *matroska) write(p []byte) {
	offset := m.written
	m.written += int64(len(p))
	m.walk(offset, p)
}

// at takes what stands behind an element that is jumped over.
func (m *matroska) at(offset int64, p []byte) {
	if offset <= m.pos {
		m.walk(offset, p)
	}
}

// walk takes those of p, the bytes at offset, that are needed next.
func (m *matroska) walk(offset int64, p []byte) {
	for m.pos < offset+int64(len(p)) {
		switch rest := p[m.pos-offset:]; {
		case m.leaf != 0:
			m.fill(rest)
		case m.lost:
			m.search(rest)
		default:
			m.element(rest)
		}
	}
}

// element takes bytes of an element's ID and size.
func (m *matroska) element(p []byte) {
	n := 1
	if len(m.head) > 0 {
		id := ebmlLength(m.head[0])
		n = id + 1
		if len(m.head) > id {
			n = id + ebmlLength(m.head[id])
		}
		n -= len(m.head)
	}
	n = min(n, len(p))
	m.head = append(m.head, p[:n]...)
	m.pos += int64(n)
	id := ebmlLength(m.head[0])
	switch {
	case id > 4 || len(m.head) > id && ebmlLength(m.head[id]) > 8:
		m.stray()
	case len(m.head) > id && len(m.head) == id+ebmlLength(m.head[id]):
		m.begin(uint32(number(m.head, 0, id)), m.head[id:])
	}
}

// ebmlLength is the length of a number by its first byte, nine where there is
// none.
func ebmlLength(b byte) int { return bits.LeadingZeros8(b) + 1 }

// ebmlNumber reads a number without its marker, -1 for unknown, and its length.
func ebmlNumber(p []byte) (v int64, n int) {
	if len(p) == 0 {
		return 0, 0
	}
	n = ebmlLength(p[0])
	if n > 8 || n > len(p) {
		return 0, 0
	}
	all := int64(1)<<(7*n) - 1
	if v = number(p, 0, n) & all; v == all {
		return -1, n
	}
	return v, n
}

// begin opens a master, holds a leaf or jumps over it.
func (m *matroska) begin(id uint32, size []byte) {
	n, _ := ebmlNumber(size)
	m.head = m.head[:0]
	most, leaf := mkvLeaves[id]
	switch {
	case mkvMasters[id]:
		m.open(id, n)
	case n < 0 || !m.fits(n):
		m.stray()
	case leaf && n > 0 && most > 0:
		m.leaf, m.until = id, m.pos+n
	case leaf:
		m.read(id, nil)
	default:
		m.pos += n
	}
}

// fits reports whether an element of n bytes at pos ends where those around it
// do. What doesn't is taken for bytes that mean nothing: believed, it would
// swallow the rest of the file.
func (m *matroska) fits(n int64) bool {
	for _, end := range []int64{m.cluster, m.segment} {
		if m.pos <= end {
			return n <= end-m.pos
		}
	}
	return n <= mkvElementMax
}

// mkvElementMax is how long an element may be of which nothing around tells
// where it ends: attachments and pictures are shorter.
const mkvElementMax = 1 << 30

func (m *matroska) open(id uint32, size int64) {
	end := int64(0)
	if size >= 0 {
		end = m.pos + size
	}
	switch id {
	case mkvSegment:
		m.segment, m.cluster = end, 0
	case mkvEntry:
		m.close()
	case mkvCluster:
		m.close()
		m.clusters++
		m.cluster = end
	}
}

// fill takes bytes of the leaf. Of a block of another track the first few are
// enough to tell.
func (m *matroska) fill(p []byte) {
	most := mkvLeaves[m.leaf]
	block := m.leaf == mkvSimple || m.leaf == mkvBlock
	if block && len(m.body) < mkvBlockHead {
		most = mkvBlockHead
	} else if block && !m.hears(m.body) {
		most = 0
	}
	n := min(int64(len(p)), m.until-m.pos, most-int64(len(m.body)))
	if n > 0 {
		m.body = append(m.body, p[:n]...)
		m.pos += n
	}
	if n <= 0 && !(block && most == mkvBlockHead) {
		m.pos = m.until
	}
	if m.pos == m.until {
		id := m.leaf
		m.leaf = 0
		m.read(id, m.body)
		m.body = m.body[:0]
	}
}

// mkvBlockHead is the longest head of a block: track, time, flags.
const mkvBlockHead = 8 + 2 + 1

// stray gives up on this element and looks for the next cluster.
func (m *matroska) stray() {
	m.lost = true
	m.resynced++
	m.head = m.head[:0]
}

func (m *matroska) search(p []byte) {
	for i, b := range p {
		m.head = append(m.head, b)
		if len(m.head) > 4 {
			m.head = m.head[:copy(m.head, m.head[1:])]
		}
		if len(m.head) == 4 && binary.BigEndian.Uint32(m.head) == mkvCluster {
			m.lost = false
			m.pos += int64(i) + 1
			return
		}
	}
	m.pos += int64(len(p))
}

func (m *matroska) end() {
	if m.ended {
		return
	}
	m.close()
	m.ended = true
	m.cut = m.leaf != 0 || m.pos > m.written || len(m.head) > 0 && !m.lost || m.segment > m.written ||
		m.cluster > m.written && m.segment == 0
}

func (m *matroska) started() bool { return m.sound.frames > 0 }

func (m *matroska) report(r *Report) {
	r.Container, r.Codec = "matroska", ""
	if m.webm {
		r.Container = "webm"
	}
	s := &m.sound
	r.Err = m.err()
	if a := m.audio; a != nil {
		r.Codec, r.SampleRate, r.Channels = a.kind.codec, a.kind.hz, a.kind.channels
		r.Frames, r.Seconds, r.Silent = s.frames, s.seconds(a), min(s.silent, s.seconds(a))
		if r.Seconds > 0 {
			r.Bitrate = int(min(float64(s.bytes)*8/r.Seconds, 1<<31))
		}
		if bad := s.checked - s.good; bad > 0 {
			r.Flaws = append(r.Flaws, fmt.Sprintf("%d of %d frames looked at aren't %s", bad, s.checked, r.Codec))
		}
	} else if !m.ended && m.clusters == 0 {
		r.Codec = r.Container // which isn't known yet
	}
	if m.resynced > 0 {
		r.Flaws = append(r.Flaws, "what stands between elements makes no sense in "+counted(int64(m.resynced), "place"))
	}
	r.Duration, r.Declared = m.length(r.Seconds)
	r.Want = m.want()
	switch {
	case m.ended && m.cut:
		r.Cut = fmt.Errorf("the file ends inside an element, after %d bytes", m.written)
	case m.ended && m.resynced > 0 && r.Declared: // players reach no more of it either
		r.Cut = cutShort(r.Duration, float64(m.sound.last)*float64(m.scale)/1e9)
	}
}

// want is what stands behind a long element in front of all sound, such as a
// picture.
func (m *matroska) want() Span {
	if m.ended || m.clusters > 0 || m.lost || m.pos <= m.written || m.pos >= m.size {
		return Span{}
	}
	return Span{m.pos, min(m.pos+wantSize, m.size) - 1}
}

// length is the duration as declared, else by what came so far.
func (m *matroska) length(soFar float64) (seconds float64, declared bool) {
	if d := m.duration * float64(m.scale) / 1e9; d > 0 && d < 1e9 {
		return d, true
	}
	if !m.ended && m.size > m.written && m.written > 0 {
		return soFar * float64(m.size) / float64(m.written), false
	}
	return soFar, false
}

func (m *matroska) err() error {
	switch s := &m.sound; {
	case m.audio != nil && m.audio.encrypted:
		return undecodable("its sound is protected")
	case m.audio == nil && (m.ended || m.clusters > 0):
		return undecodable("it has no track of sound")
	case m.ended && s.frames == 0:
		return undecodable("it has no frames of sound")
	case (m.ended || s.checked >= 4) && s.foreign():
		return undecodable("its frames aren't %s", m.audio.kind.codec)
	}
	return nil
}

func (m *matroska) resumes(int64, []byte) error { return nil } // a block has no mark to find it by

// ebmlString is a string element, which zeros may end.
func ebmlString(p []byte) string {
	p, _, _ = bytes.Cut(p, []byte{0})
	return string(p)
}

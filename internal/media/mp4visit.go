package media

import (
	"bytes"
	"encoding/binary"
	"strconv"
	"strings"
)

// enter implements boxVisitor.
func (m *mp4) enter(b box) {
	switch b.kind {
	case "trak":
		m.track = mp4Track{}
	case "mvex":
		m.fragments.follow = true
	case "moof":
		m.fragments.begin(b.start)
	case "traf":
		m.fragments.of = mp4Traf{base: m.fragments.start}
	}
}

// leave implements boxVisitor.
func (m *mp4) leave(b box) {
	switch b.kind {
	case "trak":
		m.close(b)
	case "moov":
		m.indexed = true
	}
}

// close keeps the first track of sound and forgets the others.
func (m *mp4) close(b box) {
	t := m.track
	m.track = mp4Track{}
	if t.handler != "soun" || t.sound.codec == "" || m.audio != nil {
		m.held -= t.tables.held
		return
	}
	t.tables.packet, t.tables.packed = t.sound.packet, t.sound.packed
	m.audio = &t
	m.protected = m.protected || t.sound.protected
	if t.tables.whole() {
		m.runs = append(m.runs, t.tables.run(max(b.end, m.written)))
	}
}

// leafMax is how much of each kind of leaf is held; those of a track have
// tablesMax in common.
var leafMax = map[string]int64{
	"mvhd": 128, "mehd": 32, "tkhd": 128, "mdhd": 64, "hdlr": 64, "elst": 64 << 10, "stsd": 64 << 10,
	"----": 4 << 10, "trex": 64, "tfhd": 64, "sidx": 1 << 20,
	"stts": 2 << 20, "stsc": 2 << 20, "stsz": 14 << 20, "stz2": 14 << 20, "stco": 6 << 20, "co64": 6 << 20, "trun": 1 << 20,
}

// hold implements boxVisitor.
func (m *mp4) hold(b box, parent string) int64 {
	most := leafMax[b.kind]
	switch {
	case parent == "" && b.kind == "mdat":
		m.data = true
	case parent == "stbl" && (m.audio != nil || m.track.handler != "soun" && m.track.handler != ""):
		return 0 // not the track that we hear
	case b.kind == "hdlr" && parent != "mdia":
		return 0
	case m.indexed && (parent == "trak" || parent == "mdia"):
		return 0
	}
	if parent == "stbl" || parent == "traf" {
		most = min(most, max(0, tablesMax-m.held))
	}
	return min(most, b.end-b.start)
}

// read implements boxVisitor.
func (m *mp4) read(b box, parent string, p []byte) {
	t := &m.track
	switch b.kind {
	case "mvhd":
		m.movie = clockOf(p)
	case "mehd":
		m.extended = versioned(p, 4, 4)
	case "mdhd":
		t.clock = clockOf(p)
	case "tkhd":
		t.id = trackID(p)
	case "hdlr":
		t.handler = string(slice(p, 8, 4))
	case "elst":
		t.edit = editOf(p)
	case "stsd":
		t.sound = soundOf(p)
	case "----":
		m.prime(p)
	case "stts", "stsc", "stsz", "stz2", "stco", "co64":
		m.held += int64(len(p))
		t.tables.set(b, p)
	default:
		m.fragment(b, p)
	}
}

// prime reads how many samples iTunes says to skip: " 00000000 00000840 …".
func (m *mp4) prime(p []byte) {
	_, text, ok := bytes.Cut(p, []byte("iTunSMPB"))
	if !ok {
		return
	}
	_, text, _ = bytes.Cut(text, []byte("data"))
	fields := strings.Fields(string(slice(text, 8, 64)))
	if len(fields) < 2 {
		return
	}
	if n, err := strconv.ParseUint(fields[1], 16, 16); err == nil {
		m.delay = int64(n)
	}
}

// slice is n bytes of p from i, fewer where it is shorter.
func slice(p []byte, i, n int) []byte {
	if i >= len(p) {
		return nil
	}
	return p[i:min(i+n, len(p))]
}

// number reads n bytes of p from i as a number, zero where they aren't there.
func number(p []byte, i, n int) int64 {
	if i < 0 || i+n > len(p) {
		return 0
	}
	var b [8]byte
	copy(b[8-n:], p[i:i+n])
	return int64(binary.BigEndian.Uint64(b[:]))
}

// versioned reads a number that has four bytes in version 0 of a box and
// eight in version 1, in which what stands before it is longer too.
func versioned(p []byte, i0, i1 int) int64 {
	if number(p, 0, 1) == 1 {
		return max(0, number(p, i1, 8))
	}
	n := number(p, i0, 4)
	if n == 0xFFFFFFFF {
		return 0 // unknown
	}
	return n
}

func clockOf(p []byte) mp4Clock {
	if number(p, 0, 1) == 1 {
		return mp4Clock{number(p, 20, 4), versioned(p, 0, 24)}
	}
	return mp4Clock{number(p, 12, 4), versioned(p, 16, 0)}
}

func trackID(p []byte) int64 {
	if number(p, 0, 1) == 1 {
		return number(p, 20, 4)
	}
	return number(p, 12, 4)
}

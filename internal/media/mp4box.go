package media

import (
	"encoding/binary"
	"math"
)

// A boxes walks the boxes of an ISO base media file (ISO/IEC 14496-12 §4.2)
// by whatever bytes come, in order or from where it asks: it opens containers,
// holds the leaves that visit cares for, and jumps over the rest.
//
//	size uint32 | kind [4]byte | size uint64, where size was 1 | body
type boxes struct {
	visit  boxVisitor
	pos    int64 // the next byte it needs
	open   []box // the containers around pos, outermost first
	head   []byte
	leaf   box // the leaf around pos; its kind is "" where there is none
	body   []byte
	broken bool // what follows pos makes no sense
}

// A box is its kind and where it stands in the file.
type box struct {
	kind       string
	start, end int64 // end is math.MaxInt64 where it reaches to the end of a file of unknown size
}

// A boxVisitor is told what a walk meets.
type boxVisitor interface {
	enter(b box)                         // a container begins
	hold(b box, parent string) int64     // how many bytes of this leaf to hold
	read(b box, parent string, p []byte) // the body of a leaf, as much as was asked for or as came
	leave(b box)                         // a container has ended
}

// boxDepth bounds how deep containers nest: sound lies seven deep.
const boxDepth = 12

var containers = map[string]bool{
	"moov": true, "trak": true, "edts": true, "mdia": true, "minf": true, "stbl": true, "mvex": true,
	"moof": true, "traf": true, "udta": true, "meta": true, "ilst": true,
}

// feed takes the bytes p that stand at offset, as far as the walk needs them.
func (w *boxes) feed(offset int64, p []byte) {
	end := offset + int64(len(p))
	if w.leaf.kind != "" && offset == w.leaf.end {
		w.pos = offset // the rest of a long table isn't to come
		w.finish()
	}
	for offset <= w.pos && w.pos < end {
		if rest := p[w.pos-offset:]; w.leaf.kind != "" {
			w.fill(rest)
		} else {
			w.begin(rest)
		}
	}
}

// fill takes bytes of the leaf.
func (w *boxes) fill(p []byte) {
	n := min(int64(len(p)), w.leaf.end-w.pos, int64(cap(w.body)-len(w.body)))
	if n == 0 {
		w.grow()
		return
	}
	w.body = append(w.body, p[:n]...)
	if w.pos += n; w.pos == w.leaf.end {
		w.finish()
	}
}

// grow makes room as bytes come, not as a header promises them.
func (w *boxes) grow() {
	most := w.visit.hold(w.leaf, w.parent())
	room := min(most, max(4<<10, 2*int64(cap(w.body))))
	if room <= int64(len(w.body)) { // enough of it
		w.pos = w.leaf.end
		w.finish()
		return
	}
	w.body = append(make([]byte, 0, room), w.body...)
}

func (w *boxes) finish() {
	leaf, body := w.leaf, w.body
	w.leaf, w.body = box{}, nil
	w.visit.read(leaf, w.parent(), body)
	w.close()
}

// begin takes bytes of a box's header, and opens it when they are whole.
func (w *boxes) begin(p []byte) {
	if in := w.around(); in.end-w.pos+int64(len(w.head)) < 8 { // such as the zero that ends a QuickTime list
		w.pos, w.head = in.end, w.head[:0]
		w.close()
		return
	}
	need := 8
	if len(w.head) >= 8 {
		need = 16
	}
	n := min(len(p), need-len(w.head))
	w.head = append(w.head, p[:n]...)
	w.pos += int64(n)
	if len(w.head) < need {
		return
	}
	if size := binary.BigEndian.Uint32(w.head); w.parent() == "meta" && size == 0 && need == 8 {
		w.head = append(w.head[:0], w.head[4:]...) // meta has version and flags, but in QuickTime
	} else if size != 1 || need == 16 {
		w.enter()
	}
}

func (w *boxes) enter() {
	start, in := w.pos-int64(len(w.head)), w.around()
	size := int64(binary.BigEndian.Uint32(w.head))
	b := box{string(w.head[4:8]), start, start + size}
	switch {
	case size == 0:
		b.end = in.end
	case size == 1:
		size = int64(min(binary.BigEndian.Uint64(w.head[8:]), math.MaxInt64/2))
		b.end = start + size
	}
	w.head = w.head[:0]
	if b.end < w.pos || !named(b.kind) {
		w.fail(in)
		return
	}
	b.end = min(b.end, in.end)
	w.into(b)
}

func (w *boxes) into(b box) {
	switch {
	case containers[b.kind] && len(w.open) < boxDepth:
		w.visit.enter(b)
		w.open = append(w.open, b)
	case w.visit.hold(b, w.parent()) > 0:
		w.leaf = b
		if w.pos == b.end {
			w.finish()
		}
		return
	default:
		w.pos = b.end
	}
	w.close()
}

// fail goes on after the container whose boxes make no sense.
func (w *boxes) fail(in box) {
	w.broken = true
	w.pos = in.end
	w.close()
}

// close leaves the containers that end here.
func (w *boxes) close() {
	for n := len(w.open); n > 0 && w.open[n-1].end <= w.pos; n-- {
		b := w.open[n-1]
		w.open = w.open[:n-1]
		w.visit.leave(b)
	}
}

// end says that no more bytes come: what is held is read as it is.
func (w *boxes) end() {
	if w.leaf.kind != "" {
		w.finish()
	}
	for n := len(w.open); n > 0; n-- {
		b := w.open[n-1]
		w.open = w.open[:n-1]
		w.visit.leave(b)
	}
}

// around is the box that pos stands in, the file itself at the outermost.
func (w *boxes) around() box {
	if n := len(w.open); n > 0 {
		return w.open[n-1]
	}
	return box{end: math.MaxInt64}
}

func (w *boxes) parent() string { return w.around().kind }

// named reports whether a kind is four characters as they are given out
// (mp4ra.org), so that sound isn't taken for boxes.
func named(kind string) bool {
	for i := range len(kind) {
		if c := kind[i]; c < 0x20 || c == 0x7F || c > 0x7F && c != 0xA9 {
			return false
		}
	}
	return true
}

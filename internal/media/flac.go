package media

import (
	"bytes"
	"fmt"
)

// flac parses native FLAC (RFC 9639). A frame doesn't say how long it is: it
// ends where the next begins, and both its checksums hold. The one over the
// whole frame is taken along as bytes come, so that no frame is kept, and one
// that holds says that decoding gives the samples that the encoder was given.
//
// mewkiz/flac isn't used: it pulls from an io.Reader, where bytes are pushed
// here, and decodes, at ten times the cost, what the checksum tells already.
type flac struct {
	size int64
	queue
	ended bool

	state   flacState
	skip    int64 // bytes yet to come of what isn't read
	info    flacInfo
	first   int64 // offset of the first frame
	frame   flacFrame
	crc     uint16 // of the frame so far
	length  int64  // of the frame so far
	silence bool   // the frame is silent, if it is whole
	tally   tally
	reached int64 // samples up to the end of the last frame
	garbage int64
	partial bool // the last frame isn't whole
}

type flacState int

const (
	flacMagic  flacState = iota
	flacBlocks           // metadata
	flacHunt             // before a frame
	flacBody             // in a frame
	flacTail             // tags behind the last
)

// A flacInfo is the STREAMINFO block (§8.2).
type flacInfo struct {
	hz, channels, bits int
	samples            int64 // 0 unknown
	longest            int64 // bytes of the longest frame, 0 unknown
}

func newFLAC(size int64) parser { return &flac{size: size} }

func (f *flac) at(int64, []byte) {}

func (f *flac) started() bool { return f.tally.count > f.tally.bad }

func (f *flac) write(p []byte) { f.feed(p, f.step) }

func (f *flac) end() {
	f.ended = true
	f.run(f.step)
	if f.state == flacBody {
		f.partial = f.crc != 0
		f.close(!f.partial)
	}
}

// step uses the first bytes of b and returns how many, 0 where more are needed.
func (f *flac) step(b []byte) int {
	if f.skip > 0 {
		n := min(f.skip, int64(len(b)))
		f.skip -= n
		return int(n)
	}
	if len(b) < flacLook && !f.ended && f.state != flacTail {
		return 0
	}
	switch f.state {
	case flacMagic:
		f.state = flacBlocks
		return min(4, len(b))
	case flacBlocks:
		return f.block(b)
	case flacHunt:
		return f.hunt(b)
	case flacBody:
		return f.body(b)
	}
	return len(b)
}

// flacLook is how many bytes tell about a frame what is asked: its header and
// subframes as short as those of silence, and of a file its first block.
const flacLook = 64

// flacInfoOf reads a STREAMINFO block (§8.2), what there is of it.
func flacInfoOf(p []byte) flacInfo {
	if len(p) < 18 {
		return flacInfo{}
	}
	v := uint64(number(p, 10, 8))
	return flacInfo{
		longest: number(p, 7, 3), hz: int(v >> 44), channels: int(v>>41&7) + 1, bits: int(v>>36&31) + 1,
		samples: int64(v & (1<<36 - 1)),
	}
}

// block reads the header of a metadata block (§8.1) and STREAMINFO.
func (f *flac) block(b []byte) int {
	if len(b) < 4 || b[0] == 0xFF { // frames come, though no block was the last
		f.state = flacHunt
		return f.hunt(b)
	}
	if b[0]&0x7F == 0 && len(b) >= 22 {
		f.info = flacInfoOf(b[4:])
	}
	f.skip = int64(b[1])<<16 | int64(b[2])<<8 | int64(b[3])
	if b[0]&0x80 != 0 {
		f.state = flacHunt
	}
	return 4
}

// hunt looks for a frame at b.
func (f *flac) hunt(b []byte) int {
	if h := parseFLAC(b, f.info); h.samples > 0 {
		if f.tally.count == 0 {
			f.first = f.offset
		}
		return f.open(b, h)
	}
	if n := tagBetween(b); n > 0 {
		f.skip = n
		return f.step(b)
	}
	n := untilBegins(b, flacLook, f.ended)
	f.garbage += int64(n)
	return n
}

// open begins a frame at b.
func (f *flac) open(b []byte, h flacFrame) int {
	f.state, f.frame = flacBody, h
	f.silence = h.silent(b)
	f.crc, f.length = crc16of(0, b[:h.header]), int64(h.header)
	return h.header
}

// body takes bytes of a frame, up to where the next might begin.
func (f *flac) body(b []byte) int {
	if next := parseFLAC(b, f.info); next.samples > 0 && f.ends(next) {
		f.close(f.crc == 0)
		return f.open(b, next)
	}
	if f.crc == 0 && f.length > int64(f.frame.header) && tagBetween(b) > 0 {
		f.close(true)
		f.state = flacTail
		return len(b)
	}
	n := untilBegins(b, flacLook, f.ended)
	f.crc = crc16of(f.crc, b[:n])
	f.length += int64(n)
	return n
}

// ends reports whether the frame can end where next begins: headers can be found
// in a frame by chance.
func (f *flac) ends(next flacFrame) bool {
	longest := f.info.longest
	if longest == 0 {
		longest = int64(f.frame.samples) * int64(f.info.channels) * int64(f.info.bits+8) / 8
	}
	return f.crc == 0 || next.number == f.frame.next() || f.length > longest+flacLook
}

// close counts the frame, whole or not.
func (f *flac) close(whole bool) {
	t := &f.tally
	t.count++
	f.reached = f.frame.first(f.reached) + int64(f.frame.samples)
	f.state = flacHunt
	if !whole {
		t.bad++
		return
	}
	took := float64(f.frame.samples) / float64(f.frame.hz)
	t.seconds += took
	t.bytes += f.length
	if f.silence {
		t.silent += took
	}
	if t.channels == 0 {
		t.channels = f.frame.channels
	}
}

// resumes looks for the header of a frame of the stream anywhere in part.
func (f *flac) resumes(_ int64, part []byte) error {
	for i := 0; i < len(part); i++ {
		next := bytes.IndexByte(part[i:], 0xFF)
		if next < 0 {
			break
		}
		i += next
		if h := parseFLAC(part[i:], f.info); h.samples > 0 {
			return nil
		}
	}
	if f.info.hz == 0 || int64(len(part)) < 2*max(f.info.longest, 16<<10) {
		return nil // too few to tell
	}
	return fmt.Errorf("no flac frames in %d bytes", len(part))
}

func (f *flac) report(r *Report) {
	t := f.tally
	r.Container, r.Codec, r.Type = "flac", "flac", "audio/flac"
	r.SampleRate, r.Channels = f.info.hz, f.info.channels
	if t.channels > 0 {
		r.SampleRate, r.Channels = f.frame.hz, t.channels
	}
	r.Frames, r.Seconds, r.Silent = t.count-t.bad, t.seconds, t.silent
	if t.seconds > 0 {
		r.Bitrate = int(float64(t.bytes) * 8 / t.seconds)
	}
	f.duration(r)
	switch {
	case t.bad*2 > t.count && (t.count >= enough || f.ended):
		r.Err = undecodable("%d of %d frames are damaged", t.bad, t.count)
	case f.ended && t.count == 0:
		r.Err = undecodable("no frames in %d bytes", f.offset)
	}
	if f.ended && r.Declared {
		r.Cut = cutShort(r.Duration, float64(f.reached)/float64(r.SampleRate))
	} else if f.partial {
		r.Cut = fmt.Errorf("audio ends inside a frame, at %.1f s", r.Seconds)
	}
	if t.bad > 0 {
		r.Flaws = append(r.Flaws, fmt.Sprintf("checksums miss in %d of %d frames", t.bad, t.count))
	}
	if f.garbage > 0 {
		r.Flaws = append(r.Flaws, fmt.Sprintf("%d bytes that are neither frames nor tags", f.garbage))
	}
}

// duration is as the file states, else by its size.
func (f *flac) duration(r *Report) {
	switch {
	case f.info.samples > 0 && f.info.hz > 0:
		r.Duration, r.Declared = float64(f.info.samples)/float64(f.info.hz), true
	case f.ended:
		r.Duration = r.Seconds
	case f.size >= 0 && r.Bitrate > 0:
		r.Duration = float64(f.size-f.first) * 8 / float64(r.Bitrate)
	}
}

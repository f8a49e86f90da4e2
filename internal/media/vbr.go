package media

import (
	"encoding/binary"
	"fmt"
	"math"
)

// A vbrInfo is what the table in a first frame of MP3 tells of the file: Xing's
// (also LAME's and FFmpeg's, gabriel.mp3-tech.org/mp3infotag.html) or VBRI,
// Fraunhofer's. Such a frame decodes to silence that players leave out.
type vbrInfo struct {
	name    string
	frames  int64 // of sound; 0 where it doesn't tell
	bytes   int64 // from this frame to the last
	delay   int   // samples that the encoder put in front
	padding int   // and behind
}

// readVBR returns the table in the frame b, nil where it is a frame of sound.
func readVBR(b []byte, h frameHeader) *vbrInfo {
	for _, at := range []int{4 + h.sideSize(), 6 + h.sideSize()} { // the second where a checksum stands
		if len(b) >= at+8 && (hasPrefix(b[at:], "Xing") || hasPrefix(b[at:], "Info")) {
			return readXing(b[at:])
		}
	}
	const at = 4 + 32
	if len(b) >= at+26 && hasPrefix(b[at:], "VBRI") {
		return &vbrInfo{
			name:  "VBRI",
			bytes: int64(binary.BigEndian.Uint32(b[at+10:])), frames: int64(binary.BigEndian.Uint32(b[at+14:])),
		}
	}
	return nil
}

func readXing(b []byte) *vbrInfo {
	v := &vbrInfo{name: string(b[:4])}
	flags := binary.BigEndian.Uint32(b[4:])
	b = b[8:]
	for flag, size := range []int{4, 4, 100, 4} { // frames, bytes, table of contents, quality
		if flags>>flag&1 == 0 {
			continue
		}
		if len(b) < size {
			return v
		}
		switch flag {
		case 0:
			v.frames = int64(binary.BigEndian.Uint32(b))
		case 1:
			v.bytes = int64(binary.BigEndian.Uint32(b))
		}
		b = b[size:]
	}
	if len(b) >= 24 && (hasPrefix(b, "LAME") || hasPrefix(b, "Lavf") || hasPrefix(b, "Lavc")) {
		v.delay = int(b[21])<<4 | int(b[22])>>4
		v.padding = int(b[22]&15)<<8 | int(b[23])
	}
	return v
}

// decoderDelay is how many samples more than the encoder's delay every decoder
// comes late by.
const decoderDelay = 529

// trimmed is seconds of frames without what players leave out, as the encoder
// says: silence in front, and behind where all frames have come.
func (f *frames) trimmed(seconds float64) float64 {
	v := f.info
	if v == nil || v.delay+v.padding == 0 {
		return seconds
	}
	out := v.delay + decoderDelay
	if int64(f.tally.count) >= v.frames {
		out = v.delay + v.padding
	}
	return max(0, seconds-float64(out)/float64(f.ref.hz))
}

// stated is how long the file says that it plays, 0 where it doesn't.
func (f *frames) stated() float64 {
	if f.info == nil || f.info.frames == 0 {
		return 0
	}
	s := float64(f.info.frames)*f.meanSeconds() - float64(f.info.delay+f.info.padding)/float64(f.ref.hz)
	return max(0, s)
}

// duration is of the whole file: as stated unless the file is longer, as a show
// with advertisements put in is, else by the mean length of frames so far.
func (f *frames) duration() (seconds float64, declared bool) {
	stated := f.stated()
	if found := f.trimmed(f.tally.seconds); f.ended && (stated == 0 || found > stated*1.02) {
		return found, false
	}
	if stated > 0 && !f.outgrown() {
		return stated, true
	}
	if f.size < 0 || f.tally.count == 0 {
		return stated, stated > 0
	}
	frame := float64(f.tally.bytes) / float64(f.tally.count)
	return float64(f.size-f.first) / frame * f.meanSeconds(), false
}

// outgrown reports whether the file is longer than its table says, tags aside:
// pictures in those have up to a megabyte, though seldom more than the sound.
func (f *frames) outgrown() bool {
	told, more := f.info.bytes, f.size-f.first-f.info.bytes
	return told > 0 && (more > told/10+1<<20 || more > told+64<<10)
}

// soundEnd is where tags may begin at the latest that stand behind all sound: as
// the file says, else a megabyte before its end, but in its last quarter.
func (f *frames) soundEnd() int64 {
	switch {
	case f.info != nil && f.info.bytes > 0 && !f.outgrown():
		return f.first + f.info.bytes
	case f.size < 0:
		return math.MaxInt64
	}
	return max(f.size/4*3, f.size-1<<20)
}

// cut says how much of what the file states is missing at its end. What is
// missing inside isn't: bytes stand in its place that mean nothing.
func (f *frames) cut(found float64) error {
	t := &f.tally
	inside := float64(t.bad) * f.meanSeconds()
	if t.bytes > 0 {
		inside += float64(f.inside) / float64(t.bytes) * f.meanSeconds() * float64(t.count)
	}
	stated := f.stated()
	if cutShort(stated, found+inside) == nil {
		return nil
	}
	return cutShort(stated, found)
}

// cutShort is the error of a file that states to play so long and of which so
// much was found. A twentieth of a second is nothing, and so is what a header
// rounds.
func cutShort(stated, found float64) error {
	missing := stated - found
	if missing < 0.1 || (missing < stated/50 && missing < 5) {
		return nil
	}
	return fmt.Errorf("audio ends at %.1f s of %.1f s", found, stated)
}

// counted is n of what, such as "2 places".
func counted(n int64, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// flaws tells what players step over.
func (f *frames) flaws() (all []string) {
	t := f.tally
	note := func(n int64, format string, a ...any) {
		if n > 0 {
			all = append(all, fmt.Sprintf(format, a...))
		}
	}
	note(f.garbage, "%d bytes that are neither frames nor tags, in %s", f.garbage, counted(int64(f.gaps), "place"))
	note(int64(t.bad), "%d of %d frames are damaged", t.bad, t.count)
	note(int64(t.badCRC), "checksums miss in %d of %d frames", t.badCRC, t.count)
	note(int64(t.starved), "%d frames need bytes of frames that aren't there", t.starved)
	note(int64(t.rates), "the sample rate changes %s", counted(int64(t.rates), "time"))
	if f.partial {
		all = append(all, "the last frame isn't whole")
	}
	if f.info != nil && f.info.bytes > 0 && f.size >= 0 && f.size-f.first < f.info.bytes-1 {
		all = append(all, fmt.Sprintf("the %s table tells of %d bytes, the file has %d", f.info.name, f.info.bytes, f.size-f.first))
	}
	return all
}

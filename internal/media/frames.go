package media

import (
	"bytes"
	"cmp"
	"fmt"
	"math"
)

// frames parses what is nothing but frames one behind the other, each with a
// header that says how long it is: MPEG audio and ADTS. Strangers' bytes stand
// between them, in front and behind; players step over those, and so do we.
//
// No library does it: hajimehoshi/go-mp3 decodes to samples from an io.Reader, at
// hundreds of times the CPU (a minute for an hour of sound), and gives up at
// garbage; what is asked here is whether frames are sound, not how they sound.
type frames struct {
	size int64 // -1 unknown
	queue
	ended bool

	ref     frameHeader // of the stream, once synced
	synced  bool
	tag     int64 // bytes yet to come of a tag, to step over
	first   int64 // offset of the first frame
	last    int64 // offset behind the last
	info    *vbrInfo
	layer3  layer3
	quiet   bool // the last frame was silent
	tally   tally
	garbage int64 // bytes between frames and tags
	tags    int64 // bytes in tags
	front   int64 // of them, in front of the first frame
	inside  int64 // and behind it, with frames behind them
	gaps    int   // times that sync was lost
	lyrics  bool  // a Lyrics3 block began
	before  int64 // garbage before it
	partial bool  // the last frame isn't whole
}

// A tally is what the frames so far add up to.
type tally struct {
	count    int
	bytes    int64
	seconds  float64
	silent   float64
	bad      int // frames that can't be decoded
	badCRC   int
	starved  int // frames whose sound begins in frames that aren't there
	rates    int // changes of the sample rate or the channels on the way
	channels int // of the first frame
	hz       int // of the first frame
}

// reach is how many bytes may stand before the first frame.
const reach = 1 << 20

func newFrames(size int64) parser { return &frames{size: size} }

func (f *frames) write(p []byte) { f.feed(p, f.step) }

func (f *frames) at(int64, []byte) {}

func (f *frames) started() bool { return f.tally.count > f.tally.bad }

func (f *frames) end() {
	f.ended = true
	f.run(f.step)
}

// step uses the first bytes of b and returns how many, 0 where more are needed.
func (f *frames) step(b []byte) int {
	if f.tag > 0 {
		n := min(f.tag, int64(len(b)))
		f.tag -= n
		f.tags += n
		return int(n)
	}
	if f.synced {
		if n, ok := f.inStream(b); ok {
			return n
		}
		f.synced, f.layer3.have = false, 0
	}
	return f.hunt(b)
}

// inStream uses the frame at b if it is of the stream.
func (f *frames) inStream(b []byte) (n int, ok bool) {
	if len(b) < headerSize && !f.ended {
		return 0, true
	}
	h := parseFrame(b)
	switch {
	case h.length == 0 || !h.like(f.ref):
		return 0, false
	case h.length <= len(b):
		f.sound(b[:h.length], h)
		return h.length, true
	case f.ended:
		f.remnant(b, h)
		return len(b), true
	}
	return 0, true
}

// hunt looks for a tag or the frames of a stream at b, and steps over bytes that
// are neither.
func (f *frames) hunt(b []byte) int {
	if len(b) < tagHead && !f.ended {
		return 0
	}
	if n := tagBetween(b); n > 0 {
		f.forgive(b)
		f.tag = n
		return f.step(b)
	}
	switch chain(b, 3) {
	case whole:
		f.sync(b)
		return f.step(b)
	case short:
		if !f.ended {
			return 0
		}
		if chain(b, 2) == whole || f.continues(b) {
			f.sync(b)
			return f.step(b)
		}
	}
	return f.stepOver(b)
}

// forgive takes back what was counted as garbage and is a tag, as b now tells:
// some tags are known at their end only, and Lyrics3 (id3.org/Lyrics3v2) always
// stands before ID3v1.
func (f *frames) forgive(b []byte) {
	n := int64(0)
	switch {
	case hasPrefix(b, "APETAGEX") && !isAPEHeader(b):
		n = min(f.garbage, max(0, apeBody(b)-tagHead))
	case hasPrefix(b, "TAG") && f.lyrics:
		n = f.garbage - f.before
	}
	f.garbage -= n
	f.tags += n
	f.lyrics = false
}

// continues reports whether the last frame of a stream stands at b.
func (f *frames) continues(b []byte) bool {
	return f.ref.length > 0 && parseFrame(b).like(f.ref) && chain(b, 1) == whole
}

// sync begins a stream at b.
func (f *frames) sync(b []byte) {
	h := parseFrame(b)
	if f.ref.length == 0 {
		f.first, f.front = f.offset, f.garbage
	} else if !h.like(f.ref) {
		f.tally.rates++
	}
	f.inside = f.garbage - f.front
	f.ref, f.synced = h, true
}

// stepOver counts bytes that mean nothing, up to the next that could.
func (f *frames) stepOver(b []byte) int {
	if f.garbage == 0 || f.offset == f.last {
		f.gaps++
	}
	if hasPrefix(b, "LYRICSBEGIN") && !f.lyrics {
		f.lyrics, f.before = true, f.garbage
	}
	n := untilBegins(b, tagHead, f.ended)
	f.garbage += int64(n)
	if f.ref.length == 0 && f.garbage > reach {
		f.lost = true
	}
	return n
}

// begins holds the bytes that frames and tags begin with.
var begins = [256]bool{0xFF: true, 'T': true, 'A': true, 'I': true, 'L': true}

// untilBegins is how many bytes of b, at least one, stand before the next that
// begins something. As many as are looked at together stay, unless no more come,
// so that what is counted doesn't depend on how they came.
func untilBegins(b []byte, look int, ended bool) int {
	if !ended {
		b = b[:max(1, len(b)-look+1)]
	}
	n := 1
	for n < len(b) && !begins[b[n]] {
		n++
	}
	return n
}

// sound checks the frame b and counts it.
func (f *frames) sound(b []byte, h frameHeader) {
	f.last = f.offset + int64(len(b))
	if f.tally.count == 0 && f.info == nil && h.layer == 3 {
		if f.info = readVBR(b, h); f.info != nil {
			return // it holds a table, no sound
		}
	}
	v := f.check(b, h)
	t := &f.tally
	if t.count == 0 {
		t.channels, t.hz = h.channels, h.hz
	}
	t.count++
	t.bytes += int64(len(b))
	took := float64(h.samples) / float64(h.hz)
	if v.bad {
		t.bad++
		return
	}
	t.seconds += took
	if v.silent && f.quiet { // the frame before still sounds in the first
		t.silent += took
	}
	f.quiet = v.silent
	if v.badCRC {
		t.badCRC++
	}
	if v.starved {
		t.starved++
	}
}

// remnant takes the last frame where it isn't whole: decoders make sound of what
// is there.
func (f *frames) remnant(b []byte, h frameHeader) {
	f.partial = true
	if h.layer != adts && len(b) > h.length/2 && f.tally.count > 0 {
		f.tally.seconds += float64(h.samples) / float64(h.hz)
	}
}

// A verdict is what checking a frame tells.
type verdict struct{ bad, badCRC, starved, silent bool }

func (f *frames) check(b []byte, h frameHeader) verdict {
	switch h.layer {
	case 3:
		return f.layer3.check(b, &h)
	case adts:
		return checkADTS(b, h)
	}
	return verdict{}
}

// resumes looks for three frames of the stream's kind anywhere in part. They
// may be of another rate: what is put in by another encoder has its own.
func (f *frames) resumes(offset int64, part []byte) error {
	if f.ref.length == 0 || f.ended && offset >= f.last || offset+int64(len(part)) > f.soundEnd() {
		return nil // or the tags at the end
	}
	for i := 0; i+headerSize <= len(part); i++ {
		if part[i] == 0xFF && parseFrame(part[i:]).layer == f.ref.layer && chain(part[i:], 3) == whole {
			return nil
		}
	}
	if len(part) < 4*maxFrame || bytes.Contains(part, []byte("APETAGEX")) {
		return nil // too few to tell, or the tags at the end
	}
	return fmt.Errorf("no %s frames in %d bytes", f.container(), len(part))
}

// maxFrame is about the longest frame there is.
const maxFrame = 2 << 10

func (f *frames) container() string {
	return [...]string{"", "mp1", "mp2", "mp3", "adts"}[f.ref.layer]
}

func (f *frames) report(r *Report) {
	if f.ref.length == 0 {
		if r.Codec != "" && (f.ended || f.lost) {
			r.Err = undecodable("no frames in %d bytes", f.offset)
		}
		return
	}
	r.Container, r.Codec, r.Type = f.container(), f.container(), "audio/mpeg"
	if f.ref.layer == adts {
		r.Codec, r.Type = "aac", "audio/aac"
	}
	t := f.tally
	r.SampleRate, r.Channels, r.Frames = cmp.Or(t.hz, f.ref.hz), f.channels(), t.count-t.bad
	r.Seconds, r.Silent = f.trimmed(t.seconds), math.Min(t.silent, f.trimmed(t.seconds))
	if all := f.meanSeconds() * float64(t.count); all > 0 {
		r.Bitrate = int(float64(t.bytes) * 8 / all)
	}
	r.Duration, r.Declared = f.duration()
	if t.count >= enough && t.bad*2 > t.count {
		r.Err = undecodable("%d of %d frames are damaged", t.bad, t.count)
	} else if f.ended && t.count < 2 {
		r.Err = undecodable("%d frames", t.count)
	}
	if f.ended {
		r.Cut = f.cut(r.Seconds)
	}
	r.Flaws = f.flaws()
}

// enough frames to judge by.
const enough = 4

func (f *frames) channels() int { return cmp.Or(f.tally.channels, f.ref.channels) }

// meanSeconds is how long a frame lasts.
func (f *frames) meanSeconds() float64 { return float64(f.ref.samples) / float64(f.ref.hz) }

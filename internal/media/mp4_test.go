package media

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/sonde-media/sonde/internal/wire/wiretest"
)

// aacSilence is a raw data block of a channel without a spectrum.
var aacSilence = []byte{0x00, 0xC8, 0x00, 0x80, 0x23, 0x80}

// An mp4Shape is what is special about a file made for a test.
type mp4Shape struct {
	front, wide bool   // the index stands in front; mdat's size has 64 bits
	entry       string // mp4a where empty
	handler     string // soun where empty
	sample      []byte // aacSilence where nil
	extra       []byte // behind the sample entry's fields
}

const mp4Samples = 40

// be is a number of n bytes, the highest first.
func be(v uint64, n int) []byte {
	b := make([]byte, n+8)
	binary.BigEndian.PutUint64(b[n:], v)
	return b[8:]
}

// boxed is a box of some parts.
func boxed(kind string, parts ...[]byte) []byte {
	body := slices.Concat(parts...)
	return slices.Concat(be(uint64(len(body)+8), 4), []byte(kind), body)
}

// mp4File is a file of 40 samples of 1024 at 44.1 kHz in one chunk.
func mp4File(s mp4Shape) []byte {
	if s.sample == nil {
		s.sample = aacSilence
	}
	sound := slices.Repeat(s.sample, mp4Samples)
	mdat := boxed("mdat", sound)
	if s.wide {
		mdat = slices.Concat(be(1, 4), []byte("mdat"), be(uint64(len(sound)+16), 8), sound)
	}
	head := boxed("ftyp", []byte("M4A \x00\x00\x02\x00isom"))
	at := len(head) + len(mdat) - len(sound)
	if s.front {
		at += len(mp4Moov(s, 0))
		return slices.Concat(head, mp4Moov(s, at), mdat)
	}
	return slices.Concat(head, mdat, mp4Moov(s, at))
}

// mp4Moov is a moov whose samples begin at the offset at.
func mp4Moov(s mp4Shape, at int) []byte {
	sizes := []byte{}
	for range mp4Samples {
		sizes = append(sizes, be(uint64(len(s.sample)), 4)...)
	}
	stbl := boxed("stbl", mp4Entry(s),
		boxed("stts", be(1, 8), be(mp4Samples, 4), be(1024, 4)),
		boxed("stsc", be(1, 8), be(1, 4), be(mp4Samples, 4), be(1, 4)),
		boxed("stsz", be(0, 8), be(mp4Samples, 4), sizes),
		boxed("stco", be(1, 8), be(uint64(at), 4)))
	return boxed("moov", boxed("mvhd", be(0, 12), be(44100, 4), be(mp4Samples*1024, 4), be(0, 80)),
		mp4Trak(s, mp4Samples*1024, stbl))
}

func mp4Trak(s mp4Shape, duration uint64, stbl []byte) []byte {
	if s.handler == "" {
		s.handler = "soun"
	}
	return boxed("trak", boxed("tkhd", be(0, 12), be(1, 4), be(0, 68)), boxed("mdia",
		boxed("mdhd", be(0, 12), be(44100, 4), be(duration, 4), be(0, 4)),
		boxed("hdlr", be(0, 8), []byte(s.handler), be(0, 8), be(0, 5)), boxed("minf", stbl)))
}

func mp4Entry(s mp4Shape) []byte {
	if s.entry == "" {
		s.entry = "mp4a"
	}
	config := []byte{0x12, 0x08} // low complexity, 44.1 kHz, one channel
	decoder := slices.Concat([]byte{4, byte(13 + 2 + len(config)), 0x40, 0x15}, be(0, 3), be(64000, 4), be(64000, 4), []byte{5, byte(len(config))}, config)
	esds := slices.Concat([]byte{3, byte(3 + len(decoder)), 0, 0, 0}, decoder)
	return boxed("stsd", be(1, 8), boxed(s.entry, be(1, 8), be(0, 8), be(1, 2), be(16, 2), be(0, 4), be(44100<<16, 4), boxed("esds", be(0, 4), esds), s.extra))
}

// mp4Fragmented is a file of fragments of ten samples each.
func mp4Fragmented(fragments int) []byte {
	b := slices.Concat(boxed("ftyp", []byte("iso5\x00\x00\x02\x00isom")), boxed("moov",
		boxed("mvhd", be(0, 12), be(44100, 4), be(0, 4), be(0, 80)),
		mp4Trak(mp4Shape{}, 0, boxed("stbl", mp4Entry(mp4Shape{}))),
		boxed("mvex", boxed("mehd", be(0, 4), be(uint64(fragments)*10240, 4)), boxed("trex", be(0, 4), be(1, 4), be(1, 4), be(1024, 4), be(0, 8)))))
	for range fragments {
		b = append(b, mp4Fragment()...)
	}
	return b
}

func mp4Fragment() []byte {
	moof := func(offset int) []byte {
		run := slices.Concat(be(0x000201, 4), be(10, 4), be(uint64(offset), 4))
		for range 10 {
			run = append(run, be(uint64(len(aacSilence)), 4)...)
		}
		return boxed("moof", boxed("mfhd", be(1, 8)), boxed("traf", boxed("tfhd", be(0x020000, 4), be(1, 4)), boxed("trun", run)))
	}
	return append(moof(len(moof(0))+8), boxed("mdat", slices.Repeat(aacSilence, 10))...)
}

func TestMP4(t *testing.T) {
	whole := mp4Samples * 1024 / 44100.0
	noise := []byte{0x7F, 0x30, 0x11, 0x92, 0x5D}
	for _, c := range []struct {
		name    string
		b       []byte
		codec   string
		seconds float64
		bad     string // of Err
		cut     bool
	}{
		{"index behind", mp4File(mp4Shape{}), "aac", whole, "", false},
		{"index in front", mp4File(mp4Shape{front: true}), "aac", whole, "", false},
		{"size of 64 bits", mp4File(mp4Shape{wide: true}), "aac", whole, "", false},
		{"cut in the sound", without(mp4File(mp4Shape{front: true}), 14*len(aacSilence)), "aac", 0.604, "", true},
		{"cut in the index", without(mp4File(mp4Shape{}), 30), "aac", 0, "index", true},
		{"cut before the index", mp4File(mp4Shape{})[:200], "mp4", 0, "index", true},
		{"protected", mp4File(mp4Shape{entry: "enca", extra: boxed("sinf", boxed("frma", []byte("mp4a")))}), "aac", whole, "protected", false},
		{"no sound", mp4File(mp4Shape{handler: "vide"}), "", 0, "no track of sound", false},
		{"samples are something else", mp4File(mp4Shape{sample: noise}), "aac", whole, "there is no aac", false},
		{"unknown codec", mp4File(mp4Shape{entry: "Qclp"}), "qclp", whole, "", false},
		{"fragments", mp4Fragmented(5), "aac", 50 * 1024 / 44100.0, "", false},
		{"a fragment too few", mp4Fragmented(5)[:len(mp4Fragmented(4))-len(mp4Fragment())], "aac", 30 * 1024 / 44100.0, "", true},
		{"cut in a fragment", without(mp4Fragmented(5), 13), "aac", 47 * 1024 / 44100.0, "", true},
	} {
		r := reportOf(newMP4, c.b, len(c.b))
		if r.Codec != c.codec || math.Abs(r.Seconds-c.seconds) > 0.01 || (r.Cut != nil) != c.cut {
			t.Errorf("%s: got %s", c.name, sketch(r))
		}
		if (r.Err != nil) != (c.bad != "") || r.Err != nil && (!errors.Is(r.Err, ErrUndecodable) || !strings.Contains(r.Err.Error(), c.bad)) {
			t.Errorf("%s: got %v, want %q", c.name, r.Err, c.bad)
		}
		if pieces := piecesReport(newMP4, c.b, 3); sketch(pieces) != sketch(r) {
			t.Errorf("%s: in pieces got %s, want %s", c.name, sketch(pieces), sketch(r))
		}
	}
}

func without(b []byte, by int) []byte { return b[:len(b)-by] }

// By the head of a file its index is asked for, which then tells the rest.
func TestMP4Want(t *testing.T) {
	b := append(mp4File(mp4Shape{}), make([]byte, 100<<10)...) // with rubbish behind, too
	index := int64(strings.Index(string(b), "moov") - 4)
	p := newMP4(int64(len(b)))
	p.write(b[:100])
	var r Report
	if p.report(&r); r.Want != (Span{index, index + wantSize - 1}) || r.Err != nil || p.started() {
		t.Fatalf("got %s", sketch(r))
	}
	p.at(r.Want.First, b[r.Want.First:r.Want.Last+1])
	r = Report{}
	if p.report(&r); r.Codec != "aac" || !r.Declared || math.Abs(r.Duration-0.928) > 0.01 || r.Err != nil || !p.started() {
		t.Errorf("got %s", sketch(r))
	}
}

// A part from the middle of a file is held against what the index says.
func TestMP4Resumes(t *testing.T) {
	b := mp4File(mp4Shape{front: true})
	p := newMP4(int64(len(b)))
	p.write(b)
	at := len(b) - 150
	if err := p.resumes(int64(at), b[at:]); err != nil {
		t.Errorf("got %v of the file's own bytes", err)
	}
	if err := p.resumes(int64(at), []byte(strings.Repeat("<p>not here</p>", 10))); err == nil {
		t.Error("got no error of a page")
	}
}

// Segments of HLS, put together, are a fragmented file with pictures beside
// the sound.
func TestMP4Segments(t *testing.T) {
	dir := wiretest.Corpus(t, "audio/hls-androidx-fmp4")
	b := []byte{}
	for _, name := range []string{"init.mp4", "playlist0.m4s", "playlist1.m4s"} {
		b = append(b, wiretest.Read(t, dir+"/"+name)...)
	}
	r := reportOf(newMP4, b, len(b))
	if want := 45 * 1024 / 44100.0; r.Codec != "aac" || r.Frames != 45 || math.Abs(r.Seconds-want) > 0.01 || r.Err != nil || r.Cut != nil || len(r.Flaws) > 0 {
		t.Errorf("got %s", sketch(r))
	}
}

// Tables that claim what no file holds cost neither time nor memory.
func TestMP4Claims(t *testing.T) {
	b := mp4File(mp4Shape{front: true})
	wide := []byte(strings.Replace(string(b), "stco", "co64", 1))
	copy(wide[strings.Index(string(wide), "co64")+12:], "\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFF")
	if r := reportOf(newMP4, wide, len(wide)); r.Frames > 0 {
		t.Errorf("an offset past all files: got %s", sketch(r))
	}
	for _, kind := range []string{"stsz", "stco", "stsc", "stts"} {
		for _, field := range []int{4, 8, 12, 16, 20} {
			huge := slices.Clone(b)
			at := strings.Index(string(b), kind) + 4 + field
			copy(huge[at:at+4], "\xFF\xFF\xFF\xFE")
			r := reportOf(newMP4, huge, len(huge))
			if r.Frames > len(b) {
				t.Errorf("%s+%d: got %s", kind, field, sketch(r))
			}
		}
	}
}

// Where a long index stands in front, its end is asked for and then a sample.
func TestMP4LongIndex(t *testing.T) {
	dir := wiretest.Corpus(t, "audio")
	b := wiretest.Read(t, dir+"/androidx__media__large_stbl_truncated_after_moov.m4b")
	p := newMP4(103_000_000)
	p.write(b[:64<<10])
	wants := []Span{}
	var r Report
	for range 8 {
		r = Report{}
		if p.report(&r); r.Want == (Span{}) {
			break
		}
		wants = append(wants, r.Want)
		if r.Want.Last < int64(len(b)) {
			p.at(r.Want.First, b[r.Want.First:r.Want.Last+1])
		} else if r.Want.First < int64(len(b)) {
			p.at(r.Want.First, b[r.Want.First:])
		} else {
			break
		}
	}
	if len(wants) != 2 || wants[1].First != 0x10e7ae || r.Codec != "aac" || math.Abs(r.Duration-6422) > 1 || r.Err != nil {
		t.Errorf("got %v, %s", wants, sketch(r))
	}
}

// Of the index of days of sound as much is held as fits, and the rest believed.
func TestMP4Days(t *testing.T) {
	const n = 4_100_000
	sizes := bytes.Repeat(be(1, 4), n)
	head := boxed("ftyp", be(0, 8))
	moov := func(at int) []byte {
		return boxed("moov", boxed("mvhd", be(0, 12), be(44100, 4), be(0, 84)),
			mp4Trak(mp4Shape{}, n*1024, boxed("stbl", mp4Entry(mp4Shape{entry: "Qclp"}), boxed("stts", be(1, 8), be(n, 4), be(1024, 4)),
				boxed("stsc", be(1, 8), be(1, 4), be(n, 4), be(1, 4)), boxed("stsz", be(0, 8), be(n, 4), sizes), boxed("stco", be(1, 8), be(uint64(at), 4)))))
	}
	b := slices.Concat(head, moov(len(head)+len(moov(0))+8), boxed("mdat", make([]byte, n)))
	m := newMP4(int64(len(b))).(*mp4)
	for piece := range slices.Chunk(b, 32<<10) {
		m.write(piece)
	}
	m.end()
	var r Report
	if m.report(&r); m.held > tablesMax || math.Abs(r.Seconds-n*1024/44100.0) > 1 || len(r.Flaws) != 1 || r.Err != nil || r.Cut != nil {
		t.Errorf("held %d, got %s", m.held, sketch(r))
	}
}

// Sample entries of AC-3 say two channels, whatever there are.
func TestMP4Dolby(t *testing.T) {
	for _, c := range []struct {
		kind, box string
		want      int
	}{
		{"dac3", "\x10\x3d\xc0", 6},         // 3/2 and a subwoofer, 448 kbit/s
		{"dac3", "\x10\x08\x80", 1},         // 1/0
		{"dec3", "\x0e\x00\x20\x0f\x00", 6}, // 3/2 and a subwoofer
		{"dec3", "\x0e\x00\x20\x04\x00", 2}, // 2/0
		{"dec3", "\x0e", 2},                 // too short to tell
	} {
		s := sampleKind{channels: 2}
		if s.extension(c.kind, []byte(c.box), 0); s.channels != c.want {
			t.Errorf("%s %x: got %d channels, want %d", c.kind, c.box, s.channels, c.want)
		}
	}
}

// By the head of a file whose mdat reaches to its end or past it, there is no
// room left for an index.
func TestMP4WithoutIndex(t *testing.T) {
	shape := mp4Shape{sample: append(slices.Clone(aacSilence), make([]byte, 500)...)}
	file := mp4File(shape)
	before := len(file) - len(mp4Moov(shape, 0))
	for name, c := range map[string]struct {
		size int
		bad  bool
	}{
		"whole": {len(file), false}, "cut before the index": {before, true}, "cut in half": {before / 2, true},
	} {
		s := NewScanner(int64(c.size))
		s.Write(file[:8000])
		r := s.Report()
		if bad := errors.Is(r.Err, ErrUndecodable); bad != c.bad || bad == (r.Want != Span{}) {
			t.Errorf("%s: got %v, want %+v", name, r.Err, r.Want)
		}
	}
}

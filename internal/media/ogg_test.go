package media

import (
	"encoding/binary"
	"math"
	"slices"
	"strings"
	"testing"
)

// le is a number of n bytes, the lowest first.
func le(v uint64, n int) []byte {
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], v)
	return b[:n]
}

// oggPageOf is a page of short packets.
func oggPageOf(flags byte, granule, serial, number uint64, packets ...[]byte) []byte {
	segments := []byte{}
	for _, p := range packets {
		segments = append(segments, byte(len(p)))
	}
	b := slices.Concat([]byte("OggS\x00"), []byte{flags}, le(granule, 8), le(serial, 4), le(number, 4), le(0, 4),
		[]byte{byte(len(segments))}, segments, slices.Concat(packets...))
	copy(b[22:], le(uint64(oggSum(b)), 4))
	return b
}

const opusSkip = 312

// oggFile is Opus: pages of ten silent packets of 20 ms.
func oggFile(serial uint64, pages int) []byte {
	head := slices.Concat([]byte("OpusHead\x01\x02"), le(opusSkip, 2), le(44100, 4), le(0, 3))
	b := append(oggPageOf(2, 0, serial, 0, head), oggPageOf(0, 0, serial, 1, []byte("OpusTags\x00\x00\x00\x00\x00\x00\x00\x00"))...)
	for i := range pages {
		flags := byte(0)
		if i == pages-1 {
			flags = 4
		}
		b = append(b, oggPageOf(flags, uint64(i+1)*9600, serial, uint64(i)+2, slices.Repeat([][]byte{{0xFC, 0xFF, 0xFE}}, 10)...)...)
	}
	return b
}

func TestOgg(t *testing.T) {
	file := oggFile(7, 20)
	page := len(oggPageOf(0, 0, 0, 0, slices.Repeat([][]byte{{0xFC, 0xFF, 0xFE}}, 10)...))
	seconds := func(packets int) float64 { return float64(packets)*0.02 - opusSkip/48000.0 }
	damaged := slices.Clone(file)
	damaged[len(file)-10*page+60] ^= 1
	for _, c := range []struct {
		name     string
		b        []byte
		seconds  float64
		bad, cut bool
		flaw     string
	}{
		{"whole", file, seconds(200), false, false, ""},
		{"two links", slices.Concat(file, oggFile(8, 10)), seconds(200) + seconds(100), false, false, ""},
		{"two links of one serial", slices.Concat(file, oggFile(7, 10)), seconds(200) + seconds(100), false, false, ""},
		{"a page damaged", damaged, seconds(190), false, false, "checksum"},
		{"a page missing", slices.Concat(file[:len(file)-5*page], file[len(file)-4*page:]), seconds(190), false, false, "missing"},
		{"no last page", without(file, page), seconds(190), false, false, "last"},
		{"cut in a page", without(file, 5), seconds(190), false, true, "last"},
		{"garbage between", slices.Concat(file[:len(file)-page], []byte("garbage"), file[len(file)-page:]), seconds(200), false, false, "between"},
		{"no sound", oggPageOf(6, 0, 1, 0, []byte("\x80theora")), 0, true, false, ""},
		{"headers alone", file[:len(file)-20*page], 0, true, false, "last"},
	} {
		r := reportOf(newOgg, c.b, len(c.b))
		if math.Abs(r.Seconds-c.seconds) > 0.001 || (r.Err != nil) != c.bad || (r.Cut != nil) != c.cut || !strings.Contains(strings.Join(r.Flaws, "; "), c.flaw) || c.flaw == "" && len(r.Flaws) > 0 {
			t.Errorf("%s: got %s, want %.3f s", c.name, sketch(r), c.seconds)
		}
		if pieces := piecesReport(newOgg, c.b, 11); sketch(pieces) != sketch(r) {
			t.Errorf("%s: in pieces got %s, want %s", c.name, sketch(pieces), sketch(r))
		}
	}
}

// The last page tells how long a file is of which only the head is there.
func TestOggTail(t *testing.T) {
	b := oggFile(7, 3000)
	p := newOgg(int64(len(b)))
	p.write(b[:5000])
	var r Report
	if p.report(&r); r.Want != (Span{int64(len(b)) - wantSize, int64(len(b)) - 1}) {
		t.Fatalf("got %s", sketch(r))
	}
	p.at(r.Want.First, b[r.Want.First:])
	r = Report{}
	if p.report(&r); math.Abs(r.Duration-600+opusSkip/48000.0) > 0.001 || !r.Declared || r.Want != (Span{}) {
		t.Errorf("got %s", sketch(r))
	}
	if err := p.resumes(9000, b[9000:20000]); err != nil {
		t.Errorf("got %v of the file's own bytes", err)
	}
	if err := p.resumes(9000, make([]byte, 80<<10)); err == nil {
		t.Error("got no error of zeros")
	}
}

func TestOpusPacket(t *testing.T) {
	for _, c := range []struct {
		name    string
		p       []byte
		samples int64
		ok      bool
	}{
		{"nothing", nil, 0, false},
		{"one frame", []byte{0xFC, 1, 2}, 960, true},
		{"two frames of one size", []byte{0xFD, 1, 2}, 1920, true},
		{"two frames of one size, one byte off", []byte{0xFD, 1, 2, 3}, 1920, false},
		{"two frames", []byte{0xFE, 1, 2, 3}, 1920, true},
		{"two frames, the first too long", []byte{0xFE, 9, 2, 3}, 1920, false},
		{"no frames", []byte{0xFF, 0}, 0, false},
		{"more than 120 ms", []byte{0xFF, 7, 1, 1, 1, 1, 1, 1, 1}, 6720, false},
		{"three frames and padding", []byte{0xFF, 0x43, 2, 1, 1, 1, 0, 0}, 2880, true},
		{"three frames, the lengths too large", []byte{0xFF, 0x83, 200, 1, 1}, 2880, false},
	} {
		if n, ok := opusPacket(c.p, len(c.p)); n != c.samples || ok != c.ok {
			t.Errorf("%s: got %d, %v, want %d, %v", c.name, n, ok, c.samples, c.ok)
		}
	}
}

// Without its comment header nothing of Opus decodes (RFC 7845 §3): it may lie in
// several pages, any of which may be damaged.
func TestOggLostHeaders(t *testing.T) {
	long := func(flags byte, number uint64, p []byte, end bool) []byte {
		b := slices.Concat([]byte("OggS\x00"), []byte{flags}, le(1<<64-1, 8), le(7, 4), le(number, 4), le(0, 4), []byte{1}, []byte{255}, p)
		if end {
			b[oggHeader] = byte(len(p))
		}
		copy(b[22:], le(uint64(oggSum(b)), 4))
		return b
	}
	file := oggFile(7, 0)
	head := file[:len(file)-len(oggPageOf(0, 0, 7, 1, []byte("OpusTags\x00\x00\x00\x00\x00\x00\x00\x00")))]
	part := make([]byte, 255)
	pages := [][]byte{long(0, 1, append([]byte("OpusTags"), part[8:]...), false), long(1, 2, part, false), long(1, 3, part, false), long(1, 4, part[:9], true)}
	sound := []byte{}
	for i := range 10 {
		sound = append(sound, oggPageOf(byte(i/9*4), uint64(i+1)*960, 7, uint64(i)+5, []byte{0xFC, 0xFF, 0xFE})...)
	}
	whole := slices.Concat(head, slices.Concat(pages...), sound)
	if r := reportOf(newOgg, whole, len(whole)); r.Err != nil || r.Frames != 10 || len(r.Flaws) > 0 {
		t.Errorf("whole: got %s", sketch(r))
	}
	for i := range pages {
		damaged := slices.Clone(pages)
		damaged[i] = slices.Clone(pages[i])
		damaged[i][oggHeader+5] ^= 1
		b := slices.Concat(head, slices.Concat(damaged...), sound)
		if r := reportOf(newOgg, b, len(b)); r.Err == nil || r.Frames != 0 {
			t.Errorf("page %d damaged: got %s", i, sketch(r))
		}
		if r := reportOf(newOgg, append(b, oggFile(8, 10)...), len(b)+len(oggFile(8, 10))); r.Err != nil || r.Frames != 100 {
			t.Errorf("page %d damaged, another link behind: got %s", i, sketch(r))
		}
	}
}

// How long a chain is its last page doesn't tell.
func TestOggChainHead(t *testing.T) {
	b := slices.Concat(oggFile(7, 3000), oggFile(8, 3000))
	p := newOgg(int64(len(b)))
	p.write(b[:5000])
	var r Report
	p.report(&r)
	p.at(r.Want.First, b[r.Want.First:])
	r = Report{}
	if p.report(&r); r.Duration != 0 || r.Declared || r.Want != (Span{}) {
		t.Errorf("got %s", sketch(r))
	}
}

func TestOggFLACSilence(t *testing.T) {
	for value, silent := range map[uint16]float64{0: 10 * 4096 / 44100.0, 1000: 0} {
		b := oggPageOf(2, 0, 7, 0, slices.Concat([]byte("\x7FFLAC\x01\x00\x00\x00"), flacHead(40960, 0)[:42]))
		for i := range 10 {
			b = append(b, oggPageOf(byte(i/9*4), uint64(i+1)*4096, 7, uint64(i)+1, flacFrames(1, value))...)
		}
		if r := reportOf(newOgg, b, len(b)); r.Codec != "flac" || r.Frames != 10 || !near(r.Silent, silent) || !near(r.Seconds, 40960/44100.0) {
			t.Errorf("%d: got %s", value, sketch(r))
		}
	}
}

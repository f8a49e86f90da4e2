package media

import (
	"math"
	"slices"
	"testing"
)

// stsd is a description of stereo sound of so many bits, in QuickTime's version
// of it, with what a version adds.
func stsd(kind string, version, bits uint64, added ...[]byte) []byte {
	return slices.Concat(be(1, 8), boxed(kind, be(1, 8), be(version, 2), be(0, 6), be(2, 2), be(bits, 2), be(0, 4), be(44100<<16, 4), slices.Concat(added...)))
}

func TestMP4PCM(t *testing.T) {
	little := boxed("wave", boxed("frma", []byte("in24")), boxed("enda", be(1, 2)))
	second := func(flags uint64) []byte {
		return slices.Concat(be(72, 4), be(math.Float64bits(96000), 8), be(6, 4), be(0x7F000000, 4), be(24, 4), be(flags, 4), be(18, 4), be(1, 4))
	}
	first := slices.Concat(be(1, 4), be(3, 4), be(6, 4), be(2, 4))
	for _, c := range []struct {
		name   string
		stsd   []byte
		codec  string
		hz     int
		packet int64
	}{
		{"sowt", stsd("sowt", 0, 16), "pcm_s16le", 44100, 4},
		{"twos of eight bits", stsd("twos", 0, 8), "pcm_s8", 44100, 2},
		{"raw", stsd("raw ", 0, 8), "pcm_u8", 44100, 2},
		{"raw of sixteen bits", stsd("raw ", 0, 16), "pcm_s16be", 44100, 4},
		{"in24", stsd("in24", 1, 16, first), "pcm_s24be", 44100, 6},
		{"in24, lowest byte first", stsd("in24", 1, 16, first, little), "pcm_s24le", 44100, 6},
		{"fl32, lowest byte first", stsd("fl32", 0, 16, boxed("wave", boxed("enda", be(1, 2)))), "pcm_f32le", 44100, 8},
		{"lpcm", stsd("lpcm", 2, 16, second(4)), "pcm_s24le", 96000, 18},
		{"lpcm, highest byte first", stsd("lpcm", 2, 16, second(6)), "pcm_s24be", 96000, 18},
		{"ipcm", stsd("ipcm", 0, 16, boxed("pcmC", be(0, 4), be(1, 1), be(24, 1))), "pcm_s24le", 44100, 6},
		{"fpcm", stsd("fpcm", 0, 16, boxed("pcmC", be(0, 4), be(0, 1), be(32, 1))), "pcm_f32be", 44100, 8},
		{"a-law", stsd("alaw", 0, 16), "pcm_alaw", 44100, 2},
		{"ima4", stsd("ima4", 0, 16), "adpcm_ima_qt", 44100, 0},
		{"agsm", stsd("agsm", 0, 16), "gsm", 44100, 0},
	} {
		if s := soundOf(c.stsd); s.codec != c.codec || s.hz != c.hz || s.packet != c.packet {
			t.Errorf("%s: got %s of %d Hz, %d bytes, want %s of %d Hz, %d bytes", c.name, s.codec, s.hz, s.packet, c.codec, c.hz, c.packet)
		}
	}
}

// Where fragments follow, an index with samples tells of those alone.
func TestMP4FragmentsFollow(t *testing.T) {
	whole := mp4File(mp4Shape{front: true})
	shape := func(extra ...[]byte) []byte {
		head := boxed("ftyp", []byte("M4A \x00\x00\x02\x00isom"))
		moov := func(at int) []byte {
			b := mp4Moov(mp4Shape{sample: aacSilence}, at)
			return boxed("moov", b[8:], boxed("mvex", slices.Concat(extra...), boxed("trex", be(0, 4), be(1, 4), be(1, 4), be(1024, 4), be(0, 8))))
		}
		b := slices.Concat(head, moov(len(head)+len(moov(0))+8), boxed("mdat", slices.Repeat(aacSilence, mp4Samples)))
		for range 36 {
			b = append(b, mp4Fragment()...)
		}
		return b
	}
	const first, all = mp4Samples * 1024 / 44100.0, 400 * 1024 / 44100.0
	for name, c := range map[string]struct {
		b        []byte
		least    float64
		most     float64
		declared bool
	}{
		"no fragments": {whole, first, first, true},
		"stated":       {shape(boxed("mehd", be(0, 4), be(400*1024, 4))), all, all, true},
		"made likely":  {shape(), all * 0.7, all * 1.5, false},
	} {
		p := newMP4(int64(len(c.b)))
		p.write(c.b[:min(len(c.b), 1500)])
		var r Report
		if p.report(&r); r.Duration < c.least-0.001 || r.Duration > c.most+0.001 || r.Declared != c.declared {
			t.Errorf("%s: got %s, want %.3f to %.3f s", name, sketch(r), c.least, c.most)
		}
	}
	b := shape()
	if r := reportOf(newMP4, b, len(b)); !near(r.Seconds, all) || !near(r.Duration, all) || r.Cut != nil {
		t.Errorf("got %s", sketch(r))
	}
}

// A FLAC frame whose checksum misses isn't sound; one of zeros is silence.
func TestMP4FLAC(t *testing.T) {
	sound := flacFrames(1, 1000)
	info := flacInfoOf(flacHead(0, 0)[8:])
	if l := lookFLAC(sound, info); !l.ok || l.lost || l.silent {
		t.Errorf("got %+v", l)
	}
	if l := lookFLAC(flacFrames(1, 0), info); !l.ok || !l.silent {
		t.Errorf("silence: got %+v", l)
	}
	sound[8] ^= 1
	if l := lookFLAC(sound, info); l.ok || !l.lost {
		t.Errorf("damaged: got %+v", l)
	}
	if l := lookFLAC(sound, flacInfo{}); !l.ok {
		t.Errorf("nothing known: got %+v", l)
	}
}

package media

import (
	"bytes"
	"encoding/binary"
	"errors"
	"testing"
)

// wave is a file of so many bytes a sample, 8 kHz, mono, that states its samples
// to be so many bytes.
func wave(tag, bits int, stated uint32, data []byte) []byte {
	le := binary.LittleEndian
	b := append([]byte("RIFF\x00\x00\x00\x00WAVELIST\x03\x00\x00\x00abc\x00fmt \x10\x00\x00\x00"), byte(tag), byte(tag>>8), 1, 0)
	b = le.AppendUint32(b, 8000)
	b = le.AppendUint32(b, uint32(8000*bits/8))
	b = le.AppendUint16(b, uint16(bits/8))
	b = le.AppendUint16(b, uint16(bits))
	b = le.AppendUint32(append(b, "data"...), stated)
	return append(b, data...)
}

func TestWAV(t *testing.T) {
	loud, zero := bytes.Repeat([]byte{1, 2}, 16384), make([]byte, 32768)
	for _, c := range []struct {
		name   string
		r      Report
		codec  string
		silent float64
	}{
		{"sixteen bits", scanned(wave(1, 16, 32768, loud)), "pcm_s16le", 0},
		{"silence", scanned(wave(1, 16, 32768, zero)), "pcm_s16le", 2.048},
		{"half of it silence", scanned(wave(1, 16, 32768, append(loud[:16384:16384], zero[:16384]...))), "pcm_s16le", 1.024},
		{"of unknown length", scanned(wave(1, 16, 0, loud)), "pcm_s16le", 0},
		{"written as sent", scanned(wave(1, 16, 0xFFFFFFFF, loud)), "pcm_s16le", 0},
		{"floats", scanned(wave(3, 32, 65536, append(loud, zero...))), "pcm_f32le", 1.024},
		{"a-law silence", scanned(wave(6, 8, 16384, bytes.Repeat([]byte{0xD5}, 16384))), "pcm_alaw", 2.048},
		{"a chunk behind", scanned(wave(1, 16, 32768, append(loud[:32768:32768], "LIST\x04\x00\x00\x00abcd"...))), "pcm_s16le", 0},
	} {
		r := c.r
		if r.Codec != c.codec || r.Container != "wav" || r.Err != nil || r.Cut != nil || !near(r.Seconds, 2.048) || !near(r.Duration, 2.048) || !near(r.Silent, c.silent) {
			t.Errorf("%s: got %s", c.name, text(r))
		}
	}
	if r := scanned(wave(1, 16, 160_000, loud)); r.Cut == nil || r.Cut.Error() != "audio ends at 2.0 s of 10.0 s" {
		t.Errorf("cut: got %s", text(r))
	}
	if r := scanned(wave(1, 16, 0, nil)); !errors.Is(r.Err, ErrUndecodable) {
		t.Errorf("without samples: got %s", text(r))
	}
	if r := scanned(wave(0x55, 0, 41700, bytes.Repeat(mp3Frame(), 100))); r.Codec != "mp3" || r.Container != "wav" || r.Frames != 100 {
		t.Errorf("mp3: got %s", text(r))
	}
}

func TestAIFF(t *testing.T) {
	head := "FORM\x00\x00\x00\x00AIFFCOMM\x00\x00\x00\x12\x00\x02\x00\x00\x10\x00\x00\x10\x40\x0E\xAC\x44\x00\x00\x00\x00\x00\x00"
	data := bytes.Repeat([]byte{1, 2, 3, 4}, 44100)
	b := binary.BigEndian.AppendUint32([]byte(head+"SSND"), uint32(len(data)+8))
	r := scanned(append(b, make([]byte, 8)...), data)
	if r.Codec != "pcm_s16be" || r.SampleRate != 44100 || r.Channels != 2 || !near(r.Seconds, 1) || r.Err != nil || r.Cut != nil {
		t.Errorf("got %s", text(r))
	}
}

// A file that was written as it was sent says to be about as long as can be.
func TestWAVPlaceholders(t *testing.T) {
	for _, stated := range []uint32{0, 0x7FFFF000, 0x7FFFFFDB, 0x7FFFFFFF, 0x80000000, 0xFFFFFFDB, 0xFFFFFFFF} {
		r := scanned(wave(1, 16, stated, bytes.Repeat([]byte{1, 2}, 16384)))
		if r.Cut != nil || r.Declared || !near(r.Duration, 2.048) {
			t.Errorf("%#x: got %s", stated, text(r))
		}
	}
	if r := scanned(wave(1, 16, 0x70000000, make([]byte, 100))); r.Cut == nil {
		t.Errorf("cut: got %s", text(r))
	}
}

// Formats whose frames aren't read take so many bytes a second.
func TestWAVSqueezed(t *testing.T) {
	squeezed := func(tag, bits int, second, fact uint32) []byte {
		b := wave(tag, bits, 8000, noise(8000))
		i := bytes.Index(b, []byte("fmt "))
		binary.LittleEndian.PutUint32(b[i+16:], second)
		if fact > 0 {
			at := bytes.Index(b, []byte("data"))
			b = append(b[:at:at], append(binary.LittleEndian.AppendUint32([]byte("fact\x04\x00\x00\x00"), fact), b[at:]...)...)
		}
		return b
	}
	for _, c := range []struct {
		name    string
		b       []byte
		codec   string
		seconds float64
		bitrate int
	}{
		{"by the bits of a sample", squeezed(0x20, 4, 5000, 0), "adpcm_yamaha", 2, 32000},
		{"by the bits that are stated", squeezed(0x45, 2, 2000, 0), "adpcm_g726", 4, 16000},
		{"by the bytes of a second", squeezed(0x161, 16, 2000, 0), "wmav2", 4, 16000},
		{"by the samples", squeezed(0x161, 16, 2000, 40000), "wmav2", 5, 12800},
		{"by samples that can't be", squeezed(0x161, 16, 2000, 1), "wmav2", 4, 16000},
	} {
		if r := scanned(c.b); r.Codec != c.codec || !near(r.Seconds, c.seconds) || !near(r.Duration, c.seconds) || r.Bitrate != c.bitrate || r.Err != nil || len(r.Flaws) > 0 {
			t.Errorf("%s: got %s", c.name, text(r))
		}
	}
	if r := scanned(squeezed(0x7777, 4, 1000, 0)); r.Codec != "wav" || len(r.Flaws) != 1 || r.Frames != 0 {
		t.Errorf("unknown: got %s", text(r))
	}
	if r := scanned(wave(0x161, 16, 0, nil)); r.Err == nil {
		t.Errorf("nothing: got %s", text(r))
	}
}

func TestAU(t *testing.T) {
	au := func(size, encoding, hz, channels uint64, data []byte) []byte {
		return append([]byte(".snd"), bytes.Join([][]byte{be(28, 4), be(size, 4), be(encoding, 4), be(hz, 4), be(channels, 4), be(0, 4), data}, nil)...)
	}
	for _, c := range []struct {
		name  string
		b     []byte
		codec string
		cut   bool
	}{
		{"sixteen bits", au(32000, 3, 8000, 2, noise(32000)), "pcm_s16be", false},
		{"of unknown length", au(0xFFFFFFFF, 3, 8000, 2, noise(32000)), "pcm_s16be", false},
		{"mu-law", au(8000, 1, 8000, 1, noise(8000)), "pcm_mulaw", false},
		{"four bits", au(4000, 23, 8000, 1, noise(4000)), "adpcm_g726", false},
		{"cut", au(64000, 1, 8000, 1, noise(8000)), "pcm_mulaw", true},
	} {
		r := scanned(c.b)
		if want := float64(len(c.b)-28) / 8000 / map[string]float64{"pcm_s16be": 4, "pcm_mulaw": 1, "adpcm_g726": 0.5}[c.codec]; r.Codec != c.codec ||
			r.Container != "au" || !near(r.Seconds, want) || (r.Cut != nil) != c.cut || r.Err != nil || r.Silent != 0 {
			t.Errorf("%s: got %s, want %.3f s", c.name, text(r), want)
		}
	}
	if r := scanned(au(100, 99, 8000, 1, noise(100))); r.Frames != 0 || len(r.Flaws) != 1 {
		t.Errorf("unknown: got %s", text(r))
	}
	if r := scanned([]byte(".snd\x00\x00\x00\x18\x00\x00")); r.Err == nil {
		t.Errorf("cut in its header: got %s", text(r))
	}
}

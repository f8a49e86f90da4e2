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
	b := append([]byte("RIFF\x00\x00\x00\x00WAVELIST\x03\x00\x00\x00abc\x00fmt \x10\x00\x00\x00"), byte(tag), 0, 1, 0)
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

package media

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"testing"
)

func TestScannerChunks(t *testing.T) {
	all := bytes.Join([][]byte{id3(9000), xingFrame(30), bytes.Repeat(mp3Frame(), 20), noise(300), bytes.Repeat(mp3Frame(), 10)}, nil)
	for _, size := range []int{1, 7, 4096, 10_000} {
		if d := differs(all, chunks(all, size)); d != "" {
			t.Errorf("%d bytes at a time: %s", size, d)
		}
	}
}

func chunks(b []byte, size int) (parts [][]byte) {
	for len(b) > 0 {
		n := min(size, len(b))
		parts, b = append(parts, b[:n]), b[n:]
	}
	return parts
}

// A report can be asked for at any time, and a scanner used when all is over.
func TestScannerAnyTime(t *testing.T) {
	s := NewScanner(-1)
	if r := s.Report(); r.Codec != "" || r.Frames != 0 || s.Started() {
		t.Errorf("nothing: got %s", text(r))
	}
	s.Write(mp3Frame()[:100])
	if r := s.Report(); r.Err != nil {
		t.Errorf("part of a frame: got %s", text(r))
	}
	s.Write(bytes.Repeat(mp3Frame(), 30)[100:])
	if r := s.Report(); r.Frames != 29 && r.Frames != 30 || !s.Started() {
		t.Errorf("frames: got %s", text(r))
	}
	s.End()
	s.End()
	s.At(10, []byte("x"))
	if r := s.Report(); r.Frames != 30 {
		t.Errorf("ended: got %s", text(r))
	}
	if err := (Report{}).Resumes(0, nil); err != nil {
		t.Error(err)
	}
}

// FuzzScanner holds all parsers to what no bytes may do to them: a panic, a report
// that depends on how the bytes came, or more sound than they can hold.
func FuzzScanner(f *testing.F) {
	for _, b := range [][]byte{
		bytes.Repeat(mp3Frame(), 5), append(id3(20), xingFrame(10)...), bytes.Repeat(adtsFrame(), 5),
		append(flacHead(8192, 5), flacFrames(3, 0)...), wave(1, 16, 100, make([]byte, 100)), wave(0x55, 0, 900, bytes.Repeat(mp3Frame(), 3)),
		[]byte(".snd\x00\x00\x00\x18\xff\xff\xff\xff\x00\x00\x00\x03\x00\x00\x1f\x40\x00\x00\x00\x02abcd"),
		wave(0x161, 16, 100, make([]byte, 100)), []byte("APETAGEX\xd0\x07\x00\x00\x20\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\xa0"),
		[]byte("OggS\x00\x02"), []byte("\x00\x00\x00\x18ftypM4A "), []byte("\x1aE\xdf\xa3"), []byte("#!AMR\n"),
	} {
		f.Add(b, uint16(7))
	}
	f.Fuzz(func(t *testing.T, b []byte, size uint16) {
		if d := differs(b, chunks(b, int(size)+1)); d != "" {
			t.Fatal(d)
		}
		s := NewScanner(int64(len(b)))
		s.Write(b)
		s.At(int64(size), b)
		early := s.Report()
		early.Resumes(int64(size), b)
		r := scanned(b)
		if err := plausible(r, len(b)); err != nil {
			t.Fatalf("%v: %s", err, text(r))
		}
	})
}

// plausible is what is wrong with the figures of a report of n bytes.
func plausible(r Report, n int) error {
	for _, v := range []float64{r.Seconds, r.Silent, r.Duration} {
		if math.IsNaN(v) || math.IsInf(v, 0) || v < 0 {
			return fmt.Errorf("%v isn't a time", v)
		}
	}
	switch r.Container {
	case "mp1", "mp2", "mp3", "adts", "flac", "wav", "aiff": // others state how long their packets last
		if r.Seconds > 10*float64(n) {
			return fmt.Errorf("%v s in %d bytes", r.Seconds, n)
		}
	}
	if r.Silent > r.Seconds+1e-6 || len(r.Flaws) > 20 || r.Bitrate < 0 || r.Frames < 0 {
		return fmt.Errorf("figures that can't be")
	}
	return nil
}

func BenchmarkScanner(b *testing.B) {
	body := noise(400)
	mp3, adts := mp3Frame(), append([]byte{0xFF, 0xF1, 0x50, 0x80, 0x32, 0xDF, 0xFC}, append([]byte{0x21, 0x10, 0x04, 0x60, 0x8C, 0x1C}, body[:393]...)...)
	copy(mp3[36:], body)
	frame := append([]byte{0xFF, 0xF8, 0xC9, 0x18, 0}, 0)
	frame[5] = crc8of(frame[:5])
	frame = append(append(frame, 2, 0, 0), bytes.Repeat(body, 25)...)
	frame = binary.BigEndian.AppendUint16(frame, crc16of(0, frame))
	for name, all := range map[string][]byte{
		"mp3":     bytes.Repeat(mp3, 10_000),
		"adts":    bytes.Repeat(adts, 10_000),
		"flac":    append(flacHead(0, 0), bytes.Repeat(frame, 400)...),
		"wav":     wave(1, 16, 0, noise(4_000_000)),
		"garbage": noise(1_000_000),
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(all)))
			b.ReportAllocs()
			for b.Loop() {
				s := NewScanner(int64(len(all)))
				for _, p := range chunks(all, 32<<10) {
					s.Write(p)
				}
				s.End()
				if r := s.Report(); name != "garbage" && r.Err != nil {
					b.Fatal(text(r))
				}
			}
		})
	}
}

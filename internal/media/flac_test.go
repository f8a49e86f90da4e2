package media

import (
	"bytes"
	"encoding/binary"
	"errors"
	"testing"
)

// flacHead is a file's beginning: 44.1 kHz, stereo, 16 bits, so many samples, and
// a picture of n bytes.
func flacHead(samples int64, n int) []byte {
	info := make([]byte, 34)
	binary.BigEndian.PutUint64(info[10:], 44100<<44|1<<41|15<<36|uint64(samples))
	b := append([]byte("fLaC\x00\x00\x00\x22"), info...)
	b = append(b, 0x86, byte(n>>16), byte(n>>8), byte(n))
	return append(b, make([]byte, n)...)
}

// flacFrames are n frames of 4096 samples whose channels are constant.
func flacFrames(n int, value uint16) (all []byte) {
	for i := range n {
		b := []byte{0xFF, 0xF8, 0xC9, 0x18, byte(i & 127)}
		b = append(b, crc8of(b))
		b = append(b, 0, byte(value>>8), byte(value), 0, byte(value>>8), byte(value))
		all = append(all, binary.BigEndian.AppendUint16(b, crc16of(0, b))...)
	}
	return all
}

func TestFLAC(t *testing.T) {
	const seconds = 100 * 4096 / 44100.0
	sound, silence := flacFrames(100, 1000), flacFrames(100, 0)
	for name, r := range map[string]Report{
		"whole":              scanned(flacHead(409600, 10), sound),
		"of unknown length":  scanned(flacHead(0, 10), sound),
		"behind a picture":   scanned(flacHead(409600, 300_000), sound),
		"behind an ID3 tag":  scanned(id3(5000), flacHead(409600, 10), sound),
		"with a tag at end":  scanned(flacHead(409600, 10), sound, append([]byte("TAG"), make([]byte, 125)...)),
		"garbage in between": scanned(flacHead(409600, 10), make([]byte, 100), sound),
	} {
		if r.Codec != "flac" || r.Err != nil || r.Cut != nil || r.Frames != 100 || !near(r.Seconds, seconds) || !near(r.Duration, seconds) || r.Silent != 0 {
			t.Errorf("%s: got %s", name, text(r))
		}
	}
	if r := scanned(flacHead(409600, 10), silence); !near(r.Silent, seconds) {
		t.Errorf("silence: got %s", text(r))
	}
	if r := scanned(flacHead(409600, 10), sound[:700]); r.Cut == nil || r.Cut.Error() != "audio ends at 4.6 s of 9.3 s" || r.Err != nil {
		t.Errorf("cut: got %s", text(r))
	}
	if r := scanned(flacHead(0, 10), sound[:705]); r.Cut == nil || r.Cut.Error() != "audio ends inside a frame, at 4.6 s" {
		t.Errorf("cut inside a frame: got %s", text(r))
	}
	sound[140+10] ^= 1 // in the eleventh
	if r := scanned(flacHead(409600, 10), sound); r.Frames != 99 || len(r.Flaws) != 1 || r.Cut != nil {
		t.Errorf("damaged: got %s", text(r))
	}
	if r := scanned(flacHead(409600, 10), noise(100_000)); !errors.Is(r.Err, ErrUndecodable) {
		t.Errorf("noise: got %s", text(r))
	}
}

func TestFLACResumes(t *testing.T) {
	sound := flacFrames(100, 1000)
	r := scanned(flacHead(409600, 10), sound)
	if err := r.Resumes(500, sound[457:1000]); err != nil {
		t.Error(err)
	}
	if err := r.Resumes(500, bytes.Repeat([]byte{1}, 40_000)); err == nil {
		t.Error("bytes that are no frames resume")
	}
}

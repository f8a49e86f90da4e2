package media

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
)

// mp3Frame is a frame of digital silence: 128 kbit/s, 44.1 kHz, stereo, 417 bytes
// and 1152 samples.
func mp3Frame() []byte {
	return append([]byte{0xFF, 0xFB, 0x90, 0x00}, make([]byte, 413)...)
}

// xingFrame is a first frame that tells of so many frames behind it.
func xingFrame(frames int) []byte {
	b := mp3Frame()
	copy(b[36:], "Xing\x00\x00\x00\x03")
	binary.BigEndian.PutUint32(b[44:], uint32(frames))
	binary.BigEndian.PutUint32(b[48:], uint32(417*(frames+1)))
	return b
}

// id3 is an ID3v2 tag of n bytes and its header.
func id3(n int) []byte {
	size := []byte{byte(n >> 21 & 127), byte(n >> 14 & 127), byte(n >> 7 & 127), byte(n & 127)}
	return append(append([]byte("ID3\x04\x00\x00"), size...), make([]byte, n)...)
}

// noise is n bytes that mean nothing, the same each time.
func noise(n int) []byte {
	b, r := make([]byte, n), rand.New(rand.NewPCG(1, 2))
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

// scanned is the report of a whole file.
func scanned(parts ...[]byte) Report {
	b := bytes.Join(parts, nil)
	s := NewScanner(int64(len(b)))
	s.Write(b)
	s.End()
	return s.Report()
}

func near(a, b float64) bool { return math.Abs(a-b) < 0.001 }

func TestMP3(t *testing.T) {
	sound := bytes.Repeat(mp3Frame(), 100)
	const seconds = 100 * 1152.0 / 44100
	ape := append([]byte("APETAGEX\xd0\x07\x00\x00\x20\x00\x00\x00"), make([]byte, 16)...)
	for _, c := range []struct {
		name  string
		r     Report
		flaws string
	}{
		{"frames alone", scanned(sound), ""},
		{"a tag in front", scanned(id3(100_000), sound), ""},
		{"several tags in front", scanned(id3(20), id3(5000), sound), ""},
		{"tags behind", scanned(sound, ape, append([]byte("TAG"), make([]byte, 125)...)), ""},
		{"lyrics behind", scanned(sound, []byte("LYRICSBEGINLYR00004 la 000023LYRICS200"), append([]byte("TAG"), make([]byte, 125)...)), ""},
		{"a tag in the middle", scanned(sound[:417*50], id3(100), sound[417*50:]), ""},
		{"garbage in front", scanned(bytes.Repeat([]byte{0xDE, 0xAD}, 50_000), sound), "100000 bytes that are neither frames nor tags, in 1 place"},
		{"garbage in the middle", scanned(sound[:417*50], noise(1000), sound[417*50:]), "1000 bytes that are neither frames nor tags, in 1 place"},
	} {
		r := c.r
		if r.Codec != "mp3" || r.Err != nil || r.Cut != nil || !near(r.Seconds, seconds) || !near(r.Duration, seconds) || r.Frames != 100 {
			t.Errorf("%s: got %s", c.name, text(r))
		}
		if r.SampleRate != 44100 || r.Channels != 2 || r.Bitrate/1000 != 127 || r.Silent < seconds*0.98 {
			t.Errorf("%s: got %s", c.name, text(r))
		}
		if got := strings.Join(r.Flaws, ", "); got != c.flaws {
			t.Errorf("%s: got flaws %q, want %q", c.name, got, c.flaws)
		}
	}
}

func TestMP3Undecodable(t *testing.T) {
	damaged := bytes.Repeat(mp3Frame(), 100)
	for i, c := range noise(len(damaged)) {
		if i%417 >= 4 {
			damaged[i] = c
		}
	}
	for name, r := range map[string]Report{
		"noise behind good headers": scanned(damaged),
		"a tag and then noise":      scanned(id3(100), noise(10_000)),
		"a tag alone":               scanned(id3(100)),
		"one frame":                 scanned(id3(100), mp3Frame()),
	} {
		if r.Codec != "mp3" || !errors.Is(r.Err, ErrUndecodable) {
			t.Errorf("%s: got %s", name, text(r))
		}
	}
	for name, r := range map[string]Report{
		"noise":               scanned(noise(100_000)),
		"nothing":             scanned(),
		"sound out of reach":  scanned(make([]byte, reach+headSize), bytes.Repeat(mp3Frame(), 10)),
		"a page":              scanned([]byte("<!doctype html><title>404</title>")),
		"text without markup": scanned([]byte("Service unavailable")),
	} {
		if r.Codec != "" || r.Frames != 0 {
			t.Errorf("%s: got %s", name, text(r))
		}
	}
}

func TestMP3Cut(t *testing.T) {
	r := scanned(xingFrame(1000), bytes.Repeat(mp3Frame(), 100))
	if r.Cut == nil || r.Cut.Error() != "audio ends at 2.6 s of 26.1 s" || !r.Declared || !near(r.Duration, 1000*1152.0/44100) {
		t.Errorf("got %s", text(r))
	}
	if r := scanned(xingFrame(100), bytes.Repeat(mp3Frame(), 100)); r.Cut != nil || r.Frames != 100 || len(r.Flaws) != 0 {
		t.Errorf("whole: got %s", text(r))
	}
	// Advertisements put in make a show longer than it says.
	if r := scanned(xingFrame(10), bytes.Repeat(mp3Frame(), 100)); r.Cut != nil || !near(r.Duration, 100*1152.0/44100) || r.Declared {
		t.Errorf("longer: got %s", text(r))
	}
}

// With the head alone the size tells the duration, and a tag longer than the
// head what to ask for.
func TestMP3Head(t *testing.T) {
	all := append(id3(300_000), bytes.Repeat(mp3Frame(), 1000)...)
	s := NewScanner(int64(len(all)))
	s.Write(all[:64<<10])
	r := s.Report()
	if want := (Span{300_010, 300_010 + wantSize - 1}); r.Want != want || r.Codec != "mp3" || s.Started() {
		t.Fatalf("got %s", text(r))
	}
	s.At(r.Want.First, all[r.Want.First:r.Want.Last+1])
	if r = s.Report(); !near(r.Duration, 1000*1152.0/44100) || r.Want != (Span{}) || !s.Started() {
		t.Errorf("got %s", text(r))
	}
	if err := r.Resumes(400_000, all[400_000:430_000]); err != nil {
		t.Errorf("frames don't resume: %v", err)
	}
	if err := r.Resumes(400_000, noise(30_000)); err == nil {
		t.Error("noise resumes")
	}
	other := append([]byte{0xFF, 0xFB, 0x94, 0xC0}, make([]byte, 380)...) // 48 kHz, mono: put in by another encoder
	if err := r.Resumes(400_000, bytes.Repeat(other, 50)); err != nil {
		t.Errorf("frames of another rate don't resume: %v", err)
	}
	s.Write(all[64<<10:]) // what came ahead isn't counted twice
	s.End()
	if r := s.Report(); r.Frames != 1000 || len(r.Flaws) != 0 {
		t.Errorf("got %s", text(r))
	}
}

// What is put in behind the first frames doesn't change what the file is.
func TestMP3OtherRateBehind(t *testing.T) {
	other := append([]byte{0xFF, 0xFB, 0x94, 0xC0}, make([]byte, 380)...) // 48 kHz, mono
	r := scanned(bytes.Repeat(mp3Frame(), 100), bytes.Repeat(other, 50))
	if want := 100*1152.0/44100 + 50*1152.0/48000; r.SampleRate != 44100 || r.Channels != 2 || !near(r.Seconds, want) {
		t.Errorf("got %s", text(r))
	}
}

// A picture in the tag at the end is no part of the sound, and isn't missed.
func TestMP3ResumesInTag(t *testing.T) {
	sound := bytes.Repeat(mp3Frame(), 100)
	tag := append([]byte("APETAGEX\xd0\x07\x00\x00\x30\x75\x00\x00\x01\x00\x00\x00\x00\x00\x00\xa0"), make([]byte, 8)...)
	r := scanned(sound, tag, noise(30_000))
	if err := r.Resumes(int64(len(sound))+1000, noise(16<<10)); err != nil || len(r.Flaws) != 0 {
		t.Errorf("got %v, %s", err, text(r))
	}
	if err := r.Resumes(1000, noise(16<<10)); err == nil {
		t.Error("noise resumes")
	}
}

// adtsFrame is a frame of AAC-LC, 44.1 kHz, stereo: a pair of channels without
// spectrum, and the end.
func adtsFrame() []byte {
	return []byte{0xFF, 0xF1, 0x50, 0x80, 0x02, 0x1F, 0xFC, 0x21, 0x10, 0x04, 0x60, 0x8C, 0x1C, 0, 0, 0}
}

func TestADTS(t *testing.T) {
	r := scanned(bytes.Repeat(adtsFrame(), 100))
	if r.Codec != "aac" || r.Container != "adts" || r.Err != nil || r.Frames != 100 || !near(r.Seconds, 102400/44100.0) || r.Channels != 2 {
		t.Errorf("got %s", text(r))
	}
	damaged := bytes.Repeat(adtsFrame(), 100)
	for i, c := range noise(len(damaged)) {
		if i%16 >= 7 {
			damaged[i] = c
		}
	}
	if r := scanned(damaged); !errors.Is(r.Err, ErrUndecodable) {
		t.Errorf("noise: got %s", text(r))
	}
}

// An APE tag in front says how long it is, as ID3 does.
func TestMP3BehindAPE(t *testing.T) {
	tag := append([]byte("APETAGEX\xd0\x07\x00\x00\xa0\x86\x01\x00\x01\x00\x00\x00\x00\x00\x00\xa0"), make([]byte, 8+100_000)...)
	all := append(tag, bytes.Repeat(mp3Frame(), 100)...)
	s := NewScanner(int64(len(all)))
	s.Write(all[:64<<10])
	r := s.Report()
	if want := (Span{100_032, int64(len(all)) - 1}); r.Want != want {
		t.Fatalf("got %s", text(r))
	}
	s.At(r.Want.First, all[r.Want.First:])
	if r := s.Report(); r.Codec != "mp3" || r.Frames < 90 || len(r.Flaws) > 0 {
		t.Errorf("got %s", text(r))
	}
	if r := scanned(all); r.Frames != 100 || len(r.Flaws) > 0 {
		t.Errorf("whole: got %s", text(r))
	}
}

// Sound that is missing inside isn't missing at the end.
func TestMP3LossInside(t *testing.T) {
	all := append(xingFrame(100), bytes.Repeat(mp3Frame(), 100)...)
	copy(all[30*417:], make([]byte, 20*417))
	if r := scanned(all); r.Cut != nil || r.Frames != 80 || len(r.Flaws) != 1 {
		t.Errorf("got %s", text(r))
	}
	if r := scanned(all[:60*417]); r.Cut == nil {
		t.Errorf("at the end too: got %s", text(r))
	}
}

// Of files put together the first one's table tells nothing.
func TestMP3Chain(t *testing.T) {
	one := append(xingFrame(500), bytes.Repeat(mp3Frame(), 500)...)
	all := bytes.Repeat(one, 3)
	s := NewScanner(int64(len(all)))
	s.Write(all[:64<<10])
	if r := s.Report(); r.Declared || math.Abs(r.Duration-1500*1152.0/44100) > 0.5 {
		t.Errorf("got %s", text(r))
	}
}

package media

import (
	"bytes"
	"testing"
)

// Pages that miss their checksums and stand in one another are summed a few
// times, not thousands of times.
func TestOggStorm(t *testing.T) {
	page := append([]byte("OggS\x00"), bytes.Repeat([]byte{0xFF}, 27)...)
	o := newOgg(-1).(*ogg)
	for range 64 {
		o.write(bytes.Repeat(page, 2048))
	}
	if most := wastedMax + 5*o.written + oggPageMax; o.wasted > most {
		t.Errorf("%d bytes of %d were summed", o.wasted, o.written)
	}
}

// A fragment of a million empty runs is gone through once, and what it holds
// is counted.
func TestMP4Runs(t *testing.T) {
	run := boxed("trun", be(0, 8))
	traf := boxed("traf", boxed("tfhd", be(0, 4), be(1, 4)), bytes.Repeat(run, 400_000))
	file := append(mp4File(mp4Shape{front: true}), boxed("moof", traf)...)
	s := NewScanner(int64(len(file)))
	s.Write(file)
	s.End()
	if r := s.Report(); r.Frames != mp4Samples {
		t.Errorf("got %+v", r)
	}
}

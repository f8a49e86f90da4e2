package media

import (
	"math"
	"slices"
	"strings"
	"testing"
)

// element is one of EBML with a size of eight bytes, -1 for unknown.
func element(id uint64, parts ...[]byte) []byte {
	body := slices.Concat(parts...)
	return slices.Concat(mkvHead(id, int64(len(body))), body)
}

func mkvHead(id uint64, size int64) []byte {
	n := 1
	for id>>(8*n) > 0 {
		n++
	}
	if size < 0 {
		return append(be(id, n), 0x01, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF)
	}
	return append(be(id, n), be(1<<56|uint64(size), 8)...)
}

// mkvFile is Opus of three frames of 20 ms a block, in clusters of unknown
// size with a picture's block between; each kind of lacing has its number.
func mkvFile(lacing byte, blocks int) []byte {
	frame := []byte{0xFC, 0xFF, 0xFE}
	laced := map[byte][]byte{0: frame, 1: {2, 3, 3}, 2: {2}, 3: {2, 0x83, 0xBF}}[lacing]
	if lacing > 0 {
		laced = slices.Concat(laced, frame, frame, frame)
	}
	b := slices.Concat(element(ebml, element(mkvDocType, []byte("webm"))), mkvHead(mkvSegment, -1),
		element(mkvInfo, element(mkvScale, be(1e6, 3))),
		element(mkvTracks, element(mkvEntry, element(mkvNumber, be(1, 1)), element(mkvType, be(1, 1)), element(mkvCodec, []byte("V_VP8"))),
			element(mkvEntry, element(mkvNumber, be(2, 1)), element(mkvType, be(2, 1)), element(mkvCodec, []byte("A_OPUS")),
				element(mkvAudio, element(mkvChannels, be(2, 1))))))
	for i := range blocks {
		if i%5 == 0 {
			b = slices.Concat(b, mkvHead(mkvCluster, -1), element(mkvTime, be(uint64(i)*60, 4)))
		}
		b = slices.Concat(b, element(mkvSimple, []byte{0x81, 0, 0, 0}, make([]byte, 500)),
			element(mkvSimple, []byte{0x82}, be(uint64(i%5)*60, 2), []byte{lacing << 1}, laced))
	}
	return b
}

func TestMatroska(t *testing.T) {
	whole := mkvFile(3, 20)
	broken := slices.Clone(whole)
	copy(broken[strings.LastIndex(string(whole), "\x1F\x43\xB6\x75")-500:], "\x00\x00\x00\x00")
	for _, c := range []struct {
		name     string
		b        []byte
		seconds  float64
		bad, cut bool
	}{
		{"no lacing", mkvFile(0, 60), 1.2, false, false},
		{"lacing of Xiph", mkvFile(1, 20), 1.2, false, false},
		{"lacing of one size", mkvFile(2, 20), 1.2, false, false},
		{"lacing of EBML", whole, 1.2, false, false},
		{"cut in a block", without(whole, 5), 1.14, false, true},
		{"no frames", mkvFile(0, 0), 0, true, false},
		{"no sound", element(ebml, element(mkvDocType, []byte("webm"))), 0, true, false},
	} {
		r := reportOf(newMatroska, c.b, len(c.b))
		if math.Abs(r.Seconds-c.seconds) > 0.001 || (r.Err != nil) != c.bad || (r.Cut != nil) != c.cut || len(r.Flaws) > 0 {
			t.Errorf("%s: got %s, want %.3f s", c.name, sketch(r), c.seconds)
		}
		if pieces := piecesReport(newMatroska, c.b, 11); sketch(pieces) != sketch(r) {
			t.Errorf("%s: in pieces got %s, want %s", c.name, sketch(pieces), sketch(r))
		}
	}
}

// What makes no sense is stepped over, up to the next cluster.
func TestMatroskaStray(t *testing.T) {
	b := mkvFile(0, 20)
	last := strings.LastIndex(string(b), "\x1F\x43\xB6\x75")
	b = slices.Concat(b[:last], []byte("\x00garbage"), b[last:])
	if r := reportOf(newMatroska, b, len(b)); r.Frames != 20 || len(r.Flaws) != 1 || r.Err != nil {
		t.Errorf("got %s", sketch(r))
	}
}

func TestAMR(t *testing.T) {
	frame := append([]byte{0x3C}, make([]byte, 31)...) // 12.2 kbit/s
	b := append([]byte(amrLine), slices.Repeat(frame, 50)...)
	if r := reportOf(newAMR, b, len(b)); r.Frames != 50 || r.Seconds != 1 || r.SampleRate != 8000 || r.Bitrate != 12800 || r.Cut != nil || r.Err != nil {
		t.Errorf("got %s", sketch(r))
	}
	if r := reportOf(newAMR, without(b, 5), len(b)-5); r.Frames != 49 || r.Cut == nil {
		t.Errorf("cut: got %s", sketch(r))
	}
	wide := append([]byte(amrWBLine), slices.Repeat(append([]byte{0x04}, make([]byte, 17)...), 50)...)
	if r := reportOf(newAMR, wide, len(wide)); r.Frames != 50 || r.SampleRate != 16000 {
		t.Errorf("wide: got %s", sketch(r))
	}
	if r := reportOf(newAMR, []byte("#!AMR, or so"), 12); r.Err == nil {
		t.Errorf("not AMR: got %s", sketch(r))
	}
}

// An element that is said to end behind what it stands in is bytes that mean
// nothing, and doesn't swallow the rest of the file.
func TestMatroskaSwallow(t *testing.T) {
	cluster := func(at uint64) (b []byte) {
		b = element(mkvTime, be(at, 4))
		for i := range 5 {
			b = slices.Concat(b, element(mkvSimple, []byte{0x82}, be(uint64(i)*20, 2), []byte{0, 0xFC, 0xFF, 0xFE}))
		}
		return b
	}
	track := element(mkvEntry, element(mkvNumber, be(2, 1)), element(mkvType, be(2, 1)), element(mkvCodec, []byte("A_OPUS")),
		element(mkvAudio, element(mkvChannels, be(2, 1))))
	front := slices.Concat(element(mkvInfo, element(mkvScale, be(1e6, 3)), element(mkvDuration, be(math.Float64bits(300), 8))), element(mkvTracks, track))
	broken := cluster(100)
	copy(broken[len(broken)-17:], mkvHead(mkvSimple, 1<<40)) // the last block
	clusters := slices.Concat(element(mkvCluster, cluster(0)), element(mkvCluster, broken), element(mkvCluster, cluster(200)))
	head := element(ebml, element(mkvDocType, []byte("webm")))
	for name, b := range map[string][]byte{
		"in a cluster": slices.Concat(head, mkvHead(mkvSegment, -1), front, clusters),
		"in a segment": slices.Concat(head, element(mkvSegment, front, mkvHead(mkvCluster, -1), cluster(0), mkvHead(mkvCluster, -1), broken, mkvHead(mkvCluster, -1), cluster(200))),
		"in nothing":   slices.Concat(head, mkvHead(mkvSegment, -1), front, mkvHead(mkvCluster, -1), cluster(0), mkvHead(mkvCluster, -1), broken, mkvHead(mkvCluster, -1), cluster(200)),
	} {
		r := reportOf(newMatroska, b, len(b))
		if r.Frames != 14 || len(r.Flaws) != 1 || r.Cut != nil || r.Err != nil {
			t.Errorf("%s: got %s", name, sketch(r))
		}
		if pieces := piecesReport(newMatroska, b, 11); sketch(pieces) != sketch(r) {
			t.Errorf("%s: in pieces got %s, want %s", name, sketch(pieces), sketch(r))
		}
	}
	last := slices.Concat(head, element(mkvSegment, front, element(mkvCluster, cluster(0)), element(mkvCluster, broken)))
	if r := reportOf(newMatroska, last, len(last)); r.Cut == nil || r.Cut.Error() != "audio ends at 0.2 s of 0.3 s" {
		t.Errorf("the last cluster: got %s", sketch(r))
	}
}

// What stands behind a picture is asked for.
func TestMatroskaWant(t *testing.T) {
	b := mkvFile(0, 20)
	at := strings.Index(string(b), "\x1F\x43\xB6\x75")
	b = slices.Concat(b[:at], element(0x1941A469, make([]byte, 200_000)), b[at:])
	p := newMatroska(int64(len(b)))
	p.write(b[:64<<10])
	var r Report
	if p.report(&r); r.Want.First != int64(at)+200_012 || r.Codec != "webm" {
		t.Fatalf("got %s", sketch(r))
	}
	p.at(r.Want.First, b[r.Want.First:r.Want.Last+1])
	p.write(b[64<<10:]) // what came ahead isn't counted twice
	p.end()
	r = Report{}
	if p.report(&r); r.Codec != "opus" || r.Frames != 20 || r.Want != (Span{}) || r.Cut != nil || len(r.Flaws) > 0 {
		t.Errorf("got %s", sketch(r))
	}
}

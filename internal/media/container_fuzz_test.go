package media

import (
	"math"
	"os"
	"path/filepath"
	"testing"
)

func FuzzMP4(f *testing.F) {
	f.Add(mp4File(mp4Shape{}), uint16(7))
	f.Add(mp4File(mp4Shape{front: true, wide: true}), uint16(100))
	f.Add(mp4Fragmented(3), uint16(33))
	seed(f, ".m4a", ".mp4")
	f.Fuzz(func(t *testing.T, b []byte, cut uint16) { fuzzContainer(t, newMP4, b, int(cut)) })
}

func FuzzOgg(f *testing.F) {
	f.Add(oggFile(1, 30), uint16(7))
	f.Add(append(oggFile(1, 3), oggFile(2, 3)...), uint16(100))
	seed(f, ".ogg", ".oga")
	f.Fuzz(func(t *testing.T, b []byte, cut uint16) { fuzzContainer(t, newOgg, b, int(cut)) })
}

func FuzzMatroska(f *testing.F) {
	f.Add(mkvFile(0, 20), uint16(7))
	f.Add(mkvFile(3, 20), uint16(100))
	f.Fuzz(func(t *testing.T, b []byte, cut uint16) { fuzzContainer(t, newMatroska, b, int(cut)) })
}

func FuzzAMR(f *testing.F) {
	f.Add([]byte(amrLine+"\x04aaaaaaaaaaaa\x7c"), uint16(7))
	f.Fuzz(func(t *testing.T, b []byte, cut uint16) { fuzzContainer(t, newAMR, b, int(cut)) })
}

// seed adds small files of the corpus, where there is one.
func seed(f *testing.F, exts ...string) {
	for _, ext := range exts {
		files, _ := filepath.Glob("../../../shared/corpus/audio/*" + ext)
		for _, file := range files {
			if b, err := os.ReadFile(file); err == nil && len(b) < 10<<10 {
				f.Add(b, uint16(len(b)/3))
			}
		}
	}
}

// fuzzContainer holds that a file told in pieces is the same as in one, that a
// head and what is wanted then may come in any shape, and that numbers are sane.
func fuzzContainer(t *testing.T, begin func(int64) parser, b []byte, cut int) {
	whole := reportOf(begin, b, len(b))
	if pieces := piecesReport(begin, b, 1+cut%1500); sketch(pieces) != sketch(whole) {
		t.Errorf("in pieces of %d: got\n%s, in one\n%s", 1+cut%1500, sketch(pieces), sketch(whole))
	}
	p := begin(int64(len(b)))
	p.write(b[:min(len(b), cut)])
	for range 16 {
		var r Report
		if p.report(&r); r.Want == (Span{}) {
			break
		}
		if r.Want.First < 0 || r.Want.First > r.Want.Last || r.Want.Last >= int64(len(b)) {
			t.Fatalf("wants %v of %d bytes", r.Want, len(b))
		}
		p.at(r.Want.First, b[r.Want.First:r.Want.Last+1])
	}
	_ = p.resumes(int64(cut), b[min(len(b), cut):])
	for _, v := range []float64{whole.Seconds, whole.Silent, whole.Duration} {
		if v < 0 || math.IsNaN(v) || math.IsInf(v, 0) {
			t.Errorf("got %s", sketch(whole))
		}
	}
	if most := float64(len(b)) * sampleMax; whole.Seconds > most && !whole.Declared {
		t.Errorf("got %v s of %d bytes", whole.Seconds, len(b))
	}
}

func piecesReport(begin func(int64) parser, b []byte, n int) (r Report) {
	p := begin(int64(len(b)))
	for i := 0; i < len(b); i += n {
		p.write(b[i:min(i+n, len(b))])
	}
	p.end()
	p.report(&r)
	return r
}

// BenchmarkContainers reads files as they would come from the net.
func BenchmarkContainers(b *testing.B) {
	for name, c := range map[string]struct {
		begin func(int64) parser
		file  []byte
	}{
		"mp4":      {newMP4, mp4Fragmented(3000)},
		"ogg":      {newOgg, oggFile(1, 3000)},
		"matroska": {newMatroska, mkvFile(3, 3000)},
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(c.file)))
			b.ReportAllocs()
			for b.Loop() {
				piecesReport(c.begin, c.file, 16<<10)
			}
		})
	}
}

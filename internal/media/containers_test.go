package media

import (
	"fmt"
	"math"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/sonde-media/sonde/internal/wire/wiretest"
)

// containersOf makes the parser of a file of the corpus by its magic bytes.
var containersOf = map[string]func(int64) parser{
	"OggS": newOgg, "\x1a\x45\xdf\xa3": newMatroska, "#!AM": newAMR,
}

// The corpus's files in containers are what a full decode says of them.
func TestCorpusContainers(t *testing.T) {
	dir := wiretest.Corpus(t, "audio")
	for _, row := range wiretest.Table(t, filepath.Join(dir, "truth.tsv")) {
		b := wiretest.Read(t, filepath.Join(dir, row["file"]))
		if len(b) < 12 {
			continue
		}
		begin := containersOf[string(b[:4])]
		if string(b[4:8]) == "ftyp" {
			begin = newMP4
		}
		if begin == nil {
			continue
		}
		t.Run(row["file"], func(t *testing.T) { checkContainer(t, begin, b, row) })
	}
}

func checkContainer(t *testing.T, begin func(int64) parser, b []byte, row map[string]string) {
	r := reportOf(begin, b, len(b))
	truth := func(key string) float64 {
		v, _ := strconv.ParseFloat(row[key], 64)
		return v
	}
	t.Logf("%s: %s %d Hz %d ch, %.3f s of %.3f s, %.3f s declared %v, %d frames, %d bit/s (%s), %.2f s silent, %q, err %v, cut %v", row["label"], r.Codec, r.SampleRate, r.Channels,
		r.Seconds, truth("duration_s_decoded"), r.Duration, r.Declared, r.Frames, r.Bitrate, row["bit_rate_bps"], r.Silent, r.Flaws, r.Err, r.Cut)
	if row["label"] == "undecodable" {
		if r.Err == nil {
			t.Error("got no error of what can't be decoded")
		}
		return
	}
	if want := truth("duration_s_decoded"); math.Abs(r.Seconds-want) > max(want*0.02, 0.05) {
		t.Errorf("got %.3f s, want %.3f s", r.Seconds, want)
	}
	if r.Codec != row["codec"] || r.SampleRate != int(truth("sample_rate")) || r.Channels != int(truth("channels")) {
		t.Errorf("got %s %d Hz %d channels, want %s %s Hz %s", r.Codec, r.SampleRate, r.Channels, row["codec"], row["sample_rate"], row["channels"])
	}
	if row["label"] == "ok" && (r.Err != nil || r.Cut != nil) {
		t.Errorf("got %v, %v", r.Err, r.Cut)
	}
	head := headReport(begin, b)
	if want := truth("duration_s_decoded"); head.Codec != row["codec"] || head.Err != nil || math.Abs(head.Duration-want) > want*0.1 {
		t.Errorf("by its head: got %s of %.3f s, %v, want %.3f s", head.Codec, head.Duration, head.Err, want)
	}
	if pieces := piecesReport(begin, b, 701); sketch(pieces) != sketch(r) {
		t.Errorf("in pieces: got %s, want %s", sketch(pieces), sketch(r))
	}
}

// reportOf is what begin's parser tells of the first n bytes of b as a file.
func reportOf(begin func(int64) parser, b []byte, n int) (r Report) {
	p := begin(int64(n))
	p.write(b[:n])
	p.end()
	p.report(&r)
	return r
}

// headReport is told by 16 KB and what a parser wants then.
func headReport(begin func(int64) parser, b []byte) (r Report) {
	p := begin(int64(len(b)))
	p.write(b[:min(len(b), 16<<10)])
	for range 8 {
		r = Report{}
		if p.report(&r); r.Want == (Span{}) {
			break
		}
		p.at(r.Want.First, b[r.Want.First:r.Want.Last+1])
	}
	return r
}

// sketch is a report as text, for comparing.
func sketch(r Report) string {
	return fmt.Sprintf("%s/%s %d Hz %d ch %d bit/s %d frames %.4f s silent %.4f s of %.4f s %v want %v err %v cut %v flaws %q",
		r.Container, r.Codec, r.SampleRate, r.Channels, r.Bitrate, r.Frames, r.Seconds, r.Silent, r.Duration, r.Declared, r.Want, r.Err, r.Cut, r.Flaws)
}

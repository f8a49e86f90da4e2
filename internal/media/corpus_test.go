package media

import (
	"bytes"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"text/tabwriter"

	"github.com/sonde-media/sonde/internal/wire/wiretest"
)

// garbagePrefix is MP3 behind garbage, which the tool that made the table took
// for something else: its row tells nothing.
const garbagePrefix = "androidx__media__100kB-garbage-prefix.mp3"

// The corpus's files are what full decoding found them to be.
func TestCorpusWhole(t *testing.T) {
	compare(t, func(b []byte, row map[string]string) []string {
		s := NewScanner(int64(len(b)))
		s.Write(b)
		s.End()
		return append(wholeMisses(s.Report(), row), headMisses(s.Report(), row)...)
	})
}

// The first 64 KB of the corpus's files that decode tell what they are.
func TestCorpusHead(t *testing.T) {
	compare(t, func(b []byte, row map[string]string) []string {
		if row["label"] != "ok" {
			return nil
		}
		s := NewScanner(int64(len(b)))
		s.Write(b[:min(len(b), 64<<10)])
		if r := s.Report(); r.Want != (Span{}) {
			s.At(r.Want.First, b[r.Want.First:min(r.Want.Last+1, int64(len(b)))])
		}
		r := s.Report()
		misses := headMisses(r, row)
		want := truth(row, "duration_s_decoded")
		if r.Duration != 0 && math.Abs(r.Duration-want) > max(want/10, 0.05) {
			misses = append(misses, fmt.Sprintf("duration %.3f, truth %.3f", r.Duration, want))
		}
		if r.Err != nil {
			misses = append(misses, r.Err.Error())
		}
		return misses
	})
}

// compare prints where misses disagrees with the truth, and fails where that is
// too often.
func compare(t *testing.T, misses func(b []byte, row map[string]string) []string) {
	t.Helper()
	dir := wiretest.Corpus(t, "audio")
	table := &strings.Builder{}
	w := tabwriter.NewWriter(table, 0, 0, 2, ' ', 0)
	seen, missed := 0, 0
	for _, row := range wiretest.Table(t, filepath.Join(dir, "truth.tsv")) {
		if row["file"] == garbagePrefix {
			continue
		}
		seen++
		if m := misses(wiretest.Read(t, filepath.Join(dir, row["file"])), row); len(m) > 0 {
			missed++
			fmt.Fprintf(w, "%s\t%s\t%s\n", row["file"], row["label"], strings.Join(m, "; "))
		}
	}
	w.Flush()
	t.Logf("%d of %d files agree with the truth; the others:\n%s", seen-missed, seen, table)
	if missed > seen/20 {
		t.Errorf("%d of %d disagree", missed, seen)
	}
}

// wholeMisses compares the report of a whole file with the truth.
func wholeMisses(r Report, row map[string]string) (misses []string) {
	want := truth(row, "duration_s_decoded")
	plays := r.Codec != "" && r.Err == nil
	switch label := row["label"]; {
	case label == "undecodable":
		if plays {
			return []string{fmt.Sprintf("plays %.3f s", r.Seconds)}
		}
		return nil
	case !plays:
		misses = append(misses, fmt.Sprintf("%q doesn't play: %v", r.Codec, r.Err))
	case label == "truncated-or-header-lies" && r.Cut == nil:
		misses = append(misses, "no cut found")
	case label == "ok" && r.Cut != nil:
		misses = append(misses, r.Cut.Error())
	}
	if off := math.Abs(r.Seconds - want); off > max(want/50, 0.05) {
		misses = append(misses, fmt.Sprintf("%.3f s, truth %.3f", r.Seconds, want))
	}
	return misses
}

// headMisses compares what the head of a file tells with the truth.
func headMisses(r Report, row map[string]string) (misses []string) {
	if row["label"] != "ok" {
		return nil
	}
	codec := row["codec"]
	if r.Codec != codec {
		misses = append(misses, fmt.Sprintf("codec %q, truth %q", r.Codec, row["codec"]))
	}
	if n := int(truth(row, "sample_rate")); r.SampleRate != n {
		misses = append(misses, fmt.Sprintf("%d Hz, truth %d", r.SampleRate, n))
	}
	if n := int(truth(row, "channels")); r.Channels != n {
		misses = append(misses, fmt.Sprintf("%d channels, truth %d", r.Channels, n))
	}
	return misses
}

func truth(row map[string]string, column string) float64 {
	f, _ := strconv.ParseFloat(row[column], 64)
	return f
}

// What is found doesn't depend on how the bytes come.
func TestCorpusChunks(t *testing.T) {
	dir := wiretest.Corpus(t, "audio")
	for _, row := range wiretest.Table(t, filepath.Join(dir, "truth.tsv")) {
		b := wiretest.Read(t, filepath.Join(dir, row["file"]))
		b = b[:min(len(b), 200<<10)]
		if d := differs(b, slices.Collect(slices.Chunk(b, 997))); d != "" {
			t.Errorf("%s: %s", row["file"], d)
		}
	}
}

// differs tells how the report of b differs where it comes in parts, "" where it
// doesn't.
func differs(b []byte, parts [][]byte) string {
	one, many := NewScanner(-1), NewScanner(-1)
	one.Write(b)
	for _, p := range parts {
		many.Write(bytes.Clone(p))
	}
	before := text(one.Report()) + "\n" + text(many.Report())
	one.End()
	many.End()
	after := text(one.Report()) + "\n" + text(many.Report())
	for _, both := range []string{before, after} {
		if a, b, _ := strings.Cut(both, "\n"); a != b {
			return both
		}
	}
	return ""
}

// text is a report as text on one line.
func text(r Report) string {
	r.of = nil
	return strings.ReplaceAll(fmt.Sprintf("%+v", r), "\n", " ")
}

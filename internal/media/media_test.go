package media

import (
	"bytes"
	"path/filepath"
	"testing"

	"github.com/sonde-media/sonde/internal/wire/wiretest"
)

// identified is what a scanner makes of a file of which no more than head came.
func identified(head []byte) Format {
	s := NewScanner(-1)
	s.Write(head)
	return s.Report().Format
}

func TestIdentify(t *testing.T) {
	frame := append([]byte{0xFF, 0xFB, 0x90, 0x00}, make([]byte, 413)...) // 128 kbit/s, 44.1 kHz: 417 bytes
	for _, c := range []struct {
		name string
		head []byte
		want Format
	}{
		{"mp3 frames", bytes.Repeat(frame, 4), Format{"audio/mpeg", "mp3"}},
		{"mp3 frames after garbage", append([]byte{0, 1, 2, 3, 0xFF, 5}, bytes.Repeat(frame, 4)...), Format{"audio/mpeg", "mp3"}},
		{"an ID3 tag", []byte("ID3\x04\x00\x00\x00\x00\x00\x00"), Format{"audio/mpeg", "mp3"}},
		{"a page", []byte("<!doctype html><title>404</title>"), Format{"text/html", ""}},
		{"text that has no markup", []byte("Service unavailable"), Format{"text/plain", ""}},
		{"nothing", nil, Format{"text/plain", ""}},
		{"a picture", []byte("\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"), Format{"image/png", ""}},
		{"flac", []byte("fLaC\x00\x00\x00\x22"), Format{"audio/flac", "flac"}},
		{"aiff", []byte("FORM\x00\x00\x00\x2eAIFFCOMM"), Format{"audio/aiff", "aiff"}},
		{"aiff-c", []byte("FORM\x00\x00\x00\x2eAIFCFVER"), Format{"audio/aiff", "aiff"}},
		{"matroska", []byte("\x1a\x45\xdf\xa3\x8b\x42\x82\x88matroska"), Format{"video/matroska", "matroska"}},
		{"webm", []byte("\x1a\x45\xdf\xa3\x87\x42\x82\x84webm"), Format{"video/webm", "webm"}},
	} {
		if got := identified(c.head); got != c.want {
			t.Errorf("%s: got %v, want %v", c.name, got, c.want)
		}
	}
}

func TestAgrees(t *testing.T) {
	mp3 := Format{"audio/mpeg", "mp3"}
	for stated, want := range map[string]bool{
		"": true, "audio/mpeg": true, "audio/mp3; charset=x": true, "application/octet-stream": true,
		"audio/x-m4a": false, "text/html": false, "garbage": false,
	} {
		if got := mp3.Agrees(stated) == nil; got != want {
			t.Errorf("%q: got %v, want %v", stated, got, want)
		}
	}
}

// The corpus's files that decode are audio by their first 64 KB.
func TestCorpus(t *testing.T) {
	dir := wiretest.Corpus(t, "audio")
	seen, missed := 0, 0
	for _, row := range wiretest.Table(t, filepath.Join(dir, "truth.tsv")) {
		if row["label"] != "ok" {
			continue
		}
		b := wiretest.Read(t, filepath.Join(dir, row["file"]))
		seen++
		if got := identified(b[:min(len(b), 64<<10)]); !got.Playable() {
			missed++
			t.Logf("%s: got %v", row["file"], got)
		}
	}
	t.Logf("%d of %d files that decode are told to be audio", seen-missed, seen)
	if missed > seen/20 {
		t.Errorf("%d of %d missed", missed, seen)
	}
}

func FuzzIdentify(f *testing.F) {
	f.Add([]byte("ID3"))
	f.Add([]byte{0xFF, 0xFB, 0x90, 0x00})
	f.Fuzz(func(t *testing.T, head []byte) { identified(head) })
}

func TestManyTags(t *testing.T) {
	tags := bytes.Repeat([]byte("ID3\x04\x00\x00\x00\x00\x00\x00"), 1<<20)
	if f := identified(append(tags, "fLaC\x00\x00\x00\x22"...)); f.Codec != "flac" {
		t.Errorf("got %+v", f)
	}
	if f := identified(tags); f.Codec != "mp3" {
		t.Errorf("got %+v", f)
	}
}

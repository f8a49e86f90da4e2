package enclosure_test

import (
	"bytes"
	"math"
	"net/http"
	"net/http/httptest"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sonde-media/sonde/internal/wire"
	"github.com/sonde-media/sonde/internal/wire/wiretest"
	"github.com/sonde-media/sonde/probes"
)

// The corpus's audio is listened to as its truth has it, by the whole file, by a
// range, and by one so short that most of each file is jumped about in: what an
// independent decoder plays plays, what it can't fails, and what ends early is
// told so.
func TestCorpus(t *testing.T) {
	dir := wiretest.Corpus(t, "audio")
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/octet-stream")
		body := wiretest.Read(t, filepath.Join(dir, path.Base(r.URL.Path)))
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body))
	}))
	defer s.Close()
	rows := wiretest.Table(t, filepath.Join(dir, "truth.tsv"))
	for name, options := range map[string]probes.Options{"whole": {"full": true}, "range": nil, "glimpse": {"bytes": 4096}} {
		agree, differ, misses := map[string]int{}, map[string]int{}, 0
		for _, row := range rows {
			r := run(t, wire.Options{AllowPrivate: true}, probes.Target{URL: s.URL + "/" + row["file"], Options: options})
			if why := disagrees(r, row, options); why != "" {
				differ[row["label"]]++
				misses++
				t.Logf("%s, %s: %s: %s\n  truth: %s s of %s, %s", name, row["file"], why, says(r), row["duration_s_decoded"], row["duration_s_ffprobe"], row["label"])
			} else {
				agree[row["label"]]++
			}
		}
		t.Logf("%s: agree %v, differ %v", name, agree, differ)
		if misses > len(rows)/20 {
			t.Errorf("%s: %d of %d files differ", name, misses, len(rows))
		}
	}
}

// disagrees says how a run misses the truth, "" where it doesn't.
func disagrees(r *probes.Run, row map[string]string, o probes.Options) string {
	whole := o["full"] == true
	media := r.Outcome == probes.Failed && r.Code.Stage() == "media"
	switch row["label"] {
	case "ok":
		if r.Outcome != probes.OK && !strings.HasPrefix(says(r), "degraded media_silent") {
			return "doesn't play"
		}
		return length(r, row)
	case "undecodable":
		if whole && !media {
			return "plays"
		}
	case "truncated-or-header-lies":
		if whole && !strings.HasPrefix(says(r), "degraded media_truncated") {
			return "isn't cut"
		}
	case "plays-with-errors":
		if media {
			return "doesn't play"
		}
		return length(r, row)
	}
	return ""
}

// length says how the seconds of sound miss the truth by more than 2 %, or, where
// a part of the file came, that there are none.
func length(r *probes.Run, row map[string]string) string {
	truth, err := strconv.ParseFloat(row["duration_s_decoded"], 64)
	d := r.Root.Steps[len(r.Root.Steps)-1]
	got, _ := d.Attrs[probes.AttrMediaSeconds].(float64)
	size, _ := strconv.Atoi(row["bytes"])
	if came := r.Root.Steps[0].Int(probes.AttrBodySize); came < size {
		if got == 0 {
			return "no sound"
		}
		return ""
	}
	if err != nil || math.Abs(got-truth) > truth/50 {
		return strconv.FormatFloat(got, 'f', 3, 64) + " s"
	}
	return ""
}

func says(r *probes.Run) string {
	text := []string{string(r.Outcome), string(r.Code), r.Detail}
	for _, f := range r.Findings {
		if f.Code != probes.InsecureHTTP {
			text = append(text, string(f.Code), f.Detail)
		}
	}
	return strings.Join(strings.Fields(strings.Join(text, " ")), " ")
}

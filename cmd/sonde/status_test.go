package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sonde-media/sonde/internal/api"
)

// oneOutage is what the hub of these tests answers.
var oneOutage = api.Summary{
	Made: time.Date(2026, 11, 3, 3, 2, 10, 0, time.UTC), State: api.SeverityMajor,
	Services: []api.PublicService{{Name: "Podcasts", State: api.SeverityMajor, Regions: []api.PublicRegion{{Name: "Ireland", State: api.SeverityMajor}}}},
	Incidents: []api.PublicIncident{{
		ID: "9f86d081884c", Severity: api.SeverityMajor, Title: "Podcasts: some episodes can't be played in Ireland",
		Started: time.Date(2026, 11, 3, 0, 0, 0, 0, time.UTC), Detected: time.Date(2026, 11, 3, 0, 0, 41, 0, time.UTC),
	}},
}

// A hub that is away leaves the last copy, which grows stale by itself.
func TestStatusExportKeepsTheLastCopyWhileTheHubIsAway(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var asked atomic.Int32
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch n := asked.Add(1); {
		case n == 1:
			json.NewEncoder(w).Encode(oneOutage)
		case n == 2:
			http.Error(w, `{"error":"gone"}`, http.StatusInternalServerError)
		default:
			later := oneOutage
			later.Made = later.Made.Add(time.Minute)
			json.NewEncoder(w).Encode(later)
			cancel()
		}
	}))
	defer srv.Close()
	dir := filepath.Join(t.TempDir(), "copy")
	var stderr bytes.Buffer
	if code := run(ctx, []string{"status", "export", dir, "--hub", srv.URL, "--every", "1s"}, &bytes.Buffer{}, &stderr); code != exitOK {
		t.Fatalf("got exit status %d: %s", code, stderr.String())
	}
	page, err := os.ReadFile(filepath.Join(dir, "index.html"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"some episodes can&#39;t be played in Ireland", `datetime="2026-11-03T03:0`, `data-fresh="300"`} {
		if !strings.Contains(string(page), want) {
			t.Errorf("the page has no %q:\n%s", want, page)
		}
	}
	if !strings.Contains(stderr.String(), "the last copy stays") || !strings.Contains(stderr.String(), "gone") {
		t.Errorf("got %q", stderr.String())
	}
}

package hub

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/sonde-media/sonde/internal/api"
	"github.com/sonde-media/sonde/internal/incident"
	"github.com/sonde-media/sonde/internal/store"
	"github.com/sonde-media/sonde/probes"
)

// told is what a hub tells of what it has read, at a time.
func (s *stage) told(t *testing.T, now time.Time) (all []api.Incident) {
	t.Helper()
	if err := s.hub.folded(func(f *incident.Fold) { all = f.Incidents(now, nil) }); err != nil {
		t.Fatal(err)
	}
	return all
}

// again opens a hub on a copy of the store's files, which are closed.
func (s *stage) again(t *testing.T) *stage {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(s.dir)); err != nil {
		t.Fatal(err)
	}
	os.Remove(filepath.Join(dir, "lock"))
	other := openStage(t, dir)
	other.begin = s.begin
	return other
}

// A hub that saw runs as they came, very late ones too, one that reads them
// after its start and one on a copy of the store tell the same.
func TestOneAnswer(t *testing.T) {
	s := openStage(t, t.TempDir())
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { s.hub.Run(ctx) })
	defer wg.Wait()
	defer stop()
	s.until(t, func() bool { return s.hub.Incidents(time.Now()) != nil })
	bad := func(region, media string, n int) probes.Code {
		if n >= 20 && n < 40 && n%7 != 0 && media == "cdn.tonal.example" {
			return probes.TLSExpired
		}
		return ""
	}
	at := func(regions []string, n int) {
		s.minute(t, n, regions, func(region, media string) probes.Code { return bad(region, media, n) })
	}
	for n := range 50 {
		at([]string{"ap", "eu"}, n)
	}
	// One region's agent delivers its newest first, and the rest the newest
	// half hour first.
	for _, n := range slices.Concat(minutes(45, 50), minutes(20, 45), minutes(0, 20)) {
		at([]string{"us"}, n)
	}
	now := time.Now()
	s.until(t, func() bool {
		stale, runs := 0, 0
		s.hub.folded(func(f *incident.Fold) { stale, runs = len(f.Stale()), f.Stats().Runs+f.Stats().Late })
		return runs == 50*9 && stale == 0
	})
	late := 0
	s.hub.folded(func(f *incident.Fold) { late = f.Stats().Late })
	if late == 0 {
		t.Fatal("nothing came late")
	}
	streamed := s.told(t, now)
	if len(streamed) == 0 || len(streamed[len(streamed)-1].Regions) != 3 {
		t.Fatalf("got %+v", streamed)
	}
	stop()
	wg.Wait()
	s.Close()
	s.records.Close()
	s.st.Close()
	restarted, copied := s.again(t), s.again(t)
	restarted.watch(t)
	copied.watch(t)
	if diff := cmp.Diff(streamed, restarted.told(t, now)); diff != "" {
		t.Errorf("after a restart: %s", diff)
	}
	if diff := cmp.Diff(streamed, copied.told(t, now)); diff != "" {
		t.Errorf("on a copy: %s", diff)
	}
}

// minutes are the numbers from one to before another.
func minutes(from, to int) (all []int) {
	for n := from; n < to; n++ {
		all = append(all, n)
	}
	return all
}

// An agent that nothing is heard of is told, while one that says that it is
// there is not, though all it probes is paused.
func TestSilentAgentIsTold(t *testing.T) {
	h := startHub(t, Options{}, store.Options{})
	old := beat(1, func(a pcommon.Map) { a.PutDouble(probes.AttrInterval, 60) })
	batch, _, err := rows(old.Traces(), sender{received: time.Now().Add(-10 * time.Minute)}, func(time.Time) bool { return true })
	if err != nil {
		t.Fatal(err)
	}
	if err := h.st.Write(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
	fresh := beat(2, func(a pcommon.Map) { a.PutDouble(probes.AttrInterval, 60) })
	fresh.Traces().ResourceSpans().At(0).Resource().Attributes().PutStr(probes.AttrServiceInstance, "agent-2")
	h.mustPost(t, protoBody(t, fresh))
	s := &stage{testHub: h, hub: h.Config.Handler.(*Hub)}
	s.watch(t)
	all := s.hub.Incidents(time.Now())
	if len(all) != 1 || all[0].Cause != "agent-1" || all[0].Code != probes.LocalNetwork || all[0].Scope != api.ScopeAgent {
		t.Errorf("got %+v", all)
	}
	d, err := s.client(t, "").Incident(t.Context(), all[0].ID)
	if err != nil || len(d.Timeline) == 0 || d.Factors == nil || d.Divergences == nil || d.Evidence == nil || d.Shows == nil {
		t.Errorf("got %+v and %v", d, err)
	}
}

package hub

import (
	"testing"
	"time"

	"github.com/sonde-media/sonde/internal/incident"
)

// What came is told at once, and what was told is not found out again.
func TestAnswersAreAsNewAsRuns(t *testing.T) {
	s := openStage(t, t.TempDir())
	f := &follower{hub: s.hub, fold: incident.New()}
	f.look(t.Context())
	now := time.Now()
	if got := s.hub.Incidents(now); len(got) != 0 {
		t.Fatalf("got %d incidents before anything came", len(got))
	}
	s.outage(t, 30)
	f.look(t.Context())
	later := now.Add(watchEvery / 2)
	first := s.hub.Incidents(later)
	if len(first) == 0 {
		t.Fatal("got no incident half a second after the last answer")
	}
	if again := s.hub.Incidents(later.Add(watchEvery / 2)); &again[0] != &first[0] {
		t.Error("nothing came, and yet the answer was made anew")
	}
}

func TestRunsWakeTheWatch(t *testing.T) {
	s := openStage(t, t.TempDir())
	s.mustPost(t, protoBody(t, export(1)))
	select {
	case <-s.hub.watch.arrived.come():
	default:
		t.Error("runs came, and nobody was told")
	}
}

package hub

import (
	"cmp"
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/sonde-media/sonde/internal/api"
	"github.com/sonde-media/sonde/internal/incident"
	"github.com/sonde-media/sonde/probes"
)

// Bounds of what is known of shows.
const (
	showKept   = time.Hour
	learnFor   = 5 * time.Second // one answer waits no longer for titles
	maxShown   = 100_000
	feedsKind  = "feed"
	maxListing = 64 // hosts of enclosures of a feed
)

// A show is what a feed told of itself.
type show struct {
	title, publisher string
	hosts            map[string]int // of its enclosures, and how many
	learned          time.Time
}

// Shows are what is known of targets, by name, learned when it is asked for.
type shows struct {
	mu  sync.Mutex // guards what follows
	all map[string]show
}

func (s *shows) known(target string, now time.Time) (show, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k, ok := s.all[target]
	return k, ok && now.Sub(k.learned) < showKept
}

func (s *shows) learn(target string, k show) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all == nil || len(s.all) >= maxShown {
		s.all = map[string]show{}
	}
	s.all[target] = k
}

// showsOf returns what feeds told of targets, by name. What can't be read in a
// few seconds is left out.
func (h *Hub) showsOf(ctx context.Context, targets []incident.Watched) (map[string]show, error) {
	found := map[string]show{}
	now := time.Now()
	ctx, cancel := context.WithTimeout(ctx, learnFor)
	defer cancel()
	for _, t := range targets {
		if t.Kind != feedsKind {
			continue
		}
		k, ok := h.watch.shows.known(t.Target, now)
		if !ok && ctx.Err() == nil {
			var err error
			if k, err = h.readShow(ctx, t, now); err != nil && ctx.Err() == nil {
				return nil, fmt.Errorf("read what a feed told: %w", err)
			}
			if err == nil {
				h.watch.shows.learn(t.Target, k)
			}
		}
		found[t.Target] = k
	}
	return found, nil
}

// readShow reads the newest run in which the feed was served.
func (h *Hub) readShow(ctx context.Context, t incident.Watched, now time.Time) (show, error) {
	k := show{learned: now, hosts: map[string]int{}}
	r, ok, err := h.st.NewestHealthy(ctx, t.Target, t.Regions, now)
	if err != nil || !ok {
		return k, err
	}
	trace, err := h.st.Trace(ctx, r.TraceID)
	if err != nil {
		return k, err
	}
	for _, sp := range trace.Spans {
		if sp.Step == "parse" {
			k.read(sp.Attrs)
		}
	}
	return k, nil
}

func (k *show) read(attrs map[string]any) {
	text := func(key string) string {
		s, _ := attrs[key].(string)
		return probes.Bounded(s)
	}
	k.title = cmp.Or(k.title, text(probes.AttrFeedTitle))
	k.publisher = cmp.Or(k.publisher, text(probes.AttrFeedPublisher))
	list, _ := attrs[probes.AttrFeedHosts].([]any)
	for _, v := range list[:min(len(list), maxListing)] {
		host, number, _ := strings.Cut(fmt.Sprint(v), "=")
		if n, err := strconv.Atoi(number); err == nil && n > 0 {
			k.hosts[probes.Bounded(host)] = n
		}
	}
}

// affectedShows is what targets are to people.
func affectedShows(targets []incident.Watched, known map[string]show, hosts []string) []api.AffectedShow {
	all := make([]api.AffectedShow, 0, len(targets))
	asked := map[string]bool{}
	for _, host := range hosts {
		asked[host] = true
	}
	for _, t := range targets {
		k := known[t.Target]
		a := api.AffectedShow{Target: t.Target, Service: t.Service, Title: k.title, Publisher: k.publisher}
		for host, n := range k.hosts {
			if asked[host] {
				a.Enclosures += n
			}
		}
		all = append(all, a)
	}
	return all
}

// Package source brings an agent its configuration: from a file that is read
// again when it changes, or from a hub by URL. What can't be used is refused
// and the version that runs stays; the last good one of a URL is kept on disk
// for a start without the hub.
package source

import (
	"cmp"
	"context"
	"crypto/x509"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/sonde-media/sonde/internal/config"
)

// Options are choices of a source.
type Options struct {
	Token string         // shown to a URL's host as a bearer's; "": none
	Dir   string         // where the last good configuration of a URL is kept; "": nowhere
	Roots *x509.CertPool // that the URL's certificate leads to; nil: the system's
	Log   *slog.Logger   // nil: nothing is logged
	Poll  time.Duration  // between two looks; 0: 2 s for a file, about 30 s for a URL
}

// Defaults of Options.Poll.
const (
	DefaultFilePoll = 2 * time.Second
	DefaultURLPoll  = 30 * time.Second
)

// A Version is a configuration as it came.
type Version struct {
	Config *config.Config
	Region string        // that the hub says the token is bound to; "" where it says none
	Ahead  time.Duration // how far our clock is ahead of the hub's; 0 where unknown

	fetched time.Time
	etag    string
	body    []byte // until it is kept
}

// An origin is a place that configurations come from.
type origin interface {
	// look returns the newest version, nil where it is that of the look
	// before, unless forced.
	look(ctx context.Context, force bool) (*Version, error)
	// pause returns how long to wait after the last look.
	pause() time.Duration
	// String names the place without secrets.
	String() string
}

// A Source brings configurations. Its methods are for one goroutine.
type Source struct {
	origin  origin
	shelf   *shelf // nil: nothing is kept
	log     *slog.Logger
	remote  bool
	running bool      // something was accepted; it isn't kept here, being large
	refused *Version  // what is newer and wasn't accepted
	tried   time.Time // when that was offered last
	trouble string    // what was logged last
}

// offerAgain is the time after which a version that was refused is offered
// anew: what kept it out may have been mended elsewhere, as a missing file of
// roots.
const offerAgain = 30 * time.Second

// IsURL reports whether from names a URL and not a file.
func IsURL(from string) bool {
	return strings.HasPrefix(from, "http://") || strings.HasPrefix(from, "https://")
}

// New returns a source that looks at from, a file or the URL of a hub's
// configuration.
func New(from string, o Options) (*Source, error) {
	s := &Source{log: cmp.Or(o.Log, slog.New(slog.DiscardHandler)), remote: IsURL(from)}
	if !s.remote {
		s.origin = newFile(from, cmp.Or(o.Poll, DefaultFilePoll))
		return s, nil
	}
	r, err := newRemote(from, o)
	if err != nil {
		return nil, err
	}
	s.origin = r
	if o.Dir != "" {
		s.shelf = &shelf{dir: o.Dir, url: from}
	}
	return s, nil
}

// Once looks a single time and returns what it finds.
func (s *Source) Once(ctx context.Context) (*Version, error) {
	defer s.Close()
	return s.origin.look(ctx, true)
}

// Close closes idle connections.
func (s *Source) Close() {
	if r, ok := s.origin.(*remote); ok {
		r.client.HTTPClient.CloseIdleConnections()
	}
}

// First offers the configuration to begin with to accept. A file that can't be
// used is an error. A URL is asked until it gives what is accepted or ctx ends,
// which is the error then; where a version of it was kept, that is taken in
// the meantime.
func (s *Source) First(ctx context.Context, accept func(*Version) error) error {
	kept := s.recall()
	v, err := s.hurried(ctx, kept != nil)
	if v == nil && err == nil {
		v = kept // the hub has no newer one
	}
	if err == nil {
		err = s.offer(v, accept)
	}
	if err == nil || !s.remote || ctx.Err() != nil {
		return err
	}
	if kept != nil && kept != v {
		s.fallBack(kept, accept)
	}
	s.report(err)
	if s.running {
		s.log.Warn("running the configuration kept from before", "from", s, "version", kept.Config.Version, "fetched", kept.fetched.Format(time.RFC3339))
	}
	for !s.running {
		if !s.wait(ctx, nil, new(bool)) {
			return ctx.Err()
		}
		s.step(ctx, false, accept)
	}
	return nil
}

// fallBack offers what was kept. Where that is refused, and the hub gave nothing
// else, it is offered again: the hub may say that it is still the newest.
func (s *Source) fallBack(kept *Version, accept func(*Version) error) {
	err := accept(kept)
	if s.running = err == nil; s.running {
		return
	}
	s.log.Warn("configuration kept from before can't be used", "err", err)
	if s.refused == nil {
		s.refused = kept
	}
}

// hurried looks, without much patience where there is something to run with.
func (s *Source) hurried(ctx context.Context, hurry bool) (*Version, error) {
	if hurry {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, 10*time.Second)
		defer cancel()
	}
	return s.origin.look(ctx, !s.remote)
}

// Watch offers every further version to accept until ctx ends. What is sent to
// look makes it look at once, and offer what it finds even if that runs already:
// files that the configuration names may have changed.
func (s *Source) Watch(ctx context.Context, look <-chan os.Signal, accept func(*Version) error) {
	defer s.Close()
	var forced bool
	for s.wait(ctx, look, &forced) {
		if forced {
			s.trouble = "" // who asks is told again
		}
		s.step(ctx, forced, accept)
	}
}

// step looks once, offers what is to be offered and tells what was wrong.
func (s *Source) step(ctx context.Context, forced bool, accept func(*Version) error) {
	v, err := s.origin.look(ctx, forced)
	if ctx.Err() != nil {
		return
	}
	switch {
	case err != nil || v != nil:
	case s.refused != nil:
		if v = s.refused; !forced && time.Since(s.tried) < offerAgain {
			return
		}
	}
	if err == nil && v != nil {
		err = s.offer(v, accept)
	}
	s.report(err)
}

// offer notes whether v was accepted, and keeps it then.
func (s *Source) offer(v *Version, accept func(*Version) error) error {
	s.tried = time.Now()
	if err := accept(v); err != nil {
		s.refused = v
		return err
	}
	s.running, s.refused = true, nil
	if s.shelf != nil && v.body != nil {
		if err := s.shelf.put(v); err != nil {
			s.log.Warn("configuration not kept for a start without the hub", "err", err)
		}
	}
	v.body = nil
	return nil
}

func (s *Source) recall() *Version {
	if s.shelf == nil {
		return nil
	}
	v, err := s.shelf.get()
	if err != nil {
		s.log.Warn("configuration kept from before can't be used", "err", err)
	}
	if r, ok := s.origin.(*remote); ok && v != nil {
		r.etag = v.etag
	}
	return v
}

// wait returns false when ctx ends, else true when it is time to look.
func (s *Source) wait(ctx context.Context, look <-chan os.Signal, forced *bool) bool {
	timer := time.NewTimer(s.origin.pause())
	defer timer.Stop()
	*forced = false
	select {
	case <-ctx.Done():
		return false
	case <-look:
		*forced = true
	case <-timer.C:
	}
	return true
}

// String names where configurations come from, without secrets.
func (s *Source) String() string { return s.origin.String() }

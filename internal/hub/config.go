package hub

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/sonde-media/sonde/internal/config"
)

// How often the files of a configuration are looked at.
const (
	configPoll   = 2 * time.Second
	configSettle = configPoll / 4   // after a change: who writes a file doesn't write it all at once
	configAgain  = 30 * time.Second // after an error, which may be in a file that isn't known to belong here
)

// A Config is the configuration that a hub serves to agents: a file with all
// that it includes, as one document. Its methods may be called by several
// goroutines, Run by one.
type Config struct {
	path string
	log  *slog.Logger

	watched []watched // by Run alone
	refused time.Time // by Run alone: when a version was last refused, zero where the last one wasn't
	why     string    // by Run alone: what was logged of it

	mu      sync.RWMutex // guards what follows
	text    []byte
	version string
}

// Watched is a file at the last look.
type watched struct {
	path string
	info os.FileInfo // nil where there is none
}

// OpenConfig reads the configuration in the file at path. What is wrong with
// it comes as [config.Errors]. Later versions are logged, where log isn't nil.
func OpenConfig(path string, log *slog.Logger) (*Config, error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	c := &Config{path: path, log: log}
	return c, c.load()
}

// load reads the files. It changes nothing where they have an error.
func (c *Config) load() error {
	// Noted before they are read: a change while we read is seen next time.
	c.watched = slices.DeleteFunc(c.watched, func(w watched) bool { return w.path == c.path })
	c.watched = append(c.watched, look(c.path))
	began := time.Now()
	text, made, err := config.BundleOf(c.path)
	if err != nil {
		c.refused = time.Now()
		return err
	}
	c.refused, c.watched = time.Time{}, c.watched[len(c.watched)-1:]
	for _, inc := range made.Includes {
		w := look(inc.File)
		if w.info != nil && w.info.ModTime().After(began) && w.info.ModTime().Before(time.Now()) {
			w.info = nil // it may have changed after it was read
		}
		c.watched = append(c.watched, w)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.text, c.version = text, made.Version
	return nil
}

func look(path string) watched {
	info, err := os.Stat(path)
	if err != nil {
		return watched{path: path}
	}
	return watched{path, info}
}

// Run serves new versions until ctx ends: of files that changed, or at a word
// of now.
func (c *Config) Run(ctx context.Context, now <-chan os.Signal) {
	pause, settling := configPoll, false
	for {
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-now:
			timer.Stop()
			c.reload()
			pause, settling = configPoll, false
			continue
		case <-timer.C:
		}
		pause = configPoll
		switch changed := c.changed(); {
		case changed:
			pause, settling = configSettle, true
		case settling || !c.refused.IsZero() && time.Since(c.refused) >= configAgain:
			c.reload()
			settling = false
		}
	}
}

// changed reports whether a file isn't the one of the last look, and looks.
func (c *Config) changed() (changed bool) {
	for i, before := range c.watched {
		now := look(before.path)
		changed = changed || !before.same(now)
		c.watched[i] = now
	}
	return changed
}

func (w watched) same(now watched) bool {
	a, b := w.info, now.info
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	return os.SameFile(a, b) && a.Size() == b.Size() && a.ModTime().Equal(b.ModTime())
}

// reload reads the files again and logs what came of it, where that is new.
func (c *Config) reload() {
	before, why := c.Version(), c.why
	err := c.load()
	switch c.why = ""; {
	case err != nil:
		if c.why = err.Error(); c.why != why {
			c.refuse(err)
		}
	case why != "" || before != c.Version():
		c.log.Info("configuration served", "file", c.path, "version", c.Version())
	}
}

// refuse logs all that is wrong with a new version.
func (c *Config) refuse(err error) {
	if all, ok := errors.AsType[config.Errors](err); ok {
		for _, one := range all {
			c.log.Warn("configuration refused", "err", one)
		}
	} else {
		c.log.Warn("configuration refused", "file", c.path, "err", err)
	}
	c.log.Warn("agents keep the configuration before", "file", filepath.Base(c.path), "version", c.Version())
}

// Version is that of the configuration served; "" where there is none.
func (c *Config) Version() string {
	if c == nil {
		return ""
	}
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.version
}

// ServeHTTP answers with the configuration, for agents to keep and to ask for
// again by its ETag. Whose token is bound to a region is told which.
func (c *Config) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if region := bound(r); region != "" {
		w.Header().Set("Sonde-Region", region)
	}
	switch {
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		w.Header().Set("Allow", "GET, HEAD")
		refuse(w, http.StatusMethodNotAllowed, "a configuration is asked for by GET")
		return
	case c == nil:
		refuse(w, http.StatusNotFound, "this hub has no configuration for agents: start it with --config FILE, or give the agent a file of its own")
		return
	}
	c.mu.RLock()
	text, version := c.text, c.version
	c.mu.RUnlock()
	head := w.Header()
	head.Set("Content-Type", "application/yaml")
	head.Set("Cache-Control", "private, no-cache")
	head.Set("ETag", `"`+version+`"`)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(text))
}

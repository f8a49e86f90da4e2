package hub

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/sonde-media/sonde/internal/config"
)

// configPoll is how often the files of a configuration are looked at.
const configPoll = 2 * time.Second

// A Config is the configuration that a hub serves to agents: a file with all
// that it includes, as one document. Its methods may be called by several
// goroutines, Run by one.
type Config struct {
	path string
	log  *slog.Logger

	files *config.Files // by Run alone
	why   string        // by Run alone: what was logged of the version refused last, "" where the last one wasn't

	mu      sync.RWMutex // guards what follows
	text    []byte
	version string
	regions map[string]config.Region
}

// OpenConfig reads the configuration in the file at path. What is wrong with
// it comes as [config.Errors]. Later versions are logged, where log isn't nil.
func OpenConfig(path string, log *slog.Logger) (*Config, error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	c := &Config{path: path, log: log, files: config.NewFiles(path, configPoll)}
	return c, c.load()
}

// load reads the files. It changes nothing where they have an error.
func (c *Config) load() error {
	var text []byte
	made, err := c.files.Read(func() (made *config.Config, err error) {
		text, made, err = config.Bundle(c.path)
		return made, err
	})
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.text, c.version, c.regions = text, made.Version, made.Regions
	return nil
}

// Run serves new versions until ctx ends: of files that changed, or at a word
// of now.
func (c *Config) Run(ctx context.Context, now <-chan os.Signal) {
	for {
		timer := time.NewTimer(c.files.Pause())
		forced := false
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-now:
			timer.Stop()
			forced = true
		case <-timer.C:
		}
		if c.files.Due(forced) {
			c.reload()
		}
	}
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

// regionName is what the configuration calls a region for people; its own name
// where it says nothing.
func (c *Config) regionName(region string) string {
	if c == nil {
		return region
	}
	c.mu.RLock()
	defer c.mu.RUnlock()
	return cmp.Or(c.regions[region].Name, region)
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

package source

import (
	"context"
	"time"

	"github.com/sonde-media/sonde/internal/config"
)

// A file is a configuration file with all that it names.
type file struct {
	path  string
	files *config.Files
	err   error // that the last reading gave
}

func newFile(path string, poll time.Duration) *file {
	return &file{path: path, files: config.NewFiles(path, poll)}
}

func (f *file) String() string { return f.path }

func (f *file) pause() time.Duration { return f.files.Pause() }

func (f *file) look(_ context.Context, force bool) (*Version, error) {
	if !f.files.Due(force) {
		return nil, f.err
	}
	c, err := f.files.Read(func() (*config.Config, error) { return config.Load(f.path) })
	if f.err = err; err != nil {
		return nil, err
	}
	return &Version{Config: c}, nil
}

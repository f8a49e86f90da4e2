package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/sonde-media/sonde/internal/telemetry"
	"github.com/sonde-media/sonde/probes"
)

// A sender sends runs to an OTLP receiver, once all are there. Its spool lives
// as long as the process. A nil sender sends nothing.
type sender struct {
	exporter *telemetry.Exporter
	dir      string
	why      *reason
	stderr   io.Writer
}

// openSender returns nil where neither --otlp nor the environment names a
// receiver.
func openSender(f *netFlags, stderr io.Writer) (*sender, error) {
	if cmp.Or(f.otlp, os.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT"), os.Getenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")) == "" {
		return nil, nil
	}
	dir, err := os.MkdirTemp("", "sonde-check-")
	if err != nil {
		return nil, err
	}
	host, _ := os.Hostname()
	why := &reason{}
	x, err := telemetry.Open(telemetry.Options{
		Resource: telemetry.Resource{Version: buildVersion(), Instance: "check@" + host, Region: f.region},
		Dir:      dir, OTLP: f.otlp,
		Log: slog.New(why),
	})
	if err != nil {
		os.RemoveAll(dir)
		return nil, usageError{err}
	}
	return &sender{x, dir, why, stderr}, nil
}

func (s *sender) send(run *probes.Run) {
	if s != nil {
		s.exporter.Send(run)
	}
}

// close sends what was handed over, and says what could not be sent: that is
// no failure of a check.
func (s *sender) close(ctx context.Context) {
	if s == nil {
		return
	}
	defer os.RemoveAll(s.dir)
	done, cancel := context.WithCancel(context.WithoutCancel(ctx))
	cancel() // Run then sends once what there is, and returns
	err := s.exporter.Run(done, nil)
	if s.waiting() {
		err = errors.Join(err, s.why.text())
	}
	if err := errors.Join(err, s.exporter.Close()); err != nil {
		fmt.Fprintf(s.stderr, "sonde: runs not sent by OTLP: %v\n", err)
	}
}

// waiting reports whether the spool still holds runs, or runs refused.
func (s *sender) waiting() (found bool) {
	filepath.WalkDir(s.dir, func(path string, _ fs.DirEntry, err error) error {
		found = found || err == nil && strings.HasSuffix(path, ".pb.gz")
		return nil
	})
	return found
}

// A reason is a log of which only the first error is kept: a check has one
// line for it.
type reason struct {
	mu  sync.Mutex // guards err
	err error
}

func (r *reason) text() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return cmp.Or(r.err, errors.New("the receiver didn't take them"))
}

func (r *reason) Handle(_ context.Context, record slog.Record) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	record.Attrs(func(a slog.Attr) bool {
		if a.Key == "err" && r.err == nil {
			r.err = errors.New(a.Value.String())
		}
		return true
	})
	return nil
}

func (r *reason) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelWarn }
func (r *reason) WithAttrs([]slog.Attr) slog.Handler               { return r }
func (r *reason) WithGroup(string) slog.Handler                    { return r }

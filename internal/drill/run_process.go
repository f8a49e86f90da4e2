package drill

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
)

// endWithin is how long a process that was asked to end may take.
const endWithin = 10 * time.Second

// A Program is how our own binary is started.
type Program struct {
	Path string
	Name string // argument 0
}

// Self is the program that runs now.
func Self() (Program, error) {
	path, err := os.Executable()
	if err != nil {
		return Program{}, fmt.Errorf("find the own binary: %w", err)
	}
	return Program{path, os.Args[0]}, nil
}

// run runs the program with args until it ends or ctx does, and returns when
// it has ended. What it prints goes to out. That it ends before ctx does is an
// error. Were this process killed, it would end with it.
func (p Program) run(ctx context.Context, args []string, out io.Writer) error {
	runtime.LockOSThread() // a leashed process dies with the thread that started it
	defer runtime.UnlockOSThread()
	c := exec.CommandContext(ctx, p.Path, args...)
	c.Args[0] = p.Name
	c.Env = bare(os.Environ())
	c.Stdout, c.Stderr = out, out
	c.SysProcAttr = leash()
	c.Cancel = func() error { return c.Process.Signal(syscall.SIGTERM) }
	c.WaitDelay = endWithin
	switch err := c.Run(); {
	case errors.Is(err, exec.ErrWaitDelay):
		return fmt.Errorf("sonde %s: still there %v after it was told to end, so it was killed", args[0], endWithin)
	case ctx.Err() != nil:
		return nil
	case err != nil:
		return fmt.Errorf("sonde %s: %w", args[0], err)
	}
	return fmt.Errorf("sonde %s: ended by itself", args[0])
}

// bare leaves out what would lead the program elsewhere than a drill wants.
func bare(env []string) []string {
	return slices.DeleteFunc(slices.Clone(env), func(e string) bool {
		return strings.HasPrefix(e, "SONDE_") || strings.HasPrefix(e, "OTEL_")
	})
}

// logFile is what a process prints, kept in a file of the drill's directory and
// told line by line.
type logFile struct {
	file  *os.File
	begun []byte            // of a line that hasn't ended
	line  func(text string) // told of each
}

func newLog(dir, name string, line func(text string)) (*logFile, error) {
	f, err := os.OpenFile(logPath(dir, name), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("keep what is printed: %w", err)
	}
	return &logFile{file: f, line: line}, nil
}

func logPath(dir, name string) string { return filepath.Join(dir, name+".log") }

// Close closes the file.
func (l *logFile) Close() error { return l.file.Close() }

const maxLine = 64 << 10

// Write is called by one goroutine at a time, as os/exec promises where output
// and errors go to one writer.
func (l *logFile) Write(b []byte) (int, error) {
	l.begun = append(l.begun, b...)
	for {
		line, rest, ended := bytes.Cut(l.begun, []byte{'\n'})
		if !ended {
			break
		}
		l.line(string(line))
		l.begun = rest
	}
	if len(l.begun) > maxLine {
		l.begun = nil
	}
	return l.file.Write(b)
}

// tail is the end of what was printed to a log, for people.
func tail(dir, name string) string {
	text, err := os.ReadFile(logPath(dir, name))
	if err != nil {
		return ""
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.Join(lines[max(0, len(lines)-5):], "\n")
}

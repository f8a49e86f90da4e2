// Package dirlock keeps two processes from using one directory.
package dirlock

import (
	"errors"
	"os"
	"path/filepath"
)

// ErrTaken says that another process uses the directory.
var ErrTaken = errors.New("another process uses it")

// Take locks dir, which must exist, by the file "lock" in it. Closing what it
// returns releases the lock, and so does the end of the process. The error is
// [ErrTaken] where another holds it.
func Take(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := lockFile(f); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

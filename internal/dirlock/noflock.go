//go:build !unix || solaris || aix

package dirlock

import "os"

// lockFile does nothing where there is no flock; that no two processes share a
// directory is the operator's care there.
func lockFile(*os.File) error { return nil }

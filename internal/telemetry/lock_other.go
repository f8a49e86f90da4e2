//go:build !unix || solaris || aix

package telemetry

import "os"

// lockFile does nothing where there is no flock; that no two agents share a
// data directory is the operator's care there.
func lockFile(*os.File) error { return nil }

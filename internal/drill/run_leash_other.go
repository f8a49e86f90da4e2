//go:build !linux

package drill

import "syscall"

// leash keeps a process away from the terminal's interrupts, which are for the
// drill to pass on.
func leash() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

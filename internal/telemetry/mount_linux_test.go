package telemetry

import "syscall"

// mountSmall puts a file system of 512 KiB at dir.
func mountSmall(dir string) error { return syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=512k") }

func unmount(dir string) error { return syscall.Unmount(dir, syscall.MNT_DETACH) }

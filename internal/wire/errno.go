package wire

import (
	"errors"
	"io"
	"syscall"
)

// isLocal reports whether err is our own lack of files, sockets, ports or
// memory. The last two come of ports and of the kernel's tables that are used
// up: Go takes the second for a time-out, which it isn't.
func isLocal(err error) bool {
	return isAny(err, syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.EADDRNOTAVAIL,
		syscall.EADDRINUSE, syscall.EAGAIN)
}

func isReset(err error) bool {
	return isAny(err, syscall.ECONNRESET, syscall.EPIPE, io.EOF, io.ErrUnexpectedEOF)
}

func isRefused(err error) bool { return isAny(err, syscall.ECONNREFUSED) }

func isUnreachable(err error) bool {
	return isAny(err, syscall.ENETUNREACH, syscall.EHOSTUNREACH)
}

func isNetworkDown(err error) bool { return isAny(err, syscall.ENETDOWN) }

func isAny(err error, targets ...error) bool {
	for _, t := range targets {
		if errors.Is(err, t) {
			return true
		}
	}
	return false
}

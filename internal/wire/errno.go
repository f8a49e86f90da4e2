package wire

import (
	"errors"
	"io"
	"syscall"
)

// isLocal reports whether err is our own lack of files, sockets or memory.
func isLocal(err error) bool {
	return isAny(err, syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.EADDRNOTAVAIL)
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

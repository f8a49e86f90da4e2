package probes_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sonde-media/sonde/probes"
)

func TestAsFailure(t *testing.T) {
	tests := []struct {
		name string
		err  error
		code probes.Code
		text string
	}{
		{"failure", probes.Fail(probes.TLSExpired, io.EOF), probes.TLSExpired, "EOF"},
		{"wrapped", fmt.Errorf("hop 2: %w", probes.Fail(probes.DNSTimeout, io.EOF)), probes.DNSTimeout, "EOF"},
		{"joined", errors.Join(io.EOF, probes.Fail(probes.BodySize, nil)), probes.BodySize, ""},
		{"canceled", fmt.Errorf("read: %w", context.Canceled), probes.Canceled, "read: context canceled"},
		{"failure by cancellation keeps its code", probes.Fail(probes.HTTPTimeout, context.Canceled), probes.HTTPTimeout, "context canceled"},
		{"deadline is ours unless classified", context.DeadlineExceeded, probes.Internal, "context deadline exceeded"},
		{"other", io.ErrUnexpectedEOF, probes.Internal, "unexpected EOF"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := probes.AsFailure(tt.err); got.Code != tt.code || got.Detail != tt.text {
				t.Errorf("got %v, want %s: %s", got, tt.code, tt.text)
			}
		})
	}
}

func TestFailKeepsItsCause(t *testing.T) {
	err := probes.Fail(probes.BodyTruncated, io.ErrUnexpectedEOF)
	if !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("got %v, want the cause in it", err)
	}
	if got, want := err.Error(), "body_truncated: unexpected EOF"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestFailWithUnknownCode(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("got no panic for a code that isn't in the list")
		}
	}()
	_ = probes.Fail("made_up", nil)
}

func TestNote(t *testing.T) {
	for code, want := range map[probes.Code]probes.Severity{
		probes.RangeIgnored: probes.Warning,
		probes.CertWeak:     probes.Notice,
		probes.FeedSyntax:   probes.Warning, // it would fail a run; recovered it is a warning
	} {
		got := probes.Note(code, "a.example", "text")
		if diff := cmp.Diff(probes.Finding{Code: code, Severity: want, Host: "a.example", Detail: "text"}, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
}

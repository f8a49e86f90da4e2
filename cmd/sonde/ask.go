package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/sonde-media/sonde/internal/api"
)

// An asking command asks a hub.
type asking struct {
	hub  string
	json bool
}

func (a *asking) register(fs *pflag.FlagSet) {
	fs.SortFlags = false
	fs.StringVar(&a.hub, "hub", "http://"+defaultListen, "`URL` of the hub; SONDE_TOKEN is shown to it where it is set")
	fs.BoolVar(&a.json, "json", false, "print one JSON document a line")
}

// ask calls f with a client of the hub. What the hub refuses is a mistake of
// who asks; a hub that can't be asked leaves the question open.
func (a *asking) ask(c *cobra.Command, f func(context.Context, *api.Client) error) error {
	client, err := api.NewClient(a.hub, token())
	if err != nil {
		return usageError{fmt.Errorf("--hub: %w", err)}
	}
	defer client.Close()
	err = f(c.Context(), client)
	if status, ok := errors.AsType[*api.StatusError](err); ok {
		switch status.Status {
		case http.StatusUnauthorized, http.StatusForbidden:
			return usageError{fmt.Errorf("%s: %s; set SONDE_TOKEN to a token that may do this", a.hub, printable(err.Error()))}
		case http.StatusBadRequest, http.StatusNotFound, http.StatusRequestEntityTooLarge:
			return usageError{errors.New(printable(err.Error()))}
		}
	}
	if err == nil || errors.Is(err, errPrint) {
		return err
	}
	if away, ok := errors.AsType[*url.Error](err); ok {
		err = fmt.Errorf("ask the hub at %s: %w; does it run there? --hub URL names another", a.hub, away.Err)
	}
	fmt.Fprintf(c.ErrOrStderr(), "sonde: %s\n", printable(err.Error()))
	return exitError(exitUnknown)
}

// errPrint says that an answer came and couldn't be written.
var errPrint = errors.New("write the answer")

// pages is the URL of the hub's pages.
func (a *asking) pages() string { return strings.TrimSuffix(a.hub, "/") }

// printJSON writes one document in a line.
func printJSON(w io.Writer, v any) error { return printed(writeJSON(w, v)) }

// writeJSON writes one document in a line, with what can't be seen escaped: a
// terminal obeys some of what JSON needn't escape.
func writeJSON(w io.Writer, v any) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false) // URLs stay legible
	if err := enc.Encode(v); err != nil {
		return err
	}
	_, err := w.Write(withEscapes(b.Bytes()))
	return err
}

// withEscapes escapes what can't be seen in JSON, which is all in its strings.
func withEscapes(text []byte) []byte {
	escaped := make([]byte, 0, len(text))
	for _, r := range string(text) {
		if r < unicode.MaxASCII || unicode.IsPrint(r) {
			escaped = utf8.AppendRune(escaped, r)
			continue
		}
		for _, unit := range utf16.Encode([]rune{r}) {
			escaped = fmt.Appendf(escaped, `\u%04x`, unit)
		}
	}
	return escaped
}

func printText(w io.Writer, text string) error {
	_, err := io.WriteString(w, text)
	return printed(err)
}

func printed(err error) error {
	if err != nil {
		return fmt.Errorf("%w: %w", errPrint, err)
	}
	return nil
}

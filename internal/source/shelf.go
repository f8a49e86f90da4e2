package source

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/sonde-media/sonde/internal/config"
)

// A shelf keeps the last good configuration of a URL, with what is to be known
// of it, as one file DIR/config.yaml that is replaced whole:
//
//	# sonde-agent keeps here what ran last, for a start without the hub
//	# url: https://hub.example:4318/api/v1/config
//	# etag: "0123abcd"
//	# region: eu-west
//	# fetched: 2026-11-22T08:00:00Z
//	# sha256: <of what follows>
//	<the configuration, byte for byte>
type shelf struct {
	dir, url string
}

const (
	shelfTitle = "# sonde-agent keeps here what ran last, for a start without the hub\n"
	maxNote    = 16 << 10 // bytes of one line above the configuration
)

// Keep puts v, which came from the URL from, into an agent's data directory as
// what to begin with there.
func Keep(dir, from string, v *Version) error { return (&shelf{dir, from}).put(v) }

func (s *shelf) path() string { return filepath.Join(s.dir, "config.yaml") }

func (s *shelf) put(v *Version) error {
	var b bytes.Buffer
	sum := sha256.Sum256(v.body)
	fmt.Fprintf(&b, "%s# url: %s\n# etag: %s\n# region: %s\n# fetched: %s\n# sha256: %s\n", shelfTitle,
		s.url, v.etag, v.Region, v.fetched.UTC().Format(time.RFC3339), hex.EncodeToString(sum[:]))
	b.Write(v.body)
	return WriteDurably(s.path(), b.Bytes())
}

// get returns what was kept of this URL; nil where nothing was.
func (s *shelf) get() (*Version, error) {
	f, err := os.Open(s.path())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, config.MaxBytes+8*maxNote))
	if err != nil {
		return nil, err
	}
	body, ok := bytes.CutPrefix(data, []byte(shelfTitle))
	notes := make(map[string]string)
	for _, name := range []string{"url", "etag", "region", "fetched", "sha256"} {
		line, rest, _ := bytes.Cut(body, []byte("\n"))
		text, found := strings.CutPrefix(string(line[:min(len(line), maxNote)]), "# "+name+": ")
		ok = ok && found
		notes[name], body = text, rest
	}
	sum := sha256.Sum256(body)
	if !ok || notes["sha256"] != hex.EncodeToString(sum[:]) {
		return nil, fmt.Errorf("%s is damaged", s.path())
	}
	if notes["url"] != s.url {
		return nil, nil // of another hub
	}
	return s.version(notes, body)
}

func (s *shelf) version(notes map[string]string, body []byte) (*Version, error) {
	c, err := config.Parse(s.path(), body, os.LookupEnv)
	if err != nil {
		return nil, err
	}
	at, err := time.Parse(time.RFC3339, notes["fetched"])
	if err != nil {
		return nil, fmt.Errorf("%s is damaged", s.path())
	}
	return &Version{Config: c, Region: notes["region"], fetched: at, etag: notes["etag"]}, nil
}

// WriteDurably makes path hold body, readable by its owner alone: whole or not
// at all, and so that it survives a crash once this has returned. It makes the
// directory where there is none, and leaves a file path.tmp at most, which the
// next one takes.
func WriteDurably(path string, body []byte) (err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	tmp := path + ".tmp"
	defer func() {
		if err != nil {
			os.Remove(tmp)
		}
	}()
	f, err := os.OpenFile(tmp, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(body)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := os.Rename(tmp, path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

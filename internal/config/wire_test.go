package config

import (
	"encoding/pem"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestWireRoots(t *testing.T) {
	srv := httptest.NewTLSServer(nil)
	defer srv.Close()
	dir := t.TempDir()
	roots := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw})
	write(t, filepath.Join(dir, "roots.pem"), roots)
	write(t, filepath.Join(dir, "sonde.yaml"), []byte("ca_file: roots.pem\nuser_agent: x\ntargets: []\n"))

	c, err := Load(filepath.Join(dir, "sonde.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	o, err := c.Wire()
	if err != nil {
		t.Fatal(err)
	}
	if o.Roots == nil || o.UserAgent != "x" {
		t.Errorf("got %+v, want roots and the user agent", o)
	}
}

func TestWireRootsBad(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "key.pem"), []byte("not PEM"))
	path := filepath.Join(dir, "sonde.yaml")
	for name, want := range map[string]string{
		"absent.pem": "no such file or directory",
		"key.pem":    "holds no certificate in PEM form",
	} {
		write(t, path, []byte("targets: []\nca_file: "+name+"\n"))
		c, err := Load(path)
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.Wire()
		if err == nil || !strings.HasPrefix(err.Error(), path+":2:10: ca_file ") || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", name, err, want)
		}
	}
}

func write(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

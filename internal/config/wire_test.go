package config

import (
	"crypto/x509"
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

// Each named file is a store of its own, and what is wrong with any is told.
func TestWireStores(t *testing.T) {
	srv := httptest.NewTLSServer(nil)
	defer srv.Close()
	dir := t.TempDir()
	roots := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw})
	write(t, filepath.Join(dir, "a.pem"), roots)
	write(t, filepath.Join(dir, "b.pem"), []byte("not PEM"))
	path := filepath.Join(dir, "sonde.yaml")
	write(t, path, []byte("targets: []\nroots: {android-7: a.pem, old mac: "+filepath.Join(dir, "a.pem")+"}\n"))
	c, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	o, err := c.Wire()
	if err != nil {
		t.Fatal(err)
	}
	if len(o.Stores) != 2 || o.Stores[0].Name != "android-7" || o.Stores[1].Name != "old mac" || o.Roots != nil {
		t.Errorf("got %+v", o)
	}
	if _, err := srv.Certificate().Verify(x509.VerifyOptions{Roots: o.Stores[0].Roots}); err != nil {
		t.Error(err)
	}

	write(t, path, []byte("targets: []\nroots:\n  a: absent.pem\n  b: b.pem\n  c: a.pem\n"))
	if c, err = Load(path); err != nil {
		t.Fatal(err)
	}
	want := path + ":3:6: roots a " + filepath.Join(dir, "absent.pem") + ": no such file or directory\n" +
		path + ":4:6: roots b " + filepath.Join(dir, "b.pem") + ": holds no certificate in PEM form"
	if _, err = c.Wire(); err == nil || err.Error() != want {
		t.Errorf("got %v\nwant %s", err, want)
	}
}

func write(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

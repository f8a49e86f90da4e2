package store

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func openRecordsTest(t *testing.T, dir string) *Records {
	t.Helper()
	r, err := OpenRecords(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

// A hub has the records open while the command line adds to them.
func TestTokensOfAnotherProcess(t *testing.T) {
	dir := t.TempDir()
	hub, cli := openRecordsTest(t, dir), openRecordsTest(t, dir)
	made, secret, err := cli.CreateToken(RoleAgent, "eu-west")
	if err != nil {
		t.Fatal(err)
	}
	got, err := hub.Token(secret)
	if err != nil || got.ID != made.ID || got.Role != RoleAgent || got.Region != "eu-west" || got.Created.IsZero() {
		t.Errorf("got %+v and %v", got, err)
	}
	for _, wrong := range []string{"", "sonde_", secret[:len(secret)-1], secret + "A", strings.ToUpper(secret), made.ID} {
		if _, err := hub.Token(wrong); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%q: got %v, want none", wrong, err)
		}
	}
	if err := cli.RevokeToken(made.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := hub.Token(secret); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("revoked: got %v, want none", err)
	}
	if err := hub.RevokeToken(made.ID); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("revoked twice: got %v", err)
	}
}

// Who has the file has no token.
func TestSecretsAreNotKept(t *testing.T) {
	dir := t.TempDir()
	r := openRecordsTest(t, dir)
	_, secret, err := r.CreateToken(RoleAdmin, "")
	if err != nil {
		t.Fatal(err)
	}
	files, _ := filepath.Glob(filepath.Join(dir, recordsFile+"*"))
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(data, []byte(secret)) {
			t.Errorf("%s holds the secret", file)
		}
	}
	info, err := os.Stat(filepath.Join(dir, recordsFile))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("got %v and %v, want a file for its owner alone", info.Mode(), err)
	}
}

func TestTokenIsUsedOnceADay(t *testing.T) {
	r := openRecordsTest(t, t.TempDir())
	_, secret, err := r.CreateToken(RoleViewer, "")
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		tok, err := r.Token(secret)
		if err != nil {
			t.Fatal(err)
		}
		if err := r.UseToken(tok); err != nil {
			t.Fatal(err)
		}
	}
	all, err := r.Tokens()
	if err != nil || len(all) != 1 || time.Since(all[0].Used) > time.Hour {
		t.Errorf("got %+v and %v", all, err)
	}
	var rows int
	if err := r.db.QueryRow("SELECT count(*) FROM records").Scan(&rows); err != nil || rows > 3 { // two at midnight
		t.Errorf("got %d rows and %v", rows, err)
	}
}

func TestCreateTokenRefuses(t *testing.T) {
	r := openRecordsTest(t, t.TempDir())
	for _, c := range []struct {
		role   Role
		region string
		says   string
	}{
		{"owner", "", "there is no role \"owner\""},
		{RoleViewer, "eu", "only agents stand in one"},
		{RoleAgent, strings.Repeat("x", 300), "longer than"},
	} {
		if _, _, err := r.CreateToken(c.role, c.region); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s %s: got %v, want %q", c.role, c.region, err, c.says)
		}
	}
}

func TestHasTokens(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "hub")
	if has, err := HasTokens(dir); has || err != nil {
		t.Errorf("nowhere: got %v and %v", has, err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("it made the directory: %v", err)
	}
	r := openRecordsTest(t, dir)
	made, _, err := r.CreateToken(RoleAgent, "")
	if err != nil {
		t.Fatal(err)
	}
	if has, err := HasTokens(dir); !has || err != nil {
		t.Errorf("one: got %v and %v", has, err)
	}
	if err := r.RevokeToken(made.ID); err != nil {
		t.Fatal(err)
	}
	if has, err := HasTokens(dir); has || err != nil {
		t.Errorf("revoked: got %v and %v", has, err)
	}
}

// A record of another form or kind neither breaks nor opens anything.
func TestStrangeRecords(t *testing.T) {
	dir := t.TempDir()
	r := openRecordsTest(t, dir)
	_, secret, err := r.CreateToken(RoleAgent, "eu")
	if err != nil {
		t.Fatal(err)
	}
	for _, body := range []string{"", "{", `{"role":"admin","sha256":""}`, `{"role":"admin","sha256":"00"}`, `[1]`} {
		if err := r.add(kindToken, "x", body); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(r.add("note", "x", "hello"), r.add(kindRevoked, "", "")); err != nil {
		t.Fatal(err)
	}
	if got, err := r.Token(secret); err != nil || got.Region != "eu" {
		t.Errorf("got %+v and %v", got, err)
	}
	if all, err := r.Tokens(); err != nil || len(all) != 1 {
		t.Errorf("got %+v and %v", all, err)
	}

	if _, err := r.db.Exec("PRAGMA user_version = 9"); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenRecords(dir); err == nil || !strings.Contains(err.Error(), "another version of sonde (form 9") {
		t.Errorf("got %v", err)
	}
}

func BenchmarkToken(b *testing.B) {
	r, err := OpenRecords(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	defer r.Close()
	var secret string
	for range 200 {
		if _, secret, err = r.CreateToken(RoleAgent, "eu"); err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		if _, err := r.Token(secret); err != nil {
			b.Fatal(err)
		}
	}
}

package wiretest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Corpus returns the folder of the corpus's feeds, audio or pages. The corpus
// stands beside the repository; where it is absent the test is skipped.
func Corpus(t testing.TB, part string) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for !exists(filepath.Join(dir, "go.mod")) {
		if dir == filepath.Dir(dir) {
			t.Fatal("the test runs outside the repository")
		}
		dir = filepath.Dir(dir)
	}
	corpus := filepath.Join(dir, "..", "shared", "corpus", part)
	if !exists(corpus) {
		t.Skip("the corpus is not here:", corpus)
	}
	return corpus
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// Table reads tab-separated values whose first line names the columns, a map a
// row.
func Table(t testing.TB, path string) (rows []map[string]string) {
	t.Helper()
	lines := strings.Split(strings.TrimRight(string(Read(t, path)), "\n"), "\n")
	keys := strings.Split(lines[0], "\t")
	for _, line := range lines[1:] {
		row := map[string]string{}
		for i, v := range strings.Split(line, "\t") {
			row[keys[i]] = v
		}
		rows = append(rows, row)
	}
	return rows
}

// Read returns the content of a file.
func Read(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

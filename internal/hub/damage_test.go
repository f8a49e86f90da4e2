package hub

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sonde-media/sonde/internal/store"
)

// A day that was set aside is told of, and keeps the hub from nothing.
func TestDamagedDayIsTold(t *testing.T) {
	h := startHub(t, Options{}, store.Options{})
	h.mustPost(t, protoBody(t, export(1)))
	if _, _, numbers := h.get(t, "/metrics"); !strings.Contains(numbers, "sonde_hub_damaged_days 0") {
		t.Errorf("got %s", numbers)
	}
	files, _ := filepath.Glob(filepath.Join(h.dir, "*.db*"))
	for _, file := range files {
		if err := os.WriteFile(file, make([]byte, 1<<16), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	h.mustPost(t, protoBody(t, export(2)))
	day := began.Format("2006-01-02")
	if code, _, says := h.get(t, "/readyz"); code != 200 || !strings.HasPrefix(says, "ready\nthe file of "+day+" is damaged and was set aside as "+day+".db.damaged-") {
		t.Errorf("got %d %s", code, says)
	}
	if _, _, numbers := h.get(t, "/metrics"); !strings.Contains(numbers, "sonde_hub_damaged_days 1") {
		t.Errorf("got %s", numbers)
	}
}

package telemetry

import (
	"bytes"
	"log/slog"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"
)

func inflateAll(to *bytes.Buffer, body []byte) error {
	_, err := inflate(to, body, maxInflated)
	return err
}

// A backlog is joined without being held in memory, damaged files in it or not.
func TestJoinHoldsLittle(t *testing.T) {
	s, err := openSpool(t.TempDir(), 1<<30, time.Hour, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	random := rand.New(rand.NewPCG(1, 2))
	var want bytes.Buffer
	for range 12 {
		part := bytes.Repeat([]byte{byte(random.Uint32())}, 1<<20)
		want.Write(part)
		body, err := deflate(part)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.put(body, 1); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.put([]byte("no gzip"), 1); err != nil {
		t.Fatal(err)
	}
	d := &destination{spool: s}
	files := s.oldest(joinFiles, joinBytes)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	body, n, err := d.join(files)
	runtime.ReadMemStats(&after)
	if err != nil || n != 12 {
		t.Fatalf("got %d files, %v, want those before the damaged one", n, err)
	}
	if made := after.TotalAlloc - before.TotalAlloc; made > 4<<20 {
		t.Errorf("joining 12 MiB allocates %d bytes, want 4 MiB at most", made)
	}
	var got bytes.Buffer
	if err := inflateAll(&got, body); err != nil || !bytes.Equal(got.Bytes(), want.Bytes()) {
		t.Errorf("got %d bytes, %v, want the %d of the files", got.Len(), err, want.Len())
	}
}

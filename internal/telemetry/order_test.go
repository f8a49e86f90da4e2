package telemetry

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"
)

// Facts come in one order, whether their keys were met before or are too many
// to be remembered.
func TestFactsAreInOrder(t *testing.T) {
	many := listen(t)
	many.Target.Labels = map[string]string{strings.Repeat("long", maxKey): "x", "": "none"}
	for i := range 2 * maxKeys {
		many.Target.Labels[fmt.Sprint("k", i)] = fmt.Sprint(i)
	}
	known.Store(nil)
	for _, run := range []func() []byte{
		func() []byte { return newEncoder(Resource{}).encode(nil, listen(t)) },
		func() []byte { return newEncoder(Resource{}).encode(nil, many) },
	} {
		first := run()
		for range 3 {
			if !bytes.Equal(first, run()) {
				t.Fatal("a run encoded again differs")
			}
		}
	}
	if n := len(knownKeys().names); n != maxKeys {
		t.Errorf("%d keys are known", n)
	}
	want, err := encodeSpans(Spans(many, Resource{}))
	if err != nil {
		t.Fatal(err)
	}
	if diff := gocmp.Diff(decoded(t, want), decoded(t, newEncoder(Resource{}).encode(nil, many)), protocmp.Transform()); diff != "" {
		t.Errorf("requests (-SDK +ours):\n%s", diff)
	}
}

func TestKeysAreLearntByManyAtOnce(t *testing.T) {
	known.Store(nil)
	want := newEncoder(Resource{}).encode(nil, listen(t))
	known.Store(nil)
	var wg sync.WaitGroup
	for range 8 {
		run := listen(t)
		wg.Go(func() {
			if !bytes.Equal(newEncoder(Resource{}).encode(nil, run), want) {
				t.Error("a run encoded beside others differs")
			}
		})
	}
	wg.Wait()
}

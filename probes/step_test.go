package probes_test

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/sonde-media/sonde/probes"
)

func TestStepTakesTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		s := probes.NewStep("hop")
		time.Sleep(3 * time.Second)
		s.Done(nil)
		time.Sleep(time.Second)
		err := io.EOF
		s.Done(&err) // the second call does nothing
		if !s.Start.Equal(begin) || s.Took != 3*time.Second || s.Fail != nil {
			t.Errorf("got start %v, took %v, failure %v", s.Start, s.Took, s.Fail)
		}
	})
}

func TestStepDoneByDefer(t *testing.T) {
	root := probes.NewStep("feed")
	step := func() (err error) {
		s := root.Begin("parse")
		defer s.Done(&err)
		return probes.Fail(probes.FeedSyntax, io.ErrUnexpectedEOF)
	}
	if err := step(); err == nil || root.Steps[0].Fail.Code != probes.FeedSyntax {
		t.Errorf("got %v on the step, want feed_syntax", root.Steps[0].Fail)
	}
}

func TestStepAttributes(t *testing.T) {
	s := probes.NewStep("hop")
	s.Set("text", "x")
	s.Set("int", 3)
	s.Set("int64", int64(4))
	s.Set("empty", "")
	s.Set("none", []string{})
	s.Optional()
	want := map[string]any{"text": "x", "int": 3, "int64": int64(4), probes.AttrCritical: false}
	if diff := cmp.Diff(want, s.Attrs); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if s.Text("text") != "x" || s.Text("int") != "" || s.Text("absent") != "" {
		t.Error("Text: want the string, else nothing")
	}
	if s.Int("int") != 3 || s.Int("int64") != 4 || s.Int("text") != 0 || s.Int("absent") != 0 {
		t.Error("Int: want the number, else 0")
	}
}

func TestStepAll(t *testing.T) {
	root := parseTree(t, `
page
  document
    hop
  asset
    hop
    hop`)
	var got []string
	for s := range root.All() {
		got = append(got, s.Name)
	}
	if diff := cmp.Diff([]string{"page", "document", "hop", "asset", "hop", "hop"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for s := range root.All() {
		if s.Name == "hop" {
			break // an early end must not go on elsewhere in the tree
		}
	}
}

// Parallel children keep the order in which they were begun.
func TestStepParallelChildren(t *testing.T) {
	root := probes.NewStep("page")
	var wg sync.WaitGroup
	for i := range 20 {
		s := root.Begin(fmt.Sprint(i))
		wg.Go(func() {
			defer s.Done(nil)
			s.Begin("hop").Done(nil)
			root.Find(probes.Note(probes.PageAsset, "", ""))
			root.Set("key", i)
		})
	}
	wg.Wait()
	for i, s := range root.Steps {
		if s.Name != fmt.Sprint(i) || len(s.Steps) != 1 {
			t.Errorf("got %s with %d children in place %d", s.Name, len(s.Steps), i)
		}
	}
	if len(root.Findings) != 20 {
		t.Errorf("got %d findings, want 20", len(root.Findings))
	}
}

// Strangers write headers and certificates; a run stays small nonetheless.
func TestRecordsAreBounded(t *testing.T) {
	s := probes.NewStep("hop")
	long := strings.Repeat("ü", probes.MaxText)
	s.Set(probes.AttrLocation, long)
	s.Set(probes.AttrDNSAnswers, slices.Repeat([]string{long}, 1000))
	s.Find(probes.Note(probes.InsecureHTTP, long, long))
	err := probes.Fail(probes.HTTPOther, errors.New(long))
	s.Done(&err)
	texts := append([]string{s.Text(probes.AttrLocation), s.Findings[0].Host, s.Findings[0].Detail, s.Fail.Detail}, s.Attrs[probes.AttrDNSAnswers].([]string)...)
	if len(texts) != 4+probes.MaxList {
		t.Errorf("got %d texts", len(texts))
	}
	for _, text := range texts {
		if len(text) > probes.MaxText || !strings.HasSuffix(text, "…") || !utf8.ValidString(text) {
			t.Fatalf("got %d bytes, …%s", len(text), text[max(0, len(text)-10):])
		}
	}
}

func TestSafely(t *testing.T) {
	err := probes.Safely(func() error { panic("oops") })
	if f := probes.AsFailure(err); f.Code != probes.Internal || !strings.Contains(f.Detail, "oops") {
		t.Errorf("got %v", f)
	}
	if err := probes.Safely(func() error { return nil }); err != nil {
		t.Error(err)
	}
}

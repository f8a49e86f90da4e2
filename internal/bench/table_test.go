package bench

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"
)

// A table holds ms of CPU a probe by case and prober, in the order of rounds.
type table struct {
	cases []string
	cells map[[2]string][]float64
}

func (r *table) add(name, prober string, ms float64) {
	if r.cells == nil {
		r.cells = map[[2]string][]float64{}
	}
	if !slices.Contains(r.cases, name) {
		r.cases = append(r.cases, name)
	}
	key := [2]string{name, prober}
	r.cells[key] = append(r.cells[key], ms)
}

// show prints medians and least values, and how many times Sonde's cost the
// others take: round by round, so that what else the machine does weighs on
// both, and of these the median.
func (r *table) show(t *testing.T, how string) {
	var b bytes.Buffer
	fmt.Fprintf(&b, "CPU a probe in ms, user and system: median (least) of %d rounds of %d probes; %s\n", *rounds, *count, how)
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	others := []string{"net/http", "blackbox"}
	if *against != "" {
		others = append(others, "against")
	}
	fmt.Fprintf(w, "case\tsonde\t%s\t%s : sonde\t\n", strings.Join(others, "\t"), strings.Join(others, " : sonde\t"))
	for _, c := range r.cases {
		fmt.Fprintf(w, "%s\t%s\t", c, r.cell(c, "sonde"))
		for _, o := range others {
			fmt.Fprintf(w, "%s\t", r.cell(c, o))
		}
		for _, o := range others {
			fmt.Fprintf(w, "%s\t", r.ratio(c, o))
		}
		fmt.Fprintln(w)
	}
	w.Flush()
	io.Copy(os.Stdout, bytes.NewReader(b.Bytes()))
	if *out == "" {
		return
	}
	if err := os.MkdirAll(filepath.Dir(*out), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(*out, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

func (r *table) cell(name, prober string) string {
	all := r.cells[[2]string{name, prober}]
	if len(all) == 0 {
		return "–"
	}
	return fmt.Sprintf("%.2f (%.2f)", median(all), slices.Min(all))
}

func (r *table) ratio(name, prober string) string {
	own, other := r.cells[[2]string{name, "sonde"}], r.cells[[2]string{name, prober}]
	if len(own) == 0 || len(other) == 0 {
		return "–"
	}
	ratios := make([]float64, len(own))
	for i := range min(len(own), len(other)) {
		ratios[i] = other[i] / own[i]
	}
	return fmt.Sprintf("%.3f", median(ratios))
}

func median(all []float64) float64 {
	s := slices.Sorted(slices.Values(all))
	return (s[(len(s)-1)/2] + s[len(s)/2]) / 2
}

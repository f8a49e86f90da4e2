package drill

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
)

// columns of a score table that are right or wrong.
var columns = []string{"code", "cause", "culprit", "scope", "severity", "regions", "services", "unaffected", "targets"}

// WriteTable writes a score a line for people:
//
//	DRILL     RESULT   CODE  CAUSE  …  TARGETS  DETECTED             RECOVERED      EXTRA
//	megaphone correct  ok    ok     …  ok       2.1 s, 2.1 intervals 3.2 intervals  0
//
// and below it what was expected and told instead, where something is wrong.
func WriteTable(w io.Writer, results []Result) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, strings.ToUpper(strings.Join(slices.Concat([]string{"drill", "result"}, columns, []string{"detected", "recovered", "extra"}), "\t")))
	for _, r := range results {
		fmt.Fprintln(t, strings.Join(r.row(), "\t"))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	right := 0
	for _, r := range results {
		if r.Correct {
			right++
		}
	}
	_, err := fmt.Fprintf(w, "\n%d of %d correct\n%s", right, len(results), why(results))
	return err
}

// row is the cells of one result.
func (r Result) row() []string {
	cells := []string{r.Drill, r.verdict()}
	for _, c := range columns {
		cells = append(cells, r.cell(c))
	}
	return append(cells, r.detected(), r.recovered(), fmt.Sprint(r.ExtraIncidents))
}

func (r Result) verdict() string {
	switch {
	case r.Error != "":
		return "not run"
	case r.Correct:
		return "correct"
	}
	return "wrong"
}

// cell says whether what a column is about is right; - where nothing is known.
func (r Result) cell(column string) string {
	for _, m := range r.Marks {
		if m.Field == column && m.Right {
			return "ok"
		} else if m.Field == column {
			return "WRONG"
		}
	}
	return "-"
}

func (r Result) detected() string {
	if r.SecondsToDetect == nil {
		return r.cell("detected")
	}
	return fmt.Sprintf("%.1f s, %.1f intervals%s", *r.SecondsToDetect, *r.IntervalsToDetect, r.late("detected"))
}

func (r Result) recovered() string {
	if r.IntervalsToEnd == nil {
		return r.cell("recovered")
	}
	return fmt.Sprintf("%.1f intervals%s", *r.IntervalsToEnd, r.late("recovered"))
}

// late marks a time that is wrong.
func (r Result) late(field string) string {
	if slices.Contains(r.Wrong, field) {
		return " WRONG"
	}
	return ""
}

// why lists what is wrong.
func why(results []Result) string {
	var b strings.Builder
	for _, r := range results {
		if r.Error != "" {
			fmt.Fprintf(&b, "\n%s: %s\n", r.Drill, r.Error)
		}
		if r.Correct || r.Error != "" {
			continue
		}
		fmt.Fprintf(&b, "\n%s\n", r.Drill)
		for _, m := range r.Marks {
			if !m.Right {
				fmt.Fprintf(&b, "  %s: want %s, got %s\n", m.Field, orNone(m.Want), orNone(m.Reported))
			}
		}
		for _, e := range r.Extra {
			fmt.Fprintf(&b, "  %s: %s\n", e.what(), e.Title)
		}
		if r.Busy() {
			fmt.Fprintf(&b, "  this machine had too much to do: timers came up to %.1f s late; try fewer side by side, --parallel\n", r.Late)
		}
	}
	return b.String()
}

func (e Extra) what() string {
	what := "too many"
	if e.Split {
		what = "split off"
	}
	if e.Withdrawn {
		what += ", withdrawn"
	}
	return what
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

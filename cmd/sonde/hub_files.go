package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/sonde-media/sonde/internal/store"
)

func verifyCommand() *cobra.Command {
	var data string
	c := &cobra.Command{
		Use:   "verify [--data DIR]",
		Short: "Check the hub's files, page by page",
		Long: `Check every page and index of the hub's files, and count their rows. The hub may
run meanwhile. The exit status is 1 where a file is damaged.

A running hub sets a damaged day aside by itself when it meets the damage: the
file is renamed, a fresh one takes what comes for that day, and /readyz,
sonde_hub_damaged_days and the log tell. To have the day back, take it from a
backup. What can be read of the damaged file, the program sqlite3 can tell
(.recover).`,
		Example: "  sonde hub verify --data /var/lib/sonde",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			dir, err := hubDir(data)
			if err != nil {
				return usageError{err}
			}
			damaged := 0
			err = store.Verify(c.Context(), dir, func(f store.Checked) {
				tellChecked(c.OutOrStdout(), f)
				if len(f.Faults) > 0 {
					damaged++
				}
			})
			switch {
			case errors.Is(err, fs.ErrNotExist):
				return usageError{err}
			case err != nil:
				return err
			case damaged > 0:
				return fmt.Errorf("%s damaged in %s", counted(damaged, "file"), dir)
			}
			return nil
		},
	}
	c.Flags().StringVar(&data, "data", "", dataUsage)
	return c
}

// tellChecked writes a line for a file, and one for each of its faults.
func tellChecked(w io.Writer, f store.Checked) {
	state := "ok"
	switch {
	case f.Aside:
		fmt.Fprintf(w, "%-14s  set aside  %s\n", f.File, mebibytes(f.Bytes))
		return
	case len(f.Faults) > 0:
		state = "damaged"
	}
	rows := ""
	for _, table := range []string{"runs", "hops", "traces", "agents", "cells", "records"} {
		if n, ok := f.Rows[table]; ok {
			rows += fmt.Sprintf("  %d %s", n, table)
		}
	}
	fmt.Fprintf(w, "%-14s  %-9s  %s%s\n", f.File, state, mebibytes(f.Bytes), rows)
	for _, fault := range f.Faults {
		fmt.Fprintf(w, "%16s%s\n", "", printable(fault))
	}
}

func mebibytes(n int64) string { return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20)) }

func backupCommand() *cobra.Command {
	var data string
	c := &cobra.Command{
		Use:   "backup [--data DIR] DEST",
		Short: "Copy the hub's files while it runs",
		Long: `Bring the directory DEST up to what the hub has now: its days and its records,
which are tokens (as hashes) and notes. The hub may run meanwhile. Each file is
copied as it stood at one moment, and comes under its name when it is whole and
on disk. One that hasn't changed since it was copied is left alone, so that the
next backup into the same DEST takes the days that changed: in the main today.

Days that the hub has deleted for their age stay in DEST. A file that is damaged
is named, keeps nobody from the others, and leaves the copy from before. The exit
status is 1 then. Run it as the user that the hub runs as.`,
		Example: "  sonde hub backup --data /var/lib/sonde /mnt/backup/sonde",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			dir, err := hubDir(data)
			if err != nil {
				return usageError{err}
			}
			t := newCopies(c.OutOrStdout(), "copied")
			err = store.Backup(c.Context(), dir, filepath.Clean(args[0]), t.tell)
			if errors.Is(err, fs.ErrNotExist) && t.n == 0 {
				return usageError{err}
			}
			t.sum()
			return err
		},
	}
	c.Flags().StringVar(&data, "data", "", dataUsage)
	return c
}

func restoreCommand() *cobra.Command {
	var data string
	var replace bool
	c := &cobra.Command{
		Use:   "restore SRC [--data DIR]",
		Short: "Bring a backup back",
		Long: `Put the days and records of SRC, which sonde hub backup wrote, into the hub's
directory. The hub must not run. A directory that holds days or records already
is refused, unless --replace says what to do with them: they are moved into a
folder of it called replaced-TIME.

A file of SRC that is damaged is named and left out, and the exit status is 1.
Run it as the user that the hub runs as. The directory of a hub that has ended,
copied by other means with its -wal files, does as SRC too.`,
		Example: "  sonde hub restore /mnt/backup/sonde --data /var/lib/sonde",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			dir, err := hubDir(data)
			if err != nil {
				return usageError{err}
			}
			t := newCopies(c.OutOrStdout(), "restored")
			err = store.Restore(c.Context(), filepath.Clean(args[0]), dir, replace, t.tell)
			switch {
			case errors.Is(err, store.ErrNotEmpty):
				return usageError{fmt.Errorf("%w; choose another with --data, or move them away by --replace", err)}
			case errors.Is(err, fs.ErrNotExist) && t.n == 0:
				return usageError{err}
			}
			t.sum()
			return err
		},
	}
	c.Flags().StringVar(&data, "data", "", dataUsage)
	c.Flags().BoolVar(&replace, "replace", false, "move what DIR holds into a folder of it")
	return c
}

// Copies tell of files as they are done, and of all in the end.
type copies struct {
	w                   io.Writer
	what                string // is done with them
	begin               time.Time
	n, unchanged, wrong int
	bytes               int64
}

func newCopies(w io.Writer, what string) *copies {
	return &copies{w: w, what: what, begin: time.Now()}
}

func (t *copies) tell(c store.Copied) {
	t.n++
	switch {
	case c.Err != nil:
		t.wrong++
		fmt.Fprintf(t.w, "%-14s  not %s: %s\n", c.File, t.what, printable(c.Err.Error()))
	case c.Unchanged:
		t.unchanged++
	default:
		t.bytes += c.Bytes
		fmt.Fprintf(t.w, "%-14s  %s  %s\n", c.File, t.what, mebibytes(c.Bytes))
	}
}

func (t *copies) sum() {
	fmt.Fprintf(t.w, "%d %s (%s), %d unchanged, %d damaged, in %v\n",
		t.n-t.unchanged-t.wrong, t.what, mebibytes(t.bytes), t.unchanged, t.wrong, time.Since(t.begin).Round(time.Millisecond))
}

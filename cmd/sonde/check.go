package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"
	"golang.org/x/term"

	"github.com/sonde-media/sonde/internal/config"
	"github.com/sonde-media/sonde/internal/wire"
	"github.com/sonde-media/sonde/probes"
)

// checkParallel is how many URLs are probed at once.
const checkParallel = 4

// A check is the command line of sonde check.
type check struct {
	netFlags
	kind        string
	json        bool
	verbose     bool
	recordQuery bool
	full        bool
	episodes    int
	addresses   string
	ip          int

	episodesSet    bool
	stdout, stderr io.Writer
	wire, look     *wire.Net // look finds out kinds
	sender         *sender
}

const checkExample = `  sonde check https://feeds.example.org/show.xml
  sonde check --kind page --verbose https://www.example.org/
  sonde check --json https://cdn.example.org/1.mp3 | jq .outcome`

func checkCommand() *cobra.Command {
	c := &check{}
	cmd := &cobra.Command{
		Use:   "check [flags] URL...",
		Short: "Probe URLs once, now, and show what happened step by step",
		Long: `Check fetches each URL once, the way a listener's client would, and prints what
happened as a tree: every hop with its name lookup, connection, handshake,
request and body, how long each took, and what failed.

Exit status: 0 all ok or degraded, 1 something failed, 2 usage, 3 couldn't tell.`,
		Example: checkExample,
		Args:    checkURLs,
		RunE: func(cmd *cobra.Command, args []string) error {
			c.stdout, c.stderr = cmd.OutOrStdout(), cmd.ErrOrStderr()
			c.episodesSet = cmd.Flags().Changed("episodes")
			return c.run(cmd.Context(), args)
		},
	}
	fs := cmd.Flags()
	fs.SortFlags = false
	fs.StringVar(&c.kind, "kind", "", "what the URLs are: feed, enclosure or page (default: found out)")
	fs.IntVar(&c.episodes, "episodes", 1, "newest `N` episodes of a feed to fetch too; 0: the feed only")
	fs.BoolVar(&c.full, "full", false, "fetch whole enclosures, to their end")
	fs.StringVar(&c.addresses, "addresses", "one", "which of a name to go to: one, as a client does, or all, so that one bad edge shows")
	fs.IntVar(&c.ip, "ip", 0, "go to addresses of IP version 4 or 6 alone (default: both)")
	fs.BoolVar(&c.recordQuery, "record-query", false, "show URLs with user info and query values, which may be secrets")
	fs.BoolVar(&c.json, "json", false, "print one JSON document a line")
	fs.BoolVarP(&c.verbose, "verbose", "v", false, "collapse and shorten nothing")
	c.register(fs)
	return cmd
}

// checkURLs refuses what can't be fetched, all of it at once.
func checkURLs(_ *cobra.Command, args []string) error {
	if len(args) == 0 {
		return errors.New("which URL? For example: sonde check https://feeds.example.org/show.xml")
	}
	var errs []error
	for _, arg := range args {
		errs = append(errs, checkURL(arg))
	}
	return errors.Join(errs...)
}

// checkURL says what is wrong with arg. A password or token in it is not
// repeated: errors end in logs.
func checkURL(arg string) error {
	shown := probes.RecordURLText(arg, false)
	u, err := url.Parse(arg)
	switch {
	case arg == "":
		return errors.New("an empty URL")
	case !strings.Contains(arg, "://"):
		whole := "https://" + strings.TrimPrefix(arg, "//")
		return fmt.Errorf("this has no scheme, did you mean %s?", probes.RecordURLText(whole, false))
	case err != nil && strings.Contains(arg, "@"): // the reason would quote what may be a password
		return fmt.Errorf("%q: not a URL", shown)
	case err != nil:
		return fmt.Errorf("%q: not a URL: %w", shown, errors.Unwrap(err))
	case u.Scheme != "http" && u.Scheme != "https":
		return fmt.Errorf("%q: only http and https can be probed", shown)
	}
	if err := wire.Normalize(u); err != nil {
		return fmt.Errorf("%q: %w", shown, err)
	}
	return nil
}

// run probes all URLs and prints each run as soon as those before it are
// printed.
func (c *check) run(ctx context.Context, urls []string) (err error) {
	c.wire, err = c.net(wire.Options{})
	if err := errors.Join(c.valid(), err); err != nil {
		return usageError{err}
	}
	if c.look, err = c.net(wire.Options{}); err != nil {
		return err
	}
	if c.sender, err = openSender(&c.netFlags, c.stderr); err != nil {
		return err
	}
	defer c.sender.close(ctx)
	results := make([]chan result, len(urls))
	for i := range results {
		results[i] = make(chan result, 1)
	}
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() { c.probeAll(ctx, urls, results) })
	defer wg.Wait()
	defer cancel()
	return c.printAll(urls, results)
}

func (c *check) valid() error {
	var errs []error
	if c.kind != "" && !slices.Contains(config.Kinds(), c.kind) {
		errs = append(errs, fmt.Errorf("--kind: want %s, got %q", strings.Join(config.Kinds(), ", "), c.kind))
	}
	if c.episodes < 0 {
		errs = append(errs, errors.New("--episodes: must not be negative"))
	}
	if c.episodesSet && (c.kind == "enclosure" || c.kind == "page") {
		errs = append(errs, fmt.Errorf("--episodes: means feeds, not --kind %s", c.kind))
	}
	if err := (wire.Choices{Addresses: c.addresses}).Check(); err != nil {
		errs = append(errs, fmt.Errorf("--%w", err))
	}
	if err := (wire.Choices{IP: c.ip}).Check(); err != nil {
		errs = append(errs, fmt.Errorf("--%w", err))
	}
	if c.full && c.kind == "page" {
		errs = append(errs, errors.New("--full: means feeds and enclosures, not --kind page"))
	}
	return errors.Join(errs...)
}

// A result is a finished run, or why there is none.
type result struct {
	run *probes.Run
	err error
}

// probeAll probes urls, a few at once. Each has a channel of its own for its
// result.
func (c *check) probeAll(ctx context.Context, urls []string, results []chan result) {
	var group errgroup.Group
	group.SetLimit(checkParallel)
	for i, u := range urls {
		group.Go(func() error {
			run, err := c.probe(ctx, u)
			results[i] <- result{run, err}
			return nil
		})
	}
	group.Wait()
}

func (c *check) probe(ctx context.Context, rawURL string) (*probes.Run, error) {
	t := c.target(rawURL)
	if t.Kind == "" {
		t.Kind = findKind(ctx, c.look, rawURL, c.timeout)
	}
	t.Options = c.kindOptions(t.Kind)
	f, err := config.NewProbe(c.wire, t)
	if err != nil {
		return nil, usageError{err}
	}
	return probes.Do(ctx, f, t), nil
}

func (c *check) target(rawURL string) probes.Target {
	return probes.Target{
		Name: probes.DefaultName(rawURL), Kind: c.kind, URL: rawURL,
		Timeout: c.timeout, RecordQuery: c.recordQuery,
	}
}

// kindOptions are the flags that mean kind, by the keys of its options. Where
// the kind was found out, those that mean others are left out.
func (c *check) kindOptions(kind string) probes.Options {
	o := probes.Options{}
	if kind == "feed" && c.episodesSet {
		o["episodes"] = c.episodes
	}
	if c.full && kind != "page" {
		o["full"] = true
	}
	if c.addresses != "one" {
		o["addresses"] = c.addresses
	}
	if c.ip != 0 {
		o["ip"] = c.ip
	}
	return o
}

// printAll prints what comes from results, in the order of urls.
func (c *check) printAll(urls []string, results []chan result) error {
	tally := map[probes.Outcome]int{}
	for i := range urls {
		run, err := c.await(urls[i], results[i])
		if err != nil {
			return err
		}
		tally[run.Outcome]++
		c.sender.send(run)
		if err := c.print(run, i); err != nil {
			return err
		}
	}
	c.summary(tally, len(urls))
	return tallied(tally)
}

func (c *check) print(run *probes.Run, i int) error {
	if c.json {
		return writeJSON(c.stdout, document(run))
	}
	if i > 0 {
		fmt.Fprintln(c.stdout)
	}
	_, err := io.WriteString(c.stdout, c.view().draw(run))
	return err
}

func (c *check) view() treeView { return viewOf(c.stdout, c.verbose) }

// viewOf fits the terminal that stdout is; elsewhere lines are $COLUMNS or 80
// columns wide.
func viewOf(stdout io.Writer, verbose bool) treeView {
	v := treeView{width: 80, verbose: verbose}
	if columns, err := strconv.Atoi(os.Getenv("COLUMNS")); err == nil {
		v.width = columns
	}
	if fd, ok := terminal(stdout); ok {
		v.paint = os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
		if width, _, err := term.GetSize(fd); err == nil {
			v.width = width
		}
	}
	return v
}

// terminal returns the file descriptor of w, where it is a terminal.
func terminal(w io.Writer) (fd int, ok bool) {
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return 0, false
	}
	return int(f.Fd()), true
}

// summary ends the output of several runs.
func (c *check) summary(tally map[probes.Outcome]int, n int) {
	if c.json || n < 2 {
		return
	}
	var parts []string
	for _, o := range probes.Outcomes {
		if tally[o] > 0 {
			parts = append(parts, c.view().in(outcomeStyle(o), fmt.Sprintf("%d %s", tally[o], o)))
		}
	}
	fmt.Fprintf(c.stdout, "\n%d checked: %s\n", n, strings.Join(parts, ", "))
}

// tallied is the exit status that outcomes come to.
func tallied(tally map[probes.Outcome]int) error {
	switch {
	case tally[probes.Failed] > 0:
		return exitError(exitFailed)
	case tally[probes.Unknown] > 0:
		return exitError(exitUnknown)
	}
	return nil
}

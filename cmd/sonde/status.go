package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"time"

	"github.com/spf13/cobra"

	"github.com/sonde-media/sonde/internal/api"
	"github.com/sonde-media/sonde/internal/hub"
)

// leastEvery is how often a copy may be made at most: a hub counts by minutes.
const leastEvery = time.Second

func statusCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "status",
		Short: "Publish how services are where the hub isn't",
	}
	c.AddCommand(statusExportCommand())
	return c
}

// A statusExport makes copies of a hub's status page.
type statusExport struct {
	asking
	dir     string
	every   time.Duration // 0: once
	options hub.ExportOptions
}

func statusExportCommand() *cobra.Command {
	var e statusExport
	c := &cobra.Command{
		Use:   "export DIR [--hub URL] [--every 1m]",
		Short: "Write a static copy of the status page for the public",
		Long: `Write a static copy of the status page into DIR: index.html, history.html, a page
an incident, feed.atom, summary.json and what they are drawn with. All links are
relative, so that the copy may lie in any folder of any host, best of one that
doesn't fail with what it tells of. Each file is replaced at once.

The copy is for the public: services and display names of regions, how they are
and were, incidents in plain words, and the notes that operators marked as
public. It names no host, URL, target, agent, certificate or code, has no other
notes, and leaves out services without a name, incidents of the probing itself
and warnings that nobody notices who uses a service.

A page that is older than --stale-after says so by itself, so that a hub that is
away doesn't look like all being well. Until the hub can be asked again, the last
copy stays.

With --every the command goes on until it is interrupted; without it, it makes
one copy. Exit status: 0 the copy is made, 1 DIR can't be written, 2 usage or a
token, 3 no hub could be asked.`,
		Example: `  sonde status export /srv/status --every 1m --title "Tonal status" --url https://status.tonal.example
  sonde status export ./copy --hub https://hub.example:4318`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			e.dir = args[0]
			if err := e.check(); err != nil {
				return usageError{err}
			}
			return e.run(c)
		},
	}
	fs := c.Flags()
	fs.SortFlags = false
	fs.StringVar(&e.hub, "hub", "http://"+defaultListen, "`URL` of the hub; SONDE_TOKEN is shown to it where it is set")
	fs.DurationVar(&e.every, "every", 0, "make a new copy every `DURATION` (default once)")
	fs.StringVar(&e.options.Title, "title", "", `what the pages are called (default "Service status")`)
	fs.StringVar(&e.options.URL, "url", "", "`URL` at which the copy will be, for readers of the feed")
	fs.DurationVar(&e.options.Fresh, "stale-after", 0, "when a page says that it is old (default 5m, or three times --every)")
	return c
}

func (e *statusExport) check() error {
	switch {
	case e.every < 0 || e.every > 0 && e.every < leastEvery:
		return fmt.Errorf("--every %v: want %v or more", e.every, leastEvery)
	case e.options.Fresh < 0 || e.options.Fresh > 0 && e.options.Fresh <= e.every:
		return fmt.Errorf("--stale-after %v: want more than --every", e.options.Fresh)
	}
	if u, err := url.Parse(e.options.URL); e.options.URL != "" && (err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http") {
		return fmt.Errorf("--url %s: want a URL such as https://status.example", e.options.URL)
	}
	if e.options.Fresh == 0 {
		e.options.Fresh = max(hub.DefaultFresh, 3*e.every)
	}
	return nil
}

func (e *statusExport) run(c *cobra.Command) error {
	if e.every == 0 {
		var wrote error // which is no fault of the hub
		err := e.ask(c, func(ctx context.Context, client *api.Client) error {
			err := e.once(ctx, client)
			if errors.Is(err, errWrite) {
				wrote, err = err, nil
			}
			return err
		})
		return errors.Join(err, wrote)
	}
	client, err := api.NewClient(e.hub, token())
	if err != nil {
		return usageError{fmt.Errorf("--hub: %w", err)}
	}
	defer client.Close()
	log := slog.New(slog.NewTextHandler(c.ErrOrStderr(), nil))
	ticker := time.NewTicker(e.every)
	defer ticker.Stop()
	said := "" // the same trouble is told once
	for {
		err := e.once(c.Context(), client)
		switch {
		case c.Context().Err() != nil:
			return nil
		case err != nil && err.Error() != said:
			said = err.Error()
			log.Warn("status page not copied, the last copy stays", "dir", e.dir, "err", err)
		case err == nil && said != "":
			said = ""
			log.Info("status page copied again", "dir", e.dir)
		}
		select {
		case <-c.Context().Done():
			return nil
		case <-ticker.C:
		}
	}
}

// errWrite says that the hub answered and the copy couldn't be written.
var errWrite = errors.New("write the status page")

// once makes one copy. It changes nothing where the hub doesn't answer.
func (e *statusExport) once(ctx context.Context, client *api.Client) error {
	sum, err := client.Summary(ctx)
	if err != nil {
		return err
	}
	if err := hub.Export(e.dir, &sum, e.options); err != nil {
		return fmt.Errorf("%w: %w", errWrite, err)
	}
	return nil
}

package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sonde-media/sonde/internal/api"
	"github.com/sonde-media/sonde/internal/config"
	"github.com/sonde-media/sonde/internal/hub"
	"github.com/sonde-media/sonde/internal/notify"
	"github.com/sonde-media/sonde/internal/store"
)

// Recipients are who is told of incidents, as a configuration says it now. Its
// methods are for one goroutine.
type recipients struct {
	path  string
	log   *slog.Logger // may be nil
	files *config.Files
	list  []*notify.Receiver
	hub   string // URL for people, as the configuration has it; "" where it doesn't
}

// openRecipients reads who is told from the configuration at path.
func openRecipients(path string, log *slog.Logger) (*recipients, error) {
	r := &recipients{path: path, log: log, files: config.NewFiles(path, notify.DefaultEvery)}
	return r, r.load()
}

func (r *recipients) load() error {
	_, err := r.files.Read(func() (*config.Config, error) {
		n, err := config.LoadNotify(r.path)
		if err != nil {
			return nil, err
		}
		list, err := receivers(n.Receivers)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", r.path, err)
		}
		r.list, r.hub = list, n.Hub
		return &config.Config{}, nil
	})
	return err
}

// now returns who is told now. A configuration that went wrong changes nothing.
func (r *recipients) now() []*notify.Receiver {
	if r.files.Due(false) {
		if err := r.load(); err != nil && r.log != nil {
			r.log.Warn("who is told of incidents is as it was", "err", strings.ReplaceAll(err.Error(), "\n", "; "))
		}
	}
	return r.list
}

// receivers makes ready whom a configuration names. All errors are reported.
func receivers(all []config.Receiver) (list []*notify.Receiver, err error) {
	var errs []error
	for _, c := range all {
		s := notify.Settings{
			Name: c.Name, URL: c.URL, Format: c.Format, Template: c.Template, Severities: c.Severities, Services: c.Services,
			Repeat: notify.DefaultRepeat, MinAge: c.MinAge, Grace: notify.DefaultGrace, Headers: c.Headers,
		}
		if c.Repeat != nil {
			s.Repeat = *c.Repeat
		}
		if c.Grace != nil {
			s.Grace = *c.Grace
		}
		r, err := notify.NewReceiver(s)
		errs, list = append(errs, err), append(list, r)
	}
	return list, errors.Join(errs...)
}

// notifier tells of what h finds; addr is where h listens.
func (r *recipients) notifier(h *hub.Hub, records *store.Records, addr string, log *slog.Logger) *notify.Notifier {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return notify.New(notify.Options{
		Book: records, Incidents: h.Incidents, Receivers: r.now, Log: log,
		Hub: cmp.Or(r.hub, "http://"+reachable(addr)),
	})
}

func notifyCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "notify",
		Short: "Try who is told of incidents, and list what was told",
		Long: `Try who is told of incidents, and list what was told. Receivers stand under
notify in the configuration that the hub, or sonde up, is started with:

  notify:
    - name: pager                      # Alertmanager's webhook JSON
      url: https://pager.example/${PAGER_KEY}
      severities: [critical, major]
    - name: chat                       # {"text": …}, for Slack and Mattermost
      url: ${CHAT_WEBHOOK}
      format: chat`,
	}
	c.AddCommand(notifyTestCommand(), notifyListCommand())
	return c
}

func notifyTestCommand() *cobra.Command {
	var file string
	c := &cobra.Command{
		Use:   "test --config FILE NAME",
		Short: "Send a receiver a sample: that an incident opened, and that it is resolved",
		Long: `Send a receiver a sample: that an incident opened, and that it is resolved. The
variables that its entry names are those of this shell.

Exit status: 0 it took both, 1 it didn't, 2 usage or configuration.`,
		Example: "  sonde notify test --config sonde.yaml pager",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			told, err := openRecipients(file, nil)
			if err != nil {
				return usageError{err}
			}
			var names []string
			for _, r := range told.list {
				if names = append(names, r.Name); r.Name == args[0] {
					return sendSample(c.Context(), c.OutOrStdout(), r, told.hub)
				}
			}
			return usageError{fmt.Errorf("%s tells nobody called %q of incidents; it has %s", file, args[0], cmp.Or(strings.Join(names, ", "), "none"))}
		},
	}
	c.Flags().StringVar(&file, "config", "sonde.yaml", "configuration `FILE`")
	return c
}

func sendSample(ctx context.Context, w io.Writer, r *notify.Receiver, hubURL string) error {
	if err := notify.Test(ctx, r, hubURL); err != nil {
		return fmt.Errorf("%s was not told: %w", r.Name, err)
	}
	_, err := fmt.Fprintf(w, "%s took two messages, that an incident opened and that it is resolved: see whether they came\n", r.Name)
	return err
}

func notifyListCommand() *cobra.Command {
	var data string
	var limit int
	c := &cobra.Command{
		Use:   "list [--data DIR]",
		Short: "List the newest notifications: what was sent, waits, or was given up, and why",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if limit < 1 {
				return usageError{fmt.Errorf("--limit %d: must be positive", limit)}
			}
			var rows []api.Delivery
			err := withRecords(data, func(r *store.Records) (err error) {
				rows, _, err = r.Deliveries(c.Context(), 0)
				return err
			})
			if err != nil {
				return err
			}
			w := c.OutOrStdout()
			return printText(w, deliveryList(viewOf(w, false), rows, limit, time.Now()))
		},
	}
	c.Flags().StringVar(&data, "data", "", dataUsage)
	c.Flags().IntVar(&limit, "limit", 20, "how many")
	return c
}

// deliveryList draws the newest state of messages, the newest first.
func deliveryList(v treeView, rows []api.Delivery, limit int, now time.Time) string {
	d := drawing(v, now)
	all := notify.Newest(rows)
	slices.SortStableFunc(all, func(a, b api.Delivery) int { return b.At.Compare(a.At) })
	if len(all) == 0 {
		return "nobody was told of anything yet\n"
	}
	var lines [][]string
	for _, m := range all[:min(len(all), limit)] {
		state := strings.ReplaceAll(m.State, "_", " ")
		if m.State == api.DeliveryDue && m.Tries > 0 {
			state = "waits"
		}
		lines = append(lines, []string{clockTime(m.At, now), printable(m.Receiver), printable(m.Incident), printable(m.Event), printable(state), fmt.Sprint(m.Tries)})
	}
	d.table([]string{"WHEN", "RECEIVER", "INCIDENT", "WHAT", "STATE", "TRIES"}, lines)
	d.troubles(all[:min(len(all), limit)])
	return d.String()
}

// troubles says why messages weren't sent, each reason of a receiver once.
func (d *incidentDrawing) troubles(all []api.Delivery) {
	var said []string
	for _, m := range all {
		why := printable(m.Receiver) + ": " + printable(m.Error)
		if m.Error == "" || slices.Contains(said, why) {
			continue
		}
		if len(said) == 0 {
			d.heading("Why not sent")
		}
		said = append(said, why)
		d.indented(why)
	}
}

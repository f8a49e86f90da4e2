package main

import (
	"cmp"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/sonde-media/sonde/internal/source"
)

// Flags that are remembered otherwise, or not at all.
var forgotten = []string{"data", "region", "token-file", "no-start", "help"}

// Flags whose values are files, or name them: a later start may be elsewhere.
var fileFlags = []string{"ca-file", "roots"}

// remembered are the flags given, as a later start needs them.
func (f *joinFlags) remembered() (flags map[string][]string, err error) {
	f.set.Visit(func(g *pflag.Flag) {
		if err != nil || slices.Contains(forgotten, g.Name) {
			return
		}
		values := []string{g.Value.String()}
		if list, ok := g.Value.(pflag.SliceValue); ok {
			values = list.GetSlice()
		}
		if slices.Contains(fileFlags, g.Name) {
			values = slices.Clone(values)
			for i := range values {
				values[i], err = absolute(values[i])
			}
		}
		if flags == nil {
			flags = map[string][]string{}
		}
		flags[g.Name] = values
	})
	return flags, err
}

// absolute makes the path absolute that is in FILE or NAME=FILE.
func absolute(text string) (string, error) {
	name, file, named := strings.Cut(text, "=")
	if !named {
		return filepath.Abs(text)
	}
	file, err := filepath.Abs(file)
	return name + "=" + file, err
}

// goOn makes an agent without --config that of the hub which was joined. What
// the command line and SONDE_TOKEN say comes before what was remembered.
func (f *agentFlags) goOn() error {
	if f.config != "" {
		return nil
	}
	dir, err := f.joinedDir()
	if err != nil {
		return err
	}
	j, err := source.ReadJoined(dir)
	switch {
	case err != nil:
		return err
	case j == nil:
		return fmt.Errorf("--config FILE or URL is needed: the agent of %s has joined no hub; see sonde agent join --help", dir)
	case f.region != "" && f.region != j.Region:
		return fmt.Errorf("--region %s: the agent of %s joined for the region %s", f.region, dir, j.Region)
	}
	f.data, f.region = dir, j.Region
	f.config = j.Hub + source.ConfigPath
	f.hub = cmp.Or(f.hub, j.Hub)
	f.token = cmp.Or(token(), j.Token)
	for name, values := range j.Flags {
		if err := f.restore(name, values); err != nil {
			return fmt.Errorf("%s: --%s: %w", filepath.Join(dir, source.JoinedFile), name, err)
		}
	}
	return nil
}

func (f *agentFlags) restore(name string, values []string) error {
	if f.set.Lookup(name) == nil {
		return errors.New("no such flag")
	}
	if f.set.Changed(name) {
		return nil
	}
	for _, v := range values {
		if err := f.set.Set(name, v); err != nil {
			return err
		}
	}
	return nil
}

// joinedDir returns the directory of the agent that joined: the one given,
// that of the region given, else the only one there is.
func (f *agentFlags) joinedDir() (string, error) {
	if f.data != "" || f.region != "" {
		return agentDir(f.data, f.region)
	}
	state, err := stateDir()
	if err != nil {
		return "", err
	}
	found, err := filepath.Glob(filepath.Join(state, "agent-*", source.JoinedFile))
	if err != nil {
		return "", err
	}
	switch len(found) {
	case 0:
		return "", errors.New("--config FILE or URL is needed, or a hub that was joined: see sonde agent join --help")
	case 1:
		return filepath.Dir(found[0]), nil
	}
	for i := range found {
		found[i] = filepath.Dir(found[i])
	}
	return "", fmt.Errorf("which agent? several joined, name one by --data: %s", strings.Join(found, ", "))
}

package telemetry

import (
	"errors"
	"syscall"
)

// save puts b into the spool after what the disk didn't take before. While a
// disk is full or gone some batches wait in memory; when these are too many the
// oldest runs are given up, those on a full disk first.
func (d *destination) save(b batch) {
	if len(b.body) > 0 {
		d.unsaved = append(d.unsaved, b)
	}
	for len(d.unsaved) > 0 {
		err := d.put(d.unsaved[0])
		if err != nil {
			d.log.Error("runs not written to disk", "to", d.name, "batches", len(d.unsaved), "err", err)
			break
		}
		d.unsaved = d.unsaved[1:]
	}
	for len(d.unsaved) > maxUnsaved {
		d.spool.lose(d.unsaved[0].runs)
		d.unsaved = d.unsaved[1:]
	}
}

// put stores b. On a full disk it makes room by what waits longest once memory
// has no more.
func (d *destination) put(b batch) error {
	err := d.spool.put(b.body, b.runs)
	if !full(err) || len(d.unsaved) <= maxUnsaved || !d.spool.makeRoom(int64(len(b.body))) {
		return err
	}
	return d.spool.put(b.body, b.runs)
}

func full(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

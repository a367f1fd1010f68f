package ledger

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// Owner identifies one process, among all that ever had or will have its number.
type Owner struct {
	PID int `json:"pid"`
	// Start is when the process started, in clock ticks since boot; 0 where the
	// system does not tell.
	Start uint64 `json:"start,omitempty"`
	// Boot identifies the boot of the machine; empty where the system does not tell.
	Boot string `json:"boot,omitempty"`
	// Namespace identifies the space of process numbers that PID is from; empty
	// where there is only one.
	Namespace string `json:"namespace,omitempty"`
}

// Self returns the calling process.
func Self() (Owner, error) {
	o := Owner{PID: os.Getpid()}
	where, err := here()
	if err != nil {
		return Owner{}, fmt.Errorf("identifying this process: %w", err)
	}
	o.Boot, o.Namespace = where.Boot, where.Namespace
	if where.Boot != "" {
		if o.Start, _, err = processStart(o.PID); err != nil {
			return Owner{}, fmt.Errorf("identifying this process: %w", err)
		}
	}
	return o, nil
}

// Alive tells whether the process still runs. A process that ended but was not
// yet reaped does not. What cannot be told counts as alive, because a thing that
// is in use must not be removed: that is so for an owner in another container.
func (o Owner) Alive() bool {
	where, err := here()
	if err != nil {
		return true
	}
	if where.Boot != o.Boot {
		return false
	}
	if where.Namespace != o.Namespace {
		return true
	}
	if o.Start == 0 {
		err := syscall.Kill(o.PID, 0)
		return err == nil || errors.Is(err, syscall.EPERM)
	}
	start, ended, err := processStart(o.PID)
	if errors.Is(err, os.ErrNotExist) {
		return false
	}
	return err != nil || (start == o.Start && !ended)
}

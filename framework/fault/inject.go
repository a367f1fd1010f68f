package fault

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/inroads-k8s/inroads/framework/cluster"
	"github.com/inroads-k8s/inroads/framework/cluster/ledger"
	"github.com/inroads-k8s/inroads/framework/poll"
	"github.com/inroads-k8s/inroads/framework/probe"
)

const (
	// pollTime is how often a fault is asked whether it has taken hold.
	pollTime = 250 * time.Millisecond
	// detailRef is where a ledger entry has the cluster, as JSON.
	detailRef = "cluster"
)

// Injected is a fault in place.
type Injected struct {
	Fault Fault
	Site  *Site
	l     *ledger.Ledger
	entry string
}

// Start injects the fault at the site and returns once it has taken hold. A
// Cluster fault is in the ledger before, so that a sweep heals what a killed
// process leaves. After an error the site is healed; the error says if not.
func Start(ctx context.Context, l *ledger.Ledger, f Fault, s *Site) (*Injected, error) {
	if why := f.Missing(ctx, s); why != "" {
		return nil, fmt.Errorf("injecting fault %q: %s", f.Name, why)
	}
	if s.Dir != "" {
		if err := os.MkdirAll(s.Dir, 0o700); err != nil {
			return nil, fmt.Errorf("making the folder of fault %q: %w", f.Name, err)
		}
	}
	i := &Injected{Fault: f, Site: s, l: l}
	if f.Scope == Cluster {
		ref, err := json.Marshal(s.healthy)
		if err != nil {
			return nil, fmt.Errorf("noting fault %q: %w", f.Name, err)
		}
		i.entry, err = l.Note(ledger.Entry{Kind: ledger.Fault, Name: f.Name, Detail: map[string]string{detailRef: string(ref)}})
		if err != nil {
			return nil, err
		}
	}
	taking, cancel := context.WithTimeout(ctx, cmp.Or(f.TakeTime, DefaultTakeTime))
	defer cancel()
	err := f.Inject(taking, s)
	if err == nil && f.Took != nil {
		err = poll.Until(taking, "fault "+f.Name+" to take hold", pollTime, func(ctx context.Context) error { return f.Took(ctx, s) })
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("injecting fault %q: %w", f.Name, err), i.Heal(context.WithoutCancel(ctx)))
	}
	return i, nil
}

// Heal heals the fault, waits until nothing of it is left, and closes the site.
// It may be called again after an error.
func (i *Injected) Heal(ctx context.Context) error {
	err := heal(ctx, i.Fault, i.Site)
	if err == nil && i.entry != "" {
		err = i.l.Done(i.entry)
	}
	return errors.Join(err, i.Site.Close())
}

// heal goes by the healthy way, whatever the fault has made of the run's.
func heal(ctx context.Context, f Fault, s *Site) error {
	s.Ref = s.healthy
	ctx, cancel := context.WithTimeout(ctx, cmp.Or(f.HealTime, DefaultHealTime))
	defer cancel()
	if f.Heal != nil {
		// What is broken may be in the way of its own healing, so once is not
		// always enough.
		err := poll.Until(ctx, "fault "+f.Name+" to be healed", time.Second, func(ctx context.Context) error { return f.Heal(ctx, s) })
		if err != nil {
			return fmt.Errorf("healing fault %q: %w", f.Name, err)
		}
	}
	err := poll.Until(ctx, "nothing to be left of fault "+f.Name, pollTime, func(ctx context.Context) error {
		if f.Healed != nil {
			if err := f.Healed(ctx, s); err != nil {
				return err
			}
		}
		if f.Scope == Client {
			return nil
		}
		return probe.Walk(ctx, probe.Target{Kubeconfig: s.Ref.Kubeconfig, Context: s.Ref.Context, Overrides: s.Ref.Overrides}).Err()
	})
	if err != nil {
		return fmt.Errorf("healing fault %q: %w", f.Name, err)
	}
	return nil
}

// HealEntry heals the fault that an entry of the ledger is about. Where the
// kubeconfig that leads to its cluster is gone, so is the cluster, and the error
// wraps fs.ErrNotExist.
func HealEntry(ctx context.Context, e ledger.Entry, log io.Writer) error {
	f, err := Lookup(e.Name)
	if err != nil {
		return err
	}
	var ref cluster.Ref
	if err := json.Unmarshal([]byte(e.Detail[detailRef]), &ref); err != nil {
		return fmt.Errorf("reading ledger entry %q: %w", e.ID, err)
	}
	if _, err := os.Stat(ref.Kubeconfig); err != nil {
		return fmt.Errorf("healing fault %q of cluster %q: %w", e.Name, ref.Name, err)
	}
	s, err := NewSite(ref, "", log)
	if err != nil {
		return fmt.Errorf("healing fault %q of cluster %q: %w", e.Name, ref.Name, err)
	}
	return heal(ctx, f, s)
}

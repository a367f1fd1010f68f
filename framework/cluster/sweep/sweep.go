// Package sweep removes what killed runs left on the machine: clusters, networks,
// files and the private container engine, as the ledger has them, and what they left
// in clusters that stay. Faults there are healed.
package sweep

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/inroads-k8s/inroads/framework/cluster"
	"github.com/inroads-k8s/inroads/framework/cluster/kind"
	"github.com/inroads-k8s/inroads/framework/cluster/ledger"
)

// Options say what to sweep.
type Options struct {
	// CacheDir is the cache folder.
	CacheDir string
	// All takes the clusters too that are kept for later runs, and gives up
	// what is in clusters that do not answer.
	All bool
	// Heal heals the fault that an entry is about. Of a cluster that is gone
	// for good it returns an error that wraps fs.ErrNotExist.
	Heal func(ctx context.Context, e ledger.Entry, log io.Writer) error
	// Log gets a line per thing.
	Log io.Writer
}

// Sweep removes whatever the ledger has of processes that no longer run. It goes
// on after an error; the error has all of them. What a live process uses stays.
func Sweep(ctx context.Context, o Options) error {
	if o.Log == nil {
		o.Log = io.Discard
	}
	l, err := ledger.Open(filepath.Join(o.CacheDir, ledger.DirName))
	if err != nil {
		return err
	}
	orphans, err := l.Orphans()
	errs := []error{err}
	of := func(k ledger.Kind) (found []ledger.Entry) {
		for _, e := range orphans {
			if e.Kind == k {
				found = append(found, e)
			}
		}
		return found
	}
	for _, e := range of(ledger.Cluster) {
		if kind.Kept(e) && !o.All {
			o.logf("cluster %q stays, because it is kept; to remove it: inroads cluster down --name %s", e.Name, e.Name)
			continue
		}
		errs = append(errs, kind.Remove(ctx, o.CacheDir, e, o.Log))
	}
	// What is broken in a cluster is in the way of removing namespaces from it.
	for _, e := range of(ledger.Fault) {
		errs = append(errs, o.heal(ctx, l, e))
	}
	for _, e := range of(ledger.Network) {
		errs = append(errs, kind.RemoveNetwork(ctx, o.CacheDir, e, o.Log))
	}
	// The kubeconfig that leads to a cluster may be among the files.
	for _, e := range of(cluster.Namespaces) {
		errs = append(errs, o.removeIn(ctx, l, e, "namespace ", cluster.RemoveNamespaces))
	}
	for _, e := range of(cluster.Objects) {
		errs = append(errs, o.removeIn(ctx, l, e, "", cluster.RemoveObjects))
	}
	for _, e := range of(ledger.File) {
		errs = append(errs, o.removeFile(l, e))
	}
	if len(of(ledger.Engine)) > 0 {
		errs = append(errs, kind.StopUnused(ctx, o.CacheDir, o.Log))
	}
	return errors.Join(errs...)
}

// heal heals a fault in a cluster that is still there.
func (o Options) heal(ctx context.Context, l *ledger.Ledger, e ledger.Entry) error {
	o.logf("healing fault %q", e.Name)
	switch err := o.Heal(ctx, e, o.Log); {
	case err == nil:
		o.logf("healed fault %q", e.Name)
	case errors.Is(err, fs.ErrNotExist):
		o.logf("fault %q went with its cluster", e.Name)
	case o.All:
		o.logf("giving up fault %q: %v", e.Name, err)
	default:
		return fmt.Errorf("%w; where that cluster is gone for good: inroads sweep --all", err)
	}
	return l.Done(e.ID)
}

// removeIn removes what a run created in a cluster that outlives it.
func (o Options) removeIn(ctx context.Context, l *ledger.Ledger, e ledger.Entry, what string, remove func(context.Context, ledger.Entry) ([]string, error)) error {
	names, err := remove(ctx, e)
	for _, name := range names {
		o.logf("deleted %s%q", what, name)
	}
	switch {
	case err == nil:
	case o.All:
		o.logf("giving up the %s of run %q: %v", e.Kind, e.Name, err)
	default:
		return fmt.Errorf("%w; where that cluster is gone for good: inroads sweep --all", err)
	}
	return l.Done(e.ID)
}

// removeFile removes a file or folder, which must be in the cache folder: a
// ledger that someone else wrote to does not make a sweep remove just anything.
func (o Options) removeFile(l *ledger.Ledger, e ledger.Entry) error {
	within, err := filepath.Rel(o.CacheDir, e.Name)
	if err != nil || within == "." || within == ".." || strings.HasPrefix(within, ".."+string(filepath.Separator)) {
		return fmt.Errorf("removing %q: it is not in the cache folder %q", e.Name, o.CacheDir)
	}
	if err := os.RemoveAll(e.Name); err != nil {
		return fmt.Errorf("removing %q: %w", e.Name, err)
	}
	o.logf("removed %s", e.Name)
	return l.Done(e.ID)
}

func (o Options) logf(format string, args ...any) {
	fmt.Fprintf(o.Log, "sweep: "+format+"\n", args...)
}

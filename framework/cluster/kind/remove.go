package kind

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/inroads-k8s/inroads/framework/cluster"
	"github.com/inroads-k8s/inroads/framework/cluster/engine"
	"github.com/inroads-k8s/inroads/framework/cluster/ledger"
)

// answerTimeout is how long an engine may take to list its containers.
const answerTimeout = 15 * time.Second

// removeNodes has kind delete the cluster, and makes sure of it.
func (p *Provider) removeNodes(ctx context.Context) error {
	if err := os.MkdirAll(p.dir(), 0o700); err != nil {
		return err
	}
	// A killed creation leaves kind's lock of the kubeconfig, which is ours alone.
	_ = os.Remove(p.kubeconfig() + ".lock")
	var deleted error // once done
	done := make(chan struct{})
	go func() {
		defer close(done)
		deleted = p.kind.Delete(ctx, p.o.Name, p.kubeconfig())
	}()
	select {
	case <-done:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	// What counts is what is left, not what kind said of it.
	if err := p.smother(ctx, done); err != nil {
		return errors.Join(deleted, err)
	}
	return nil
}

// forget removes what a deleted cluster has beside its nodes.
func (p *Provider) forget(ctx context.Context) error {
	if err := p.removeNetwork(ctx); err != nil {
		return err
	}
	return p.forgetFiles()
}

func (p *Provider) forgetFiles() error {
	if err := os.RemoveAll(p.dir()); err != nil {
		return err
	}
	var errs []error
	for _, e := range p.entries() {
		if p.engine.has(e) {
			errs = append(errs, p.ledger.Done(e.ID))
		}
	}
	return errors.Join(errs...)
}

// Remove removes the cluster of a ledger entry, unless a process uses it, and
// takes the entry away. A private engine that no longer runs is not started for
// it: what it had of containers goes when the engine itself is cleared.
func Remove(ctx context.Context, cacheDir string, e ledger.Entry, log io.Writer) error {
	unlock, err := lock(ctx, cacheDir, log)
	if err != nil {
		return err
	}
	defer unlock()
	if e.Owner.Alive() {
		return inUse(e)
	}
	return removeEntry(ctx, cacheDir, e, log)
}

// removeEntry is Remove for a caller that holds the lock.
func removeEntry(ctx context.Context, cacheDir string, e ledger.Entry, log io.Writer) error {
	if !names.MatchString(e.Name) {
		return fmt.Errorf("deleting cluster %q: that is no name of a cluster that inroads makes", e.Name)
	}
	l, err := ledger.Open(filepath.Join(cacheDir, ledger.DirName))
	if err != nil {
		return err
	}
	c := recorded(e)
	p := &Provider{
		o:      Options{Name: e.Name, CacheDir: cacheDir, Log: &lockedWriter{w: log}},
		ledger: l,
		engine: c,
		kind:   library{engine: c, log: io.Discard},
	}
	if err := c.answers(ctx); err != nil {
		if !c.private {
			return fmt.Errorf("deleting cluster %q: %w; start %s, then: inroads sweep", e.Name, err, c)
		}
		p.logf("the private engine of cluster %q does not run; what it left goes when it is cleared", e.Name)
		return errors.Join(p.forgetNetwork(), p.forgetFiles())
	}
	return p.delete(ctx)
}

func (c client) answers(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, answerTimeout, fmt.Errorf("no answer in %s", answerTimeout))
	defer cancel()
	_, err := c.run(ctx, "ps", "--quiet")
	return err
}

// RemoveNetwork removes the network of a ledger entry when nothing is in it, and
// then takes the entry away. One that is in use stays, without an error.
func RemoveNetwork(ctx context.Context, cacheDir string, e ledger.Entry, log io.Writer) error {
	l, err := ledger.Open(filepath.Join(cacheDir, ledger.DirName))
	if err != nil {
		return err
	}
	c := recorded(e)
	p := &Provider{o: Options{CacheDir: cacheDir, Log: log}, ledger: l, engine: c}
	if err := c.answers(ctx); err != nil {
		if !c.private {
			return fmt.Errorf("removing network %q: %w; start %s, then: inroads sweep", e.Name, err, c)
		}
		return p.forgetNetwork()
	}
	return p.removeNetwork(ctx)
}

// Kept is whether the entry is of a cluster that is left to later runs.
func Kept(e ledger.Entry) bool { return e.Kind == ledger.Cluster && e.Detail[detailKept] == yes }

// State is what becomes of a cluster.
type State string

// The states of a cluster that inroads made.
const (
	// InUse: a live process has it.
	InUse State = "in use"
	// KeptState: it is left to later runs, until Down.
	KeptState State = "kept"
	// Orphaned: its process ended without removing it; a sweep will.
	Orphaned State = "orphaned"
)

// Listed is a cluster that inroads made.
type Listed struct {
	cluster.Ref
	State   State
	Created time.Time
	// Running is the number of its nodes that run.
	Running int
}

// List returns the clusters that inroads made below the cache folder, by name. A
// cluster that is not ready yet, or never was, has no version and no nodes.
func List(ctx context.Context, cacheDir string) ([]Listed, error) {
	l, err := ledger.Open(filepath.Join(cacheDir, ledger.DirName))
	if err != nil {
		return nil, err
	}
	entries, err := l.List()
	var out []Listed
	for _, e := range entries {
		if e.Kind != ledger.Cluster {
			continue
		}
		p := &Provider{o: Options{Name: e.Name, CacheDir: cacheDir}, engine: recorded(e)}
		listed := Listed{State: Orphaned, Created: e.Created}
		if listed.Ref, _ = readRef(p.refFile()); listed.Name == "" {
			listed.Ref = cluster.Ref{Name: e.Name, Provider: ProviderName, Engine: p.engine.name, EngineEnv: p.engine.env}
		}
		switch {
		case e.Owner.Alive():
			listed.State = InUse
		case Kept(e):
			listed.State = KeptState
		}
		listed.Running = p.engine.count(ctx, e.Name)
		out = append(out, listed)
	}
	slices.SortStableFunc(out, func(a, b Listed) int { return strings.Compare(a.Name, b.Name) })
	return out, err
}

// count returns the number of the cluster's containers that run, 0 when the
// engine does not answer.
func (c client) count(ctx context.Context, cluster string) int {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	names, _ := c.running(ctx, cluster)
	return len(kubernetesNodes(names))
}

// Down removes the cluster that inroads made under the name, kept or not, and
// the private engine when that was its last. A cluster in use stays, which is an
// error, as is a name that inroads made none under.
func Down(ctx context.Context, cacheDir, name string, log io.Writer) error {
	l, err := ledger.Open(filepath.Join(cacheDir, ledger.DirName))
	if err != nil {
		return err
	}
	entries, err := l.List()
	if err != nil {
		fmt.Fprintf(log, "cluster: passing over a part of the ledger: %v\n", err)
	}
	found := slices.DeleteFunc(entries, func(e ledger.Entry) bool { return e.Kind != ledger.Cluster || e.Name != name })
	if len(found) == 0 {
		return fmt.Errorf("removing cluster %q: inroads made none of that name; see: inroads cluster list", name)
	}
	for _, e := range found {
		if err := Remove(ctx, cacheDir, e, log); err != nil {
			return err
		}
	}
	return StopUnused(ctx, cacheDir, log)
}

// StopUnused stops the private engine, even one that is to be kept, when the
// ledger has no cluster in it and no process uses it.
func StopUnused(ctx context.Context, cacheDir string, log io.Writer) error {
	l, err := ledger.Open(filepath.Join(cacheDir, ledger.DirName))
	if err != nil {
		return err
	}
	entries, err := l.List()
	if err != nil {
		return err
	}
	if slices.ContainsFunc(entries, func(e ledger.Entry) bool { return e.Kind == ledger.Cluster && recorded(e).private }) {
		return nil
	}
	err = engine.Stop(ctx, engine.Options{CacheDir: cacheDir, Log: log})
	if used := (*engine.InUseError)(nil); errors.As(err, &used) {
		fmt.Fprintf(log, "cluster: the private engine goes on: %v\n", err)
		return nil
	}
	errs := []error{err}
	for _, e := range entries {
		// A network goes with its engine, also one that others had cluster nodes in.
		if err == nil && e.Kind == ledger.Network && recorded(e).private {
			errs = append(errs, l.Done(e.ID))
		}
	}
	return errors.Join(errs...)
}

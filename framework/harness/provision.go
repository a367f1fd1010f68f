package harness

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/inroads-k8s/inroads/fixtures/topologies"
	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/framework/cluster"
	"github.com/inroads-k8s/inroads/framework/cluster/cache"
	"github.com/inroads-k8s/inroads/framework/cluster/engine"
	"github.com/inroads-k8s/inroads/framework/cluster/existing"
	"github.com/inroads-k8s/inroads/framework/cluster/kind"
	"github.com/inroads-k8s/inroads/framework/cluster/nodeimage"
)

// Provision gets the clusters of a run: the one that the options name, or one
// that it makes with kind, in the engine of this machine or a private one. The
// log gets a line per event.
//
// Release is never nil, also beside an error, and must be called: it removes
// what Provision made. A cluster that is to be kept stays, with its engine.
// Releasing twice does nothing more.
func Provision(ctx context.Context, o Options, log io.Writer) (refs []cluster.Ref, release func(context.Context) error, err error) {
	var undo undoStack
	release = undo.run
	cacheDir, err := cache.Dir()
	if err != nil {
		return nil, release, err
	}
	if o.Existing() {
		p, err := existing.New(existing.Options{Kubeconfig: o.Kubeconfig, Context: o.Context, Overrides: o.Overrides, Images: o.Images, Registry: o.ImageRegistry, CacheDir: cacheDir, Log: log})
		if err != nil {
			return nil, release, err
		}
		return createWith(ctx, p, &undo, release)
	}
	options, err := KindOptions(o, cacheDir, log)
	if err != nil {
		return nil, release, err
	}
	if err := ensureTools(ctx, log, o.Selected()); err != nil {
		return nil, release, err
	}
	options.Engine, err = engine.Ensure(ctx, engine.Options{CacheDir: cacheDir, Log: log, Keep: o.Keep})
	if err != nil {
		return nil, release, missing(err)
	}
	var p *kind.Provider
	kept := false
	undo.push(func(ctx context.Context) error {
		// A kept engine without a kept cluster: this run's did not come up, or has
		// taken the place of the one that the engine was kept for.
		if options.Engine.Private && !kept && (o.Keep || p != nil && p.Replaced()) {
			return kind.StopUnused(ctx, cacheDir, log)
		}
		return nil
	})
	undo.push(options.Engine.Release)
	p, err = kind.New(ctx, options)
	if err != nil {
		return nil, release, err
	}
	if o.Keep {
		// A cluster that does not come up is removed by Create itself.
		ref, err := p.Create(ctx)
		if err != nil {
			return nil, release, missing(err)
		}
		kept = true
		fmt.Fprintf(log, "cluster: keeping %q; to use it: kubectl --kubeconfig %s; to remove it: inroads cluster down --name %s\n", ref.Name, ref.Kubeconfig, ref.Name)
		return []cluster.Ref{ref}, release, nil
	}
	return createWith(ctx, p, &undo, release)
}

// KindOptions returns how kind makes the cluster of the options. The engine is
// missing yet.
func KindOptions(o Options, cacheDir string, log io.Writer) (kind.Options, error) {
	topology, source, err := kindConfig(o)
	if err != nil {
		return kind.Options{}, err
	}
	options := kind.Options{
		Name:              cmp.Or(o.ClusterName, DefaultClusterName),
		Config:            topology.Config,
		ConfigSource:      source,
		Topology:          cmp.Or(o.Topology, catalog.Topology(topology.Name)),
		Files:             topology.Files,
		NodeImage:         o.NodeImage,
		KubernetesVersion: o.KubernetesVersion,
		Images:            o.Images,
		Keep:              o.Keep,
		CacheDir:          cacheDir,
		Log:               log,
	}
	return options, options.Validate()
}

// NodesOf is how many nodes the cluster of the options has, 0 for one that is
// there, or of a configuration that cannot be read.
func NodesOf(o Options) int {
	if o.Existing() {
		return 0
	}
	t, source, err := kindConfig(o)
	if err != nil {
		return 0
	}
	return kind.Nodes(t.Config, source)
}

// Room is for how many nodes this machine has room at a time, at least one.
func Room() int { return kind.Room() }

// createWith makes the cluster, whose removal is registered first.
func createWith(ctx context.Context, p cluster.Provider, undo *undoStack, release func(context.Context) error) ([]cluster.Ref, func(context.Context) error, error) {
	var made *cluster.Ref
	undo.push(func(ctx context.Context) error {
		if made == nil {
			return nil // Create has removed it, or never owned the name
		}
		return p.Delete(ctx, *made)
	})
	ref, err := p.Create(ctx)
	if err != nil {
		return nil, release, missing(err)
	}
	made = &ref
	return []cluster.Ref{ref}, release, nil
}

// missing makes one error out of the several by which packages tell that only the
// machine's owner can go on; any other error stays.
func missing(err error) error {
	if e := (*engine.MissingError)(nil); errors.As(err, &e) {
		return &cluster.MissingError{Missing: "missing " + e.Missing, Remedy: e.Remedy}
	}
	if e := (*nodeimage.MissingError)(nil); errors.As(err, &e) {
		return &cluster.MissingError{Missing: "building the node image: " + e.Missing, Remedy: e.Remedy}
	}
	return err
}

// kindConfig returns what the cluster is made from, and how messages name it.
func kindConfig(o Options) (t topologies.Topology, source string, err error) {
	if o.KindConfig == "" {
		name := cmp.Or(string(o.Topology), topologies.MultiNode)
		t, err = topologies.Get(name)
		return t, "topology " + name, err
	}
	source = fmt.Sprintf("%q", o.KindConfig)
	if t.Config, err = os.ReadFile(o.KindConfig); err != nil {
		if cause := errors.Unwrap(err); cause != nil {
			err = cause // the path is said already
		}
		return t, "", fmt.Errorf("reading kind configuration %s: %w", source, err)
	}
	return t, source, nil
}

// undoStack undoes in the reverse order of doing.
type undoStack struct{ steps []func(context.Context) error }

func (u *undoStack) push(step func(context.Context) error) { u.steps = append(u.steps, step) }

// run undoes each step once, all of them whatever fails.
func (u *undoStack) run(ctx context.Context) error {
	var errs []error
	for n := len(u.steps); n > 0; n = len(u.steps) {
		step := u.steps[n-1]
		u.steps = u.steps[:n-1]
		errs = append(errs, step(ctx))
	}
	return errors.Join(errs...)
}

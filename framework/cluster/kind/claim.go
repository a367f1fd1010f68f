package kind

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"

	"github.com/inroads-k8s/inroads/framework/cluster"
	"github.com/inroads-k8s/inroads/framework/cluster/ledger"
)

// What the detail of a cluster's entry has, beside its engine.
const (
	// detailKept says that a later run is to have the cluster, so its owner's end
	// leaves no orphan.
	detailKept = "kept"
	// detailAsked identifies what was asked for, so that only a cluster of the
	// same kind is taken as it is.
	detailAsked = "asked"
)

// asked identifies the request.
func (p *Provider) asked() string {
	sum := sha256.New()
	parts := []string{string(p.o.Config), p.o.NodeImage, p.o.KubernetesVersion, string(p.o.Topology)}
	for _, name := range slices.Sorted(maps.Keys(p.o.Files)) {
		parts = append(parts, name, string(p.o.Files[name]))
	}
	for _, part := range parts {
		fmt.Fprintf(sum, "%d:%s", len(part), part)
	}
	return hex.EncodeToString(sum.Sum(nil)[:8])
}

// claim reserves the cluster's name for this process. It returns the cluster
// when one is there that may be taken as it is; another that inroads made and
// nobody uses is removed; any other stays, and is an error.
func (p *Provider) claim(ctx context.Context) (ref cluster.Ref, reused bool, err error) {
	unlock, err := lock(ctx, p.o.CacheDir, p.o.Log)
	if err != nil {
		return cluster.Ref{}, false, err
	}
	defer unlock()
	entries := p.entries()
	for _, e := range entries {
		if e.Owner.Alive() {
			return cluster.Ref{}, false, inUse(e)
		}
	}
	if ref, reused = p.takeOver(ctx, entries); reused {
		return ref, true, p.note(true, entries)
	}
	for _, e := range entries {
		p.logf("deleting cluster %q, which an earlier run left in %s", e.Name, recorded(e))
		if err := removeEntry(ctx, p.o.CacheDir, e, p.o.Log); err != nil {
			return cluster.Ref{}, false, err
		}
		p.replaced = p.replaced || Kept(e)
	}
	nodes, err := p.engine.nodes(ctx, p.o.Name)
	if err != nil {
		return cluster.Ref{}, false, err
	}
	if len(nodes) > 0 {
		return cluster.Ref{}, false, fmt.Errorf("making cluster %q: %s has one of that name that inroads did not make; choose another name with --name", p.o.Name, p.engine)
	}
	return cluster.Ref{}, false, p.note(false, nil)
}

func inUse(e ledger.Entry) error {
	return fmt.Errorf("cluster %q is in use by process %d; choose another name with --name, or wait for that process", e.Name, e.Owner.PID)
}

// takeOver returns the cluster that an earlier run kept, when this run wants it
// and it is ready.
func (p *Provider) takeOver(ctx context.Context, entries []ledger.Entry) (cluster.Ref, bool) {
	if !p.o.Keep {
		return cluster.Ref{}, false
	}
	for _, e := range entries {
		if !p.engine.has(e) || e.Detail[detailKept] != yes {
			continue
		}
		ref, err := readRef(p.refFile())
		if err == nil && e.Detail[detailAsked] != p.asked() {
			err = errors.New("another configuration, node image or version was asked for then")
		}
		if err == nil {
			err = p.stillReady(ctx, &ref)
		}
		if err != nil {
			p.logf("cluster %q of an earlier run cannot be taken as it is: %v", p.o.Name, err)
			return cluster.Ref{}, false
		}
		ref.EngineEnv = p.o.Engine.Env()
		p.logf("taking cluster %q of an earlier run as it is: Kubernetes %s, nodes: %d", ref.Name, ref.KubernetesVersion, len(ref.Nodes))
		return p.override(ref), true
	}
	return cluster.Ref{}, false
}

// stillReady tells why the cluster cannot be used, nil when it can.
func (p *Provider) stillReady(ctx context.Context, ref *cluster.Ref) error {
	running, err := p.engine.running(ctx, p.o.Name)
	if err != nil {
		return err
	}
	var nodes []string
	for _, n := range ref.Nodes {
		// Its Node stays Ready for a while after it has gone.
		if !slices.Contains(running, n.Name) {
			return fmt.Errorf("node %q does not run", n.Name)
		}
		nodes = append(nodes, n.Name)
	}
	return p.ready(ctx, ref, nodes, true)
}

// override puts the images in that the run was asked to use.
func (p *Provider) override(ref cluster.Ref) cluster.Ref {
	images := p.o.Images.Or(ref.Images)
	ref.Preloaded = ref.Preloaded && images == ref.Images
	ref.Images = images
	return ref
}

// note records in the ledger that this process has the cluster, in place of the
// old entries.
func (p *Provider) note(kept bool, old []ledger.Entry) error {
	detail := p.engine.detail()
	detail[detailAsked] = p.asked()
	if kept {
		detail[detailKept] = yes
	}
	if _, err := p.ledger.Note(ledger.Entry{Kind: ledger.Cluster, Name: p.o.Name, Engine: p.engine.host(), Detail: detail}); err != nil {
		return err
	}
	var errs []error
	for _, e := range old {
		errs = append(errs, p.ledger.Done(e.ID))
	}
	return errors.Join(errs...)
}

// entries returns the ledger's entries of clusters of this name, in whatever
// engine.
func (p *Provider) entries() []ledger.Entry {
	return p.of(ledger.Cluster, p.o.Name)
}

// of returns the ledger's entries of a kind and name. An entry that cannot be
// read is said in the log: it must not keep this run from its own.
func (p *Provider) of(kind ledger.Kind, name string) []ledger.Entry {
	all, err := p.ledger.List()
	if err != nil {
		p.logf("passing over a part of the ledger: %v", err)
	}
	var found []ledger.Entry
	for _, e := range all {
		if e.Kind == kind && e.Name == name {
			found = append(found, e)
		}
	}
	return found
}

// keepRef writes the cluster's description beside its kubeconfig, and from then
// on the ledger says that it is kept, if it is.
func (p *Provider) keepRef(ref cluster.Ref) error {
	data, err := json.MarshalIndent(ref, "", "  ")
	if err == nil {
		err = os.WriteFile(p.refFile(), append(data, '\n'), 0o600)
	}
	if err != nil {
		return fmt.Errorf("describing cluster %q: %w", p.o.Name, err)
	}
	if !p.o.Keep {
		return nil
	}
	return p.note(true, p.entries())
}

func readRef(path string) (cluster.Ref, error) {
	var ref cluster.Ref
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return ref, errors.New("it was never ready")
	}
	if err == nil {
		err = json.Unmarshal(data, &ref)
	}
	if err != nil {
		return cluster.Ref{}, fmt.Errorf("reading %q: %w", path, err)
	}
	return ref, nil
}

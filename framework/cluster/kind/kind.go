// Package kind makes clusters out of containers, with kind as a library. It
// checks itself what kind leaves unchecked: that the cluster becomes ready, that
// a creation ends with its context, and that nothing is left of what it deletes.
package kind

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"sync"
	"time"

	"k8s.io/client-go/kubernetes"

	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/framework/cluster"
	"github.com/inroads-k8s/inroads/framework/cluster/cache"
	"github.com/inroads-k8s/inroads/framework/cluster/engine"
	"github.com/inroads-k8s/inroads/framework/cluster/ledger"
	"github.com/inroads-k8s/inroads/framework/cluster/nodeimage"
)

// ProviderName is what Ref.Provider says of a cluster of this package.
const ProviderName = "kind"

const (
	// createTimeout bounds kind's own work, which ends well within a minute on an
	// ordinary machine; kubeadm's waits alone may take 4 minutes each.
	createTimeout = 10 * time.Minute
	// readyTimeout bounds the wait for readiness once kind is done.
	readyTimeout = 3 * time.Minute
	// reuseTimeout bounds the look at a cluster that may be taken as it is.
	reuseTimeout = 10 * time.Second
	// cleanupTimeout bounds a removal, also one after the caller's context has ended.
	cleanupTimeout = 2 * time.Minute
)

// Options say what to make, and in which engine.
type Options struct {
	// Name is the cluster's name.
	Name string
	// Config is a kind configuration, v1alpha4, and ConfigSource where it came
	// from, for messages.
	Config       []byte
	ConfigSource string
	// Topology is what the cluster says that it was made for; "" lets its nodes
	// tell. Files are what the configuration mounts by a relative path.
	Topology catalog.Topology
	Files    map[string][]byte
	// NodeImage is the node image; "" lets the provider choose or build.
	NodeImage string
	// KubernetesVersion asks for a node image that inroads builds, of that
	// version; "" does not.
	KubernetesVersion string
	// Images replace the container images that specs run.
	Images cluster.Images
	// Keep leaves the cluster to later runs, and takes one that is there.
	Keep bool
	// CacheDir is the cache folder.
	CacheDir string
	// Engine runs the nodes.
	Engine *engine.Engine
	// Log gets a line per event.
	Log io.Writer
	// ReadyTimeout bounds the wait for readiness; 0 means three minutes.
	ReadyTimeout time.Duration
}

// Provider makes one cluster. It is a cluster.Provider.
type Provider struct {
	o      Options
	ledger *ledger.Ledger
	engine client
	kind   maker
	// answers tells why the registry of an image cannot be used, nil when it can.
	answers func(ctx context.Context, image string) error
	build   func(context.Context, nodeimage.Options) (nodeimage.Image, error)
	// libraries builds the image of client libraries.
	libraries func(context.Context, nodeimage.Options) (nodeimage.Addon, error)
	// ready waits, or only looks when once is set, and then fills in what the
	// cluster says of itself.
	ready func(ctx context.Context, ref *cluster.Ref, nodes []string, once bool) error
	// shortage warns when the machine has too little left for so many nodes.
	shortage func(nodes int) string
	// replaced is whether claim has removed a kept cluster.
	replaced bool
}

// names are those that kind takes, less those that are no names of a folder.
var names = regexp.MustCompile(`^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$`)

// nameMax is how long a name may be: a node's name, which is that of a host, has
// "-control-plane" after it.
const nameMax = 50

// Validate checks the name and the configuration, which needs no engine yet.
func (o Options) Validate() error {
	if !names.MatchString(o.Name) || len(o.Name) > nameMax {
		return fmt.Errorf("naming the cluster %q: a name has 1 to %d small letters, digits, dots and dashes, the first and last a letter or digit; give another with --name", o.Name, nameMax)
	}
	_, err := parseConfig(o.Config, o.ConfigSource)
	return err
}

// New returns the provider of the cluster that o describes. It makes nothing yet.
func New(ctx context.Context, o Options) (*Provider, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	if o.Log == nil {
		o.Log = io.Discard
	}
	o.Log = &lockedWriter{w: o.Log}
	l, err := ledger.Open(filepath.Join(o.CacheDir, ledger.DirName))
	if err != nil {
		return nil, err
	}
	p := &Provider{
		o:         o,
		ledger:    l,
		engine:    clientOf(ctx, o.Engine),
		answers:   registryAnswers,
		build:     nodeimage.Build,
		libraries: nodeimage.BuildLibraries,
		shortage:  inotifyShortage,
	}
	p.kind = library{engine: p.engine, log: o.Log}
	p.ready = p.waitReady
	return p, nil
}

// Create makes the cluster, or takes one that an earlier run kept, and returns
// when it is ready. What it made is gone again when it returns an error.
func (p *Provider) Create(ctx context.Context) (cluster.Ref, error) {
	config, err := parseConfig(p.o.Config, p.o.ConfigSource)
	if err != nil {
		return cluster.Ref{}, err
	}
	ref, reused, err := p.claim(ctx)
	if err != nil {
		return cluster.Ref{}, err
	}
	if reused {
		return ref, nil
	}
	ref, err = p.make(ctx, config)
	if err == nil {
		return ref, nil
	}
	p.logf("removing what there is of cluster %q", p.o.Name)
	return cluster.Ref{}, errors.Join(err, p.delete(context.WithoutCancel(ctx)))
}

// Replaced is whether Create has removed a cluster that was kept for later runs.
func (p *Provider) Replaced() bool { return p.replaced }

// start has kind make the nodes, and returns how long kind took.
func (p *Provider) start(ctx context.Context, config *clusterConfig, image chosenImage) (time.Duration, error) {
	for _, line := range config.adapt(p.o.Engine.Sandbox) {
		p.logf("setting %s", line)
	}
	if err := os.MkdirAll(p.dir(), 0o700); err != nil {
		return 0, fmt.Errorf("making the folder of cluster %q: %w", p.o.Name, err)
	}
	if err := p.writeFiles(config); err != nil {
		return 0, err
	}
	// kind's own image comes with kind's own way to several control planes.
	var ha *highAvailability
	var err error
	if image.preloaded && config.controlPlanes() > 1 {
		if ha, err = config.balance(p.o.Name, p.dir()); err != nil {
			return 0, err
		}
		if err := p.prepare(ha); err != nil {
			return 0, fmt.Errorf("writing the files of cluster %q: %w", p.o.Name, err)
		}
		p.logf("putting HAProxy of the node image before %d control planes, because kind's own load balancer is an image that cannot be pulled either", len(ha.joining)+1)
	}
	if err := p.noteNetwork(ctx); err != nil {
		return 0, err
	}
	short := p.shortage(len(config.Nodes))
	if short != "" {
		p.logf("%s", short)
	}
	began := time.Now()
	if err := p.runCreate(ctx, config, ha); err != nil {
		err = fmt.Errorf("creating cluster %q from %s: %w", p.o.Name, p.o.ConfigSource, err)
		if short != "" && ctx.Err() == nil {
			err = fmt.Errorf("%w; %s", err, short)
		}
		return 0, err
	}
	took := time.Since(began)
	if ha != nil {
		if err := p.join(ctx, ha); err != nil {
			return 0, err
		}
	}
	return took, nil
}

// make makes the cluster under the name that claim has reserved.
func (p *Provider) make(ctx context.Context, config *clusterConfig) (cluster.Ref, error) {
	image, err := p.chooseImage(ctx, config)
	if err != nil {
		return cluster.Ref{}, err
	}
	for _, line := range config.hasten() {
		p.logf("setting %s", line)
	}
	started := time.Now()
	if _, err := p.start(ctx, config, image); err != nil {
		return cluster.Ref{}, err
	}
	nodes, err := p.engine.nodes(ctx, p.o.Name)
	if err != nil {
		return cluster.Ref{}, err
	}
	ref := cluster.Ref{
		Name:       p.o.Name,
		Provider:   ProviderName,
		Topology:   p.o.Topology,
		Kubeconfig: p.kubeconfig(),
		Context:    "kind-" + p.o.Name,
		Images:     image.images,
		Preloaded:  image.preloaded,
		Kubectl:    p.ownKubectl(image.kubectl),
		EngineEnv:  p.o.Engine.Env(),
		Engine:     p.engine.name,
	}
	made := time.Since(started)
	p.logf("cluster %q is made; waiting until it is ready", p.o.Name)
	if err := p.ready(ctx, &ref, kubernetesNodes(nodes), false); err != nil {
		return cluster.Ref{}, err
	}
	if err := p.balance(ctx, ref); err != nil {
		return cluster.Ref{}, err
	}
	if ref.Images.Library, ref.NoLibrary, err = p.addLibraries(ctx, ref); err != nil {
		return cluster.Ref{}, err
	}
	if err := p.keepRef(ref); err != nil {
		return cluster.Ref{}, err
	}
	p.logf("cluster %q is ready: Kubernetes %s, nodes: %d; made in %s, ready %s later",
		ref.Name, ref.KubernetesVersion, len(ref.Nodes), seconds(made), seconds(time.Since(started)-made))
	return p.override(ref), nil
}

// writeFiles puts the files of the topology into the cluster's folder, from where
// the configuration has them mounted.
func (p *Provider) writeFiles(config *clusterConfig) error {
	for name, content := range p.o.Files {
		path := filepath.Join(p.dir(), name)
		err := os.MkdirAll(filepath.Dir(path), 0o700)
		if err == nil {
			err = os.WriteFile(path, content, 0o600)
		}
		if err != nil {
			return fmt.Errorf("writing the files of cluster %q: %w", p.o.Name, err)
		}
	}
	config.mountFrom(p.dir(), p.o.Files)
	return nil
}

// ownKubectl gives the cluster a kubectl of its own, which stays when the node
// image that it came with makes way for another. Where there can be no link, it
// is the image's.
func (p *Provider) ownKubectl(path string) string {
	if path == "" {
		return ""
	}
	own := filepath.Join(p.dir(), "kubectl")
	if err := os.Link(path, own); err != nil {
		p.logf("using %s as it is: %v", path, err)
		return path
	}
	return own
}

// Delete removes the cluster. Deleting what is gone is no error.
func (p *Provider) Delete(ctx context.Context, _ cluster.Ref) error {
	return p.delete(ctx)
}

// delete removes the cluster, its files and, last, its entries in the ledger.
func (p *Provider) delete(ctx context.Context) error {
	started := time.Now()
	ctx, cancel := context.WithTimeoutCause(ctx, cleanupTimeout, fmt.Errorf("not gone after %s", cleanupTimeout))
	defer cancel()
	if err := p.removeNodes(ctx); err != nil {
		return fmt.Errorf("deleting cluster %q: %w", p.o.Name, err)
	}
	if err := p.forget(ctx); err != nil {
		return fmt.Errorf("deleting cluster %q: %w", p.o.Name, err)
	}
	p.logf("deleted cluster %q in %s", p.o.Name, seconds(time.Since(started)))
	return nil
}

func (p *Provider) waitReady(ctx context.Context, ref *cluster.Ref, nodes []string, once bool) error {
	config, err := ref.RESTConfig()
	if err != nil {
		return err
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return fmt.Errorf("making a client of cluster %q: %w", ref.Name, err)
	}
	r := cluster.Readiness{Cluster: ref.Name, Nodes: nodes, DNS: true, Timeout: p.o.ReadyTimeout}
	if r.Timeout == 0 {
		r.Timeout = readyTimeout
	}
	if once {
		r.Timeout = reuseTimeout
		err = cluster.CheckReady(ctx, client, r)
	} else {
		err = cluster.WaitReady(ctx, client, r)
	}
	if err != nil {
		return err
	}
	return ref.Describe(ctx, client)
}

func (p *Provider) logf(format string, args ...any) {
	fmt.Fprintf(p.o.Log, "cluster: "+format+"\n", args...)
}

// dir is the private folder of the cluster.
func (p *Provider) dir() string        { return filepath.Join(clustersDir(p.o.CacheDir), p.o.Name) }
func (p *Provider) kubeconfig() string { return filepath.Join(p.dir(), "kubeconfig") }
func (p *Provider) refFile() string    { return filepath.Join(p.dir(), "cluster.json") }

func clustersDir(cacheDir string) string { return filepath.Join(cacheDir, "clusters") }

// lock takes the lock under which it is decided whose a cluster's name is.
func lock(ctx context.Context, cacheDir string, log io.Writer) (func(), error) {
	return cache.Lock(ctx, filepath.Join(clustersDir(cacheDir), "lock"), func() {
		fmt.Fprintln(log, "cluster: waiting for another process that claims or removes a cluster")
	})
}

func seconds(d time.Duration) string { return d.Round(100 * time.Millisecond).String() }

// lockedWriter keeps the lines of several goroutines apart.
type lockedWriter struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *lockedWriter) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(b)
}

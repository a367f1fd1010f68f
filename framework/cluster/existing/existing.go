// Package existing takes a cluster that someone else set up, by its kubeconfig.
// It changes nothing there: what it makes is a private copy of the one context,
// so that a run sees no other, and cannot write to the user's file.
package existing

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	utilnet "k8s.io/apimachinery/pkg/util/net"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"

	"github.com/inroads-k8s/inroads/framework/cluster"
	"github.com/inroads-k8s/inroads/framework/cluster/ledger"
	"github.com/inroads-k8s/inroads/framework/probe"
)

// ProviderName is what Ref.Provider says of a cluster of this package.
const ProviderName = "existing"

// checkTimeout bounds the look at the cluster. It is no wait: a cluster that
// someone set up is ready or is not.
const checkTimeout = 15 * time.Second

// runsDir is the folder of the private copies, below the cache folder.
const runsDir = "runs"

// Options say which cluster.
type Options struct {
	// Kubeconfig is the file; "" means what kubectl would read: KUBECONFIG, or
	// else .kube/config in the home folder.
	Kubeconfig string
	// Context is the context in it; "" means its current-context.
	Context string
	// Overrides take the place of what the context says. They are in the private
	// copy, so that each client of the run goes by them.
	Overrides probe.Overrides
	// Images are those that specs run, as far as they were given, and Registry takes
	// the place of theirs where it is not ""; see cluster.Images.For.
	Images   cluster.Images
	Registry string
	// CacheDir is the cache folder.
	CacheDir string
	// Log gets a line per event.
	Log io.Writer
}

// Provider takes one cluster. It is a cluster.Provider.
type Provider struct {
	o      Options
	ledger *ledger.Ledger
	// describe looks at the cluster and fills in what it says of itself.
	describe func(ctx context.Context, ref *cluster.Ref) error
	run      *privateDir
}

// privateDir is a folder of this run, with its entry in the ledger.
type privateDir struct{ path, entry string }

// New returns the provider of the cluster that o names. It reads nothing yet.
func New(o Options) (*Provider, error) {
	if o.Log == nil {
		o.Log = io.Discard
	}
	l, err := ledger.Open(filepath.Join(o.CacheDir, ledger.DirName))
	if err != nil {
		return nil, err
	}
	return &Provider{o: o, ledger: l, describe: describe}, nil
}

// Create checks that the cluster is there and ready, and returns it. What it
// wrote is gone again when it returns an error.
func (p *Provider) Create(ctx context.Context) (cluster.Ref, error) {
	config, name, source, err := p.load()
	if err != nil {
		return cluster.Ref{}, err
	}
	ref, err := p.take(ctx, config, name)
	if err != nil {
		return cluster.Ref{}, errors.Join(err, p.Delete(ctx, cluster.Ref{}))
	}
	fmt.Fprintf(p.o.Log, "cluster: using context %q of %s: Kubernetes %s, nodes: %d\n", name, source, ref.KubernetesVersion, len(ref.Nodes))
	if chosen := ref.Images.Among(ref.Own); len(chosen) > 0 {
		fmt.Fprintf(p.o.Log, "images: pods run %s, which every node has\n", strings.Join(chosen, ", "))
	}
	return ref, nil
}

func (p *Provider) take(ctx context.Context, config *api.Config, name string) (cluster.Ref, error) {
	path, err := p.write(config)
	if err != nil {
		return cluster.Ref{}, err
	}
	ref := cluster.Ref{
		Name:       name,
		Provider:   ProviderName,
		Kubeconfig: path,
		Context:    name,
		// Of no kubeconfig.
		Overrides: probe.Overrides{RequestTimeout: p.o.Overrides.RequestTimeout},
	}
	ctx, cancel := context.WithTimeoutCause(ctx, checkTimeout, fmt.Errorf("no answer in %s", checkTimeout))
	defer cancel()
	if err := p.describe(ctx, &ref); err != nil {
		if ctx.Err() != nil {
			err = fmt.Errorf("%w: %w", context.Cause(ctx), err)
		}
		server := config.Clusters[config.Contexts[name].Cluster].Server
		return cluster.Ref{}, fmt.Errorf("checking the cluster of context %q at %s: %w", name, server, err)
	}
	ref.Images = p.o.Images.For(p.o.Registry, ref.Own)
	return ref, nil
}

// Delete removes the private copy. The cluster stays as it is. Deleting twice is
// no error.
func (p *Provider) Delete(context.Context, cluster.Ref) error {
	if p.run == nil {
		return nil
	}
	if err := os.RemoveAll(p.run.path); err != nil {
		return fmt.Errorf("removing the private kubeconfig: %w", err)
	}
	if err := p.ledger.Done(p.run.entry); err != nil {
		return err
	}
	p.run = nil
	return nil
}

// load returns the configuration cut down to the one context, that context's
// name, and where they come from.
func (p *Provider) load() (config *api.Config, name, source string, err error) {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = p.o.Kubeconfig
	// Warnings about other files of the list are none of a run's business.
	rules.WarnIfAllMissing = false
	source = quoted(rules.GetLoadingPrecedence())
	if p.o.Kubeconfig != "" {
		source = fmt.Sprintf("%q", p.o.Kubeconfig)
		if info, err := os.Stat(p.o.Kubeconfig); errors.Is(err, fs.ErrNotExist) {
			return nil, "", "", fmt.Errorf("reading kubeconfig %s: no such file; give another with --kubeconfig", source)
		} else if err == nil && info.IsDir() {
			return nil, "", "", fmt.Errorf("reading kubeconfig %s: it is a folder; give a file with --kubeconfig", source)
		}
	}
	config, err = rules.Load()
	if err != nil {
		return nil, "", "", fmt.Errorf("reading kubeconfig %s: %s", source, oneLine(err))
	}
	names := make([]string, 0, len(config.Contexts))
	for n := range config.Contexts {
		names = append(names, n)
	}
	slices.Sort(names)
	name = p.o.Context
	if name == "" {
		name = config.CurrentContext
	}
	p.o.Overrides.Apply(config, name)
	context, there := config.Contexts[name]
	switch {
	case len(names) == 0 && !slices.ContainsFunc(rules.GetLoadingPrecedence(), exists):
		return nil, "", "", fmt.Errorf("reading kubeconfig %s: no such file; give another with --kubeconfig", source)
	case len(names) == 0:
		return nil, "", "", fmt.Errorf("reading kubeconfig %s: it has no context", source)
	case name == "":
		return nil, "", "", fmt.Errorf("reading kubeconfig %s: it has no current-context; choose with --context one of %s", source, quoted(names))
	case !there:
		return nil, "", "", fmt.Errorf("reading kubeconfig %s: it has no context %q; choose with --context one of %s", source, name, quoted(names))
	}
	if _, there := config.Clusters[context.Cluster]; !there {
		return nil, "", "", fmt.Errorf("reading kubeconfig %s: context %q is about cluster %q, which is not in it", source, name, context.Cluster)
	}
	if _, there := config.AuthInfos[context.AuthInfo]; !there && context.AuthInfo != "" {
		return nil, "", "", fmt.Errorf("reading kubeconfig %s: context %q is about user %q, who is not in it", source, name, context.AuthInfo)
	}
	config.CurrentContext = name
	if err := api.MinifyConfig(config); err != nil {
		return nil, "", "", fmt.Errorf("reading context %q of kubeconfig %s: %s", name, source, oneLine(err))
	}
	if err := flatten(config); err != nil {
		return nil, "", "", fmt.Errorf("reading context %q of kubeconfig %s: %s", name, source, oneLine(err))
	}
	return config, name, source, nil
}

// flatten puts the contents of certificates and keys in place of their paths,
// which Load has made absolute. Token files and the commands of plugins stay
// paths: their contents change.
func flatten(config *api.Config) error {
	for _, c := range config.Clusters {
		// Data win over a file; FlattenConfig refuses to choose.
		if len(c.CertificateAuthorityData) > 0 {
			c.CertificateAuthority = ""
		}
	}
	for _, a := range config.AuthInfos {
		if len(a.ClientCertificateData) > 0 {
			a.ClientCertificate = ""
		}
		if len(a.ClientKeyData) > 0 {
			a.ClientKey = ""
		}
	}
	return api.FlattenConfig(config)
}

// write writes the private copy and returns its path.
func (p *Provider) write(config *api.Config) (string, error) {
	runs := filepath.Join(p.o.CacheDir, runsDir)
	if err := os.MkdirAll(runs, 0o700); err != nil {
		return "", fmt.Errorf("making a private folder: %w", err)
	}
	// The name is known before the folder is, so that the ledger has it first.
	dir := filepath.Join(runs, fmt.Sprintf("%d-%d", os.Getpid(), time.Now().UnixNano()))
	entry, err := p.ledger.Note(ledger.Entry{Kind: ledger.File, Name: dir})
	if err != nil {
		return "", err
	}
	p.run = &privateDir{path: dir, entry: entry}
	if err := os.Mkdir(dir, 0o700); err != nil {
		return "", fmt.Errorf("making a private folder: %w", err)
	}
	data, err := clientcmd.Write(*config)
	path := filepath.Join(dir, "kubeconfig")
	if err == nil {
		err = os.WriteFile(path, data, 0o600)
	}
	if err != nil {
		return "", fmt.Errorf("writing the private kubeconfig: %w", err)
	}
	return path, nil
}

func describe(ctx context.Context, ref *cluster.Ref) error {
	config, err := ref.RESTConfig()
	if err != nil {
		return err
	}
	http, err := rest.HTTPClientFor(config)
	if err != nil {
		return fmt.Errorf("making a client: %w", err)
	}
	// Of many clusters none is to keep a connection that nobody needs.
	defer utilnet.CloseIdleConnectionsFor(http.Transport)
	client, err := kubernetes.NewForConfigAndClient(config, http)
	if err != nil {
		return fmt.Errorf("making a client: %w", err)
	}
	if err := ref.Describe(ctx, client); err != nil {
		return err
	}
	// A large cluster always has a node that is down.
	return cluster.CheckReady(ctx, client, cluster.Readiness{Cluster: ref.Name, OneNode: true})
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func oneLine(err error) string { return strings.Join(strings.Fields(err.Error()), " ") }

func quoted(names []string) string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = fmt.Sprintf("%q", n)
	}
	return strings.Join(out, ", ")
}

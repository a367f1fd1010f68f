package harness

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/onsi/ginkgo/v2"
	"k8s.io/apimachinery/pkg/util/rand"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/inroads-k8s/inroads/framework/access"
	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/framework/cluster"
	"github.com/inroads-k8s/inroads/framework/cluster/cache"
	"github.com/inroads-k8s/inroads/framework/cluster/kind"
	"github.com/inroads-k8s/inroads/framework/cluster/ledger"
	"github.com/inroads-k8s/inroads/framework/probe"
)

const (
	// suiteTimeout bounds a run with its set-up; a node image that is built
	// from nothing takes most of it.
	suiteTimeout = 80 * time.Minute
	// setUpTimeout and tearDownTimeout bound what comes before and after.
	setUpTimeout    = 60 * time.Minute
	tearDownTimeout = 5 * time.Minute
	// goneTime bounds the wait for the run's namespaces, which takes seconds.
	goneTime = time.Minute
	// cleanUpTime is what a spec has for removing what it made, after the time
	// of its claim.
	cleanUpTime = 30 * time.Second
)

// session is what the specs of one process share.
type session struct {
	clusters []cluster.Ref
	ref      cluster.Ref
	config   *rest.Config
	client   kubernetes.Interface
	// unusable is what is wrong with the kubeconfig, which is then what each
	// spec has to tell, or nil.
	unusable error
	host     access.Host
	dir      string
	// python is that which has the package kubernetes, "" until it was looked for.
	python string
	// shared is a folder of all processes of the run, see once, "" where there is
	// none.
	shared string
	// goEnv is what go run needs of this process's environment, nil until a
	// program of client-go was built.
	goEnv []string
	// remove removes dir.
	remove func() error
}

// newSession prepares this process for the clusters of the run.
func newSession(ctx context.Context, clusters []cluster.Ref, o Options) (*session, error) {
	if len(clusters) == 0 {
		return nil, errors.New("the run has no cluster")
	}
	s := &session{clusters: clusters, ref: clusters[0]}
	var err error
	if s.config, s.client, err = connect(s.ref); err != nil {
		s.config, s.unusable = &rest.Config{}, err
	}
	for _, secret := range []string{s.config.BearerToken, s.config.Password, string(s.config.KeyData)} {
		probe.KnownSecrets().Add(secret)
	}
	if s.dir, s.remove, err = makeRunDir(); err != nil {
		return nil, err
	}
	kubectl, err := findKubectl(o.Kubectl, s.ref.Kubectl)
	if err != nil {
		return nil, errors.Join(err, s.close())
	}
	link, err := access.LinkKubectl(filepath.Join(s.dir, "bin"), kubectl)
	if err != nil {
		return nil, fmt.Errorf("linking %q: %w", kubectl, err)
	}
	s.host = access.Host{Kubectl: link, Kubeconfig: s.ref.Kubeconfig, Home: s.dir}
	return s, ctx.Err()
}

// connect returns the configuration of the cluster's user, and a client.
func connect(ref cluster.Ref) (*rest.Config, kubernetes.Interface, error) {
	config, err := ref.RESTConfig()
	if err != nil {
		return nil, nil, err
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, nil, fmt.Errorf("making a client for %q: %w", config.Host, err)
	}
	return config, client, nil
}

// close removes what this process has on disk.
func (s *session) close() error { return s.remove() }

// openLedger opens the ledger of this machine and returns the cache folder too.
func openLedger() (*ledger.Ledger, string, error) {
	dir, err := cache.Dir()
	if err != nil {
		return nil, "", err
	}
	l, err := ledger.Open(filepath.Join(dir, ledger.DirName))
	return l, dir, err
}

// runsDir is where the folders of runs are, below the cache folder.
const runsDir = "runs"

// makeRunDir makes a folder for the run, mode 0700. The ledger knows of it before it
// is there, so that sweep finds what a killed run left.
func makeRunDir() (dir string, remove func() error, err error) {
	l, base, err := openLedger()
	if err != nil {
		return "", nil, err
	}
	dir = filepath.Join(base, runsDir, rand.String(8))
	id, err := l.Note(ledger.Entry{Kind: ledger.File, Name: dir})
	if err != nil {
		return "", nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", nil, fmt.Errorf("making the folder of the run: %w", err)
	}
	return dir, func() error {
		if err := os.RemoveAll(dir); err != nil {
			return fmt.Errorf("removing the folder of the run: %w", err)
		}
		return l.Done(id)
	}, nil
}

// findKubectl returns the first of the candidates that is named, or the kubectl
// in PATH.
func findKubectl(candidates ...string) (string, error) {
	for _, c := range candidates {
		if c != "" {
			return exec.LookPath(c)
		}
	}
	path, err := exec.LookPath("kubectl")
	if err != nil {
		return "", &cluster.MissingError{Missing: "no kubectl in PATH", Remedy: "install one or give --kubectl PATH"}
	}
	return path, nil
}

// hiddenNodes is why nothing is known of the nodes.
const hiddenNodes = "the user of the run may not list nodes"

// missing returns why the claim's feature is not here, or "".
func (s *session) missing(ctx context.Context, f catalog.Feature) string {
	switch f {
	case catalog.Pods:
		if s.ref.Images.Server == "" || s.ref.Images.Client == "" {
			return "the run may start no pods"
		}
		if run.options.NoPods {
			return "the run was told to start none"
		}
	case catalog.ClusterScoped:
		if !run.options.mayClusterScoped() {
			return "the run may create none; --allow cluster-scoped lets it"
		}
	case catalog.KubectlImage:
		if s.ref.Images.Client == cluster.PublicImages().From(run.options.ImageRegistry).Client {
			return fmt.Sprintf("there is no kubectl in %q", s.ref.Images.Client)
		}
	case catalog.MultiNode:
		if len(s.ref.Nodes) == 0 {
			return hiddenNodes
		}
		if len(s.ref.Nodes) < 2 {
			return fmt.Sprintf("the cluster has %d node", len(s.ref.Nodes))
		}
	case catalog.ControlPlaneNode:
		if len(s.ref.Nodes) == 0 {
			return hiddenNodes
		}
		if !slices.ContainsFunc(s.ref.Nodes, func(n cluster.Node) bool { return n.ControlPlane }) {
			return "no node is known as a control plane"
		}
	case catalog.SetUpByTool:
		if s.ref.Provider != kind.ProviderName {
			return "the run has not made the cluster, and does not know who has"
		}
	case catalog.LoopbackServer:
		if s.unusable != nil {
			break
		}
		if u, err := url.Parse(s.config.Host); err != nil || !isLoopback(u.Hostname()) {
			return fmt.Sprintf("the kubeconfig has the API server at %q", s.config.Host)
		}
	case catalog.HostTools, catalog.Browser:
		if programs, _ := missingTools(f); len(programs) > 0 {
			return "not in PATH: " + strings.Join(programs, ", ")
		}
	case catalog.Wget:
		if err := s.host.CheckWget(ctx); err != nil {
			return err.Error()
		}
	case catalog.ClientCertificate:
		if s.unusable != nil {
			break
		}
		if tls := s.config.TLSClientConfig; len(tls.CertData) == 0 && tls.CertFile == "" {
			return "the kubeconfig's user has no client certificate"
		}
	case catalog.OwnCA:
		// What a kubeconfig lacks that cannot be read is not known.
		if s.unusable != nil {
			break
		}
		if tls := s.config.TLSClientConfig; len(tls.CAData) == 0 && tls.CAFile == "" {
			return "the kubeconfig names no certificate authority"
		}
	case catalog.PythonClient:
		if s.python != "" {
			break
		}
		python, err := s.once(ctx, "python", func(ctx context.Context) (string, error) { return access.FindPython(ctx, access.PythonClient) })
		if err != nil {
			return err.Error()
		}
		s.python = python
	case catalog.PythonIndex:
		if _, err := s.once(ctx, "python-index", func(ctx context.Context) (string, error) { return "", askPythonIndex(ctx, s.dir) }); err != nil {
			return err.Error()
		}
	case catalog.NodeClient:
		if _, err := exec.LookPath(access.NodeProgram); err != nil {
			return err.Error()
		}
		if err := nodeClientThere(); err != nil {
			return err.Error()
		}
	case catalog.LibraryImage:
		if s.ref.Images.Library == "" {
			return cmp.Or(s.ref.NoLibrary, "the run has no image with client libraries; name one with --library-image")
		}
	case catalog.GoClient:
		if err := s.buildGoClient(ctx); err != nil {
			return err.Error()
		}
	case catalog.PreviousGoClient:
		if err := s.buildPreviousGoClient(ctx); err != nil {
			return err.Error()
		}
	case catalog.ModuleTags:
		if err := s.resolveTag(ctx); err != nil {
			return err.Error()
		}
	case catalog.IPv6Loopback:
		if err := access.CheckLoopback("::1"); err != nil {
			return err.Error()
		}
	}
	return ""
}

// isLoopback is whether the host, a name or an address, is this machine itself.
func isLoopback(host string) bool {
	address, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && address.IsLoopback()
}

// keepsOff returns why the claim is not put to the test on the cluster, which is
// none of its topologies or may not be harmed, or "".
func keepsOff(ref cluster.Ref, c catalog.Claim) string {
	// Any cluster will do for what is proven on the topology of most claims, or
	// needs no more of one than an image.
	undemanding := c.IsOn(catalog.TopologyMultiNode) || c.IsOn(catalog.TopologyClientLibraries)
	if !undemanding && !c.IsOn(ref.Topology) {
		return fmt.Sprintf("needs topology %s: the cluster was not made for it", c.On()[0])
	}
	if c.Disruptive && (ref.Provider != kind.ProviderName || ref.Engine == "") {
		return "it stops parts of the cluster, and inroads did not make this one"
	}
	return ""
}

func skipUnlessApplicable(ctx context.Context, s *session, c catalog.Claim, note func(catalog.Verdict, string)) {
	if reason := keepsOff(s.ref, c); reason != "" {
		note(catalog.NotApplicable, reason)
		ginkgo.Skip(reason)
	}
	if right := run.options.Forbidden[c.ID]; right != "" {
		reason := "the user of the run is not allowed to " + right
		note(catalog.Skipped, reason)
		ginkgo.Skip(reason)
	}
	for _, f := range c.Needs {
		if why := s.missing(ctx, f); why != "" {
			reason := fmt.Sprintf("needs %s: %s", f, why)
			note(catalog.NotApplicable, reason)
			ginkgo.Skip(reason)
		}
	}
}

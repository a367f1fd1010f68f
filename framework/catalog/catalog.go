// Package catalog is what inroads knows before it looks at any cluster: the
// documented paths into a cluster, the hops of each, and the claims that a run
// can prove or disprove. It is data and its validation; it does no I/O.
package catalog

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

// ID is the stable id of a claim: its group, a slash and a name, all lower
// case ("kubectl-proxy/api-root"). An id is never used for another claim.
type ID string

// PathID names a path: one documented way in.
type PathID string

// Level tells how far a claim is from the page that inroads proves.
type Level string

const (
	// Core claims are made by the page "Accessing Clusters" itself.
	Core Level = "core"
	// Linked claims are made by a page that it links to.
	Linked Level = "linked"
	// Extended claims go beyond the documentation.
	Extended Level = "extended"
)

// Levels returns every level, nearest to the page first.
func Levels() []Level { return []Level{Core, Linked, Extended} }

// Feature is something that a claim needs of a cluster or of the machine that
// runs inroads. A claim whose feature is missing is not applicable there.
type Feature string

const (
	// Pods means that the run may create pods, and that its images are there.
	Pods Feature = "pods"
	// KubectlImage means that the client image of the run has kubectl.
	KubectlImage Feature = "kubectl-image"
	// MultiNode means two or more nodes that schedule pods.
	MultiNode Feature = "multi-node"
	// HostTools means bash, curl, grep, cut, tr and base64 on this machine.
	HostTools Feature = "host-tools"
	// Wget means GNU Wget on this machine; others verify nothing, or say otherwise
	// that they do not trust.
	Wget Feature = "wget"
	// ClientCertificate means that the user of the kubeconfig has one.
	ClientCertificate Feature = "client-certificate"
	// OwnIdentity means that the user of the kubeconfig impersonates nobody: whoever
	// shows the credential is whom the run is for.
	OwnIdentity Feature = "own-identity"
	// Browser means Chromium on this machine, and certutil, which imports an
	// authority into it.
	Browser Feature = "browser"
	// IPv6Loopback means that ::1 can be listened on.
	IPv6Loopback Feature = "ipv6-loopback"
	// OwnCA means that the kubeconfig names the authority of the API server's
	// certificate, as it has to where that is none of the well-known ones.
	OwnCA Feature = "own-ca"
	// ControlPlaneNode means that the API server runs on a node of the cluster.
	ControlPlaneNode Feature = "control-plane-node"
	// KubeProxy means that kube-proxy is a DaemonSet of the cluster. Only a look
	// at the cluster tells.
	KubeProxy Feature = "kube-proxy"
	// Outside means that this machine is no part of the cluster's network. Only a
	// try tells.
	Outside Feature = "outside"
	// LoopbackServer means that the kubeconfig has the API server at a loopback
	// address of this machine, as kind's has.
	LoopbackServer Feature = "loopback-server"
	// SetUpByTool means that the run knows the tool that made the cluster, and wrote
	// the kubeconfig: kind.
	SetUpByTool Feature = "set-up-by-tool"
	// LoadBalancers means that somebody provides load balancers for Services. Only
	// a look at the cluster tells.
	LoadBalancers Feature = "load-balancers"
	// ClusterScoped means that the run may create cluster-scoped objects.
	ClusterScoped Feature = "cluster-scoped"
	// PythonClient means a Python on this machine with the package kubernetes.
	PythonClient Feature = "python-client"
	// NodeClient means Node.js on this machine, and @kubernetes/client-node in the
	// cache folder.
	NodeClient Feature = "node-client"
	// LibraryImage means that the run has an image with client libraries, which
	// TopologyClientLibraries brings along and any other cluster is given.
	LibraryImage Feature = "library-image"
	// GoClient means a Go toolchain on this machine that builds a program of
	// client-go.
	GoClient Feature = "go-client"
	// PreviousGoClient means that it builds one of the minor version before, too.
	PreviousGoClient Feature = "previous-go-client"
	// ModuleTags means that a module proxy, or the repository, tells the Go
	// toolchain which version of client-go a tag is.
	ModuleTags Feature = "module-tags"
	// PythonIndex means a Python on this machine that makes virtual environments,
	// and a package index that gives their pip the package kubernetes.
	PythonIndex Feature = "python-index"
)

// Source is where a claim is documented.
type Source struct {
	// Page is the path of the page below the documentation's root, in English.
	Page string
	// Section is the anchor of the section, or "" for the page as a whole.
	Section string
	// Version is the Kubernetes version whose documentation was read.
	Version string
}

// URL returns the address of the documentation's section.
func (s Source) URL() string {
	u := "https://kubernetes.io/docs/" + s.Page + "/"
	if s.Section != "" {
		u += "#" + s.Section
	}
	return u
}

// Code is the stable name of a diagnosis: A, the hop and a number
// ("A-TLS-02"). Package probe has the table of them.
type Code string

// Fault is one way to break a cluster or a client that must turn a claim red.
type Fault struct {
	// Name is the stable name of the fault ("ca-wrong").
	Name string
	// Hop is the hop that the fault breaks and that a run must blame.
	Hop Hop
	// Code is the diagnosis that a run must give of it.
	Code Code
	// How says in a few words what is done.
	How string
}

// Claim is one sentence of the documentation about a path, in the present
// tense, that a run can prove false.
type Claim struct {
	ID       ID
	Path     PathID
	Level    Level
	Sentence string
	Source   Source
	// Expect is what the path's own caller observes on an honest cluster.
	Expect Outcome
	// Deviation is what the page says where a real cluster does something
	// else. Empty means that the page is right. The spec asserts what really
	// happens, which is what Sentence says.
	Deviation string
	Needs     []Feature
	// Topologies are those of the clusters that the claim is proven on; none means
	// TopologyMultiNode.
	Topologies []Topology
	// Rights are what the run's own user must be allowed to do. None means that
	// the claim is put to the test without a word to the API server.
	Rights []Right
	// Faults are what must turn the claim red. A claim without one is a
	// defect of the catalogue: it could not fail.
	Faults []Fault
	// Disruptive is whether the spec stops parts of the cluster for a while. It
	// runs alone, and on no cluster that inroads did not make.
	Disruptive bool
	// Timeout bounds the spec; zero means DefaultTimeout.
	Timeout time.Duration
}

// DefaultTimeout bounds the spec of a claim that sets no timeout of its own.
const DefaultTimeout = 90 * time.Second

// Bound returns the time that the spec of the claim may take.
func (c Claim) Bound() time.Duration { return cmp.Or(c.Timeout, DefaultTimeout) }

// Path is one documented way in, with its hops in the order that a request
// meets them.
type Path struct {
	ID    PathID
	Title string
	Hops  []Hop
}

var idPattern = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*/[a-z0-9]+(-[a-z0-9]+)*$`)

// Claims returns every claim, sorted by id.
func Claims() []Claim {
	all := slices.Concat(
		configClaims, storedClaims, directClaims, kubectlProxyClaims, proxyLegClaims, confusedClaims, browserClaims, tokenClaims,
		inPodClaims, differentClaims, serviceClaims, bastionClaims, anonymousClaims, everyClaims, adminClaims, clientClaims, libraryClaims,
		kubeProxyClaims, balancerClaims, loadBalancerClaims,
	)
	slices.SortFunc(all, func(a, b Claim) int { return cmp.Compare(a.ID, b.ID) })
	return all
}

// Lookup returns the claim with the given id.
func Lookup(id ID) (Claim, error) {
	all := Claims()
	i := slices.IndexFunc(all, func(c Claim) bool { return c.ID == id })
	if i < 0 {
		return Claim{}, fmt.Errorf("looking up claim %q: no such claim; 'inroads list' prints them", id)
	}
	return all[i], nil
}

// LookupPath returns the path with the given id.
func LookupPath(id PathID) (Path, error) {
	i := slices.IndexFunc(paths, func(p Path) bool { return p.ID == id })
	if i < 0 {
		return Path{}, fmt.Errorf("looking up path %q: no such path", id)
	}
	return paths[i], nil
}

// Paths returns every path in the order of the documentation.
func Paths() []Path { return slices.Clone(paths) }

// Validate returns an error for the first claim that is not fit to be run: a
// malformed or repeated id, an unknown path, a missing sentence, source,
// expected outcome or fault, a fault on a hop that its path does not have, or no
// right where the path leads to the API server. It does so too for the first
// advice that lacks something, its reason included, or that has a claim's id.
func Validate() error {
	seen := map[ID]bool{}
	for _, c := range Claims() {
		if err := c.validate(); err != nil {
			return fmt.Errorf("validating claim %q: %w", c.ID, err)
		}
		if seen[c.ID] {
			return fmt.Errorf("validating claim %q: the id is used twice", c.ID)
		}
		seen[c.ID] = true
	}
	for _, a := range Advices() {
		if err := a.validate(); err != nil {
			return fmt.Errorf("validating advice %q: %w", a.ID, err)
		}
		if seen[a.ID] {
			return fmt.Errorf("validating advice %q: the id is used twice", a.ID)
		}
		seen[a.ID] = true
	}
	return nil
}

// validateSentence validates what claims and advice have in common.
func validateSentence(id ID, level Level, sentence string, source Source) error {
	switch {
	case !idPattern.MatchString(string(id)):
		return fmt.Errorf("the id is not of the form group/name")
	case !slices.Contains(Levels(), level):
		return fmt.Errorf("unknown level %q", level)
	case sentence == "" || strings.HasSuffix(sentence, "."):
		return fmt.Errorf("the sentence is empty or ends in a full stop")
	case source.Page == "" || source.Version == "":
		return fmt.Errorf("the source names no page or no version")
	}
	return nil
}

// askNobody are the claims about a path to the API server that are about its
// first hops alone.
var askNobody = []ID{"kubectl/examples-and-reference-exist", "kubectl-proxy/see-reference", "token/grep-cut-apiserver", "token/jsonpath-apiserver"}

func (c Claim) validate() error {
	if err := validateSentence(c.ID, c.Level, c.Sentence, c.Source); err != nil {
		return err
	}
	path, err := LookupPath(c.Path)
	switch {
	case err != nil:
		return err
	case c.Expect == Unknown:
		return fmt.Errorf("no outcome is expected")
	case len(c.Faults) == 0:
		return fmt.Errorf("no fault is named that would turn it red")
	}
	if len(c.Rights) == 0 && slices.Contains(path.Hops, HopAuthz) && !slices.Contains(askNobody, c.ID) {
		return fmt.Errorf("no right is named that it needs")
	}
	for _, t := range c.Topologies {
		if !slices.Contains(Topologies(), t) {
			return fmt.Errorf("unknown topology %q", t)
		}
	}
	for _, r := range c.Rights {
		if err := r.validate(); err != nil {
			return err
		}
	}
	for _, f := range c.Faults {
		if f.Name == "" || f.How == "" || f.Code == "" || !slices.Contains(path.Hops, f.Hop) {
			return fmt.Errorf("fault %q: it needs a name, a description, a code and a hop of path %q, not %q", f.Name, path.ID, f.Hop)
		}
	}
	return nil
}

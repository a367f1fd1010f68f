package catalog

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Right is something that the run's own user must be allowed to do for a claim
// to be put to the test. It is about one resource or one path of the API.
type Right struct {
	Verb string
	// Group is the API group of the resource, "" for the core group.
	Group, Resource, Subresource string
	// Name is the one object that it is about, "" for any.
	Name string
	// Namespaced is whether the resource is in a namespace, and Namespace which
	// one; "" is any, since the namespaces of a run have names that are not known
	// before it.
	Namespaced bool
	Namespace  string
	// NonResourceURL is the path of the API, where it is about no resource.
	NonResourceURL string
}

// String returns the right in words: "create pods/exec in namespaces".
func (r Right) String() string {
	what := r.NonResourceURL
	if what == "" {
		what = strings.TrimSuffix(r.Resource+"/"+r.Subresource, "/")
		if r.Group != "" {
			what += "." + r.Group
		}
	}
	words := []string{r.Verb, what}
	if r.Name != "" {
		words = append(words, r.Name)
	}
	switch {
	case r.Namespace != "":
		words = append(words, "in namespace", r.Namespace)
	case r.Namespaced:
		words = append(words, "in namespaces")
	}
	return strings.Join(words, " ")
}

// Command returns what to type to ask the API server for the right.
func (r Right) Command() string {
	what := r.NonResourceURL
	if what == "" {
		what = r.Resource
		if r.Group != "" {
			what += "." + r.Group
		}
		// "pods/exec" would be a pod of the name exec.
		if r.Name != "" {
			what += "/" + r.Name
		}
	}
	words := []string{"kubectl auth can-i", r.Verb, what}
	if r.Subresource != "" {
		words = append(words, "--subresource="+r.Subresource)
	}
	switch {
	case r.Namespace != "":
		words = append(words, "--namespace="+r.Namespace)
	case r.Namespaced:
		words = append(words, "--all-namespaces")
	}
	return strings.Join(words, " ")
}

func (r Right) validate() error {
	path := r.NonResourceURL != ""
	switch {
	case r.Verb == "" || r.Verb == "*":
		return fmt.Errorf("right %q: it has no verb", r)
	case path == (r.Resource != ""):
		return fmt.Errorf("right %q: it must be about a resource or a path", r)
	case path && (r.Group+r.Subresource+r.Name+r.Namespace != "" || r.Namespaced):
		return fmt.Errorf("right %q: a path is in no group and no namespace", r)
	case r.Namespace != "" && !r.Namespaced:
		return fmt.Errorf("right %q: it names a namespace and is in none", r)
	}
	return nil
}

// Compare orders rights by what they are about, and then by verb.
func (r Right) Compare(other Right) int {
	return cmp.Or(
		cmp.Compare(r.NonResourceURL, other.NonResourceURL), cmp.Compare(r.Group, other.Group),
		cmp.Compare(r.Resource, other.Resource), cmp.Compare(r.Subresource, other.Subresource),
		cmp.Compare(r.Namespace, other.Namespace), cmp.Compare(r.Name, other.Name), strings.Compare(r.Verb, other.Verb),
		cmp.Compare(r.String(), other.String()), // in namespaces, or not
	)
}

// RightsOf returns the rights that the claims need, each once, sorted.
func RightsOf(claims []Claim) []Right {
	var all []Right
	for _, c := range claims {
		all = append(all, c.Rights...)
	}
	slices.SortFunc(all, Right.Compare)
	return slices.Compact(all)
}

// in returns the right for each verb on a resource of the core group that is in
// the namespaces of a run.
func in(resource string, verbs ...string) []Right {
	resource, subresource, _ := strings.Cut(resource, "/")
	return each(Right{Resource: resource, Subresource: subresource, Namespaced: true}, verbs)
}

// inGroup is in for a resource of another group.
func inGroup(group, resource string, verbs ...string) []Right {
	return each(Right{Group: group, Resource: resource, Namespaced: true}, verbs)
}

// clusterWide is inGroup for a resource that is in no namespace.
func clusterWide(group, resource string, verbs ...string) []Right {
	resource, subresource, _ := strings.Cut(resource, "/")
	return each(Right{Group: group, Resource: resource, Subresource: subresource}, verbs)
}

func each(r Right, verbs []string) []Right {
	var all []Right
	for _, v := range verbs {
		r.Verb = v
		all = append(all, r)
	}
	return all
}

func rights(lists ...[]Right) []Right { return slices.Concat(lists...) }

// Rights that several claims need, by what a spec does with them.
var (
	// readRoot is for the root of the API, which every authenticated user has by
	// default.
	readRoot = []Right{{Verb: "get", NonResourceURL: "/api"}}
	// discover is for kubectl to find out what the resources are.
	discover = rights(readRoot, []Right{{Verb: "get", NonResourceURL: "/apis"}})
	// askWho is for asking the API server who the caller is.
	askWho = clusterWide("authentication.k8s.io", "selfsubjectreviews", "create")
	// ownNamespace is for a namespace of the spec's own, in which it waits for the
	// ServiceAccount default.
	ownNamespace = rights(clusterWide("", "namespaces", "create", "delete"), in("serviceaccounts", "list", "watch"))
	// ownPods is for pods that are waited for.
	ownPods = rights(ownNamespace, in("pods", "create", "list", "watch"))
	// execInPods is for a pod from which to look. A WebSocket is opened by GET, so
	// that get is asked for, and since Kubernetes 1.35 create too.
	execInPods = rights(ownPods, in("pods/exec", "create", "get"))
	readLogs   = in("pods/log", "get")
	// account and accountToken are for a ServiceAccount of the spec's own and a
	// token of it.
	account      = in("serviceaccounts", "create")
	accountToken = rights(account, in("serviceaccounts/token", "create"))
	// grantPods is for a Role that lets somebody list pods: who grants a right
	// must have it.
	grantPods = rights(inGroup("rbac.authorization.k8s.io", "roles", "create"), inGroup("rbac.authorization.k8s.io", "rolebindings", "create"), in("pods", "list"))
	// readKubernetes is for the Service of the API server itself.
	readKubernetes = []Right{{Verb: "get", Resource: "services", Name: "kubernetes", Namespaced: true, Namespace: "default"}}
	// listInDefault is for a client that lists what is in the namespace default.
	listInDefault = []Right{{Verb: "list", Resource: "pods", Namespaced: true, Namespace: "default"}}
	// ownServices is for Services whose endpoints are waited for, and
	// throughServices and throughPods for the API server's proxy to them.
	ownServices     = rights(in("services", "create"), inGroup("discovery.k8s.io", "endpointslices", "list", "watch"))
	throughServices = in("services/proxy", "get")
	throughPods     = in("pods/proxy", "get")
	// backends is for the pod that speaks HTTP and HTTPS, with its key and its
	// Services.
	backends = rights(ownPods, ownServices, throughServices, in("secrets", "create"))
	// tokenSecret is for the documented Secret, which kubectl applies and a spec
	// waits for.
	tokenSecret = rights(ownNamespace, discover, in("secrets", "create", "get", "list", "watch"))
)

package peer

import (
	"regexp"
	"time"

	"github.com/inroads-k8s/inroads/framework/catalog"
)

// Focus selects the specs of upstream that are about the same ways in as the core
// profile: both proxies, the tokens of ServiceAccounts, and port forwarding.
const Focus = `\[sig-network\] Proxy|\[sig-auth\] ServiceAccounts.*\[Conformance\]|Proxy server|Port forwarding`

// Pair is a spec of upstream's and the claim that proves the same thing.
type Pair struct {
	// Upstream is the whole text of the spec.
	Upstream string
	Claim    catalog.ID
	// Both says in a few words what both prove.
	Both string
	// Wait is what the spec waits however fast the cluster answers; its time counts
	// without. Why says where.
	Wait time.Duration
	Why  string
}

// Pairs returns the pairs, in the order of upstream's text. Of several claims that
// prove what the spec does, it is the one that does the least besides. None is for
// the spec of kube-root-ca.crt, which needs no pod: aap/ca-path reads it in one.
func Pairs() []Pair {
	return []Pair{
		{
			Upstream: "[sig-auth] ServiceAccounts should mount an API token into pods [Conformance]",
			Claim:    "aap/token-path", Both: "a container finds a token that is bound to its pod",
		},
		{
			Upstream: "[sig-cli] Kubectl client Proxy server should support proxy with --port 0 [Conformance]",
			Claim:    "kubectl-proxy/output-shape", Both: "kubectl proxy at a port of its own choice gives the versions of the API",
		},
		{
			Upstream: "[sig-network] Proxy version v1 A set of valid responses are returned for both pod and service Proxy [Conformance]",
			Claim:    "redirect/use-proxy-instead", Both: "a pod and a Service answer through the API server's proxy, and redirects are as they must be",
		},
		{
			Upstream: "[sig-network] Proxy version v1 A set of valid responses are returned for both pod and service ProxyWithPath [Conformance]",
			Claim:    "redirect/removed", Both: "a path below the API server's proxy leads to a Service's backend and to a pod",
		},
		{
			Upstream: "[sig-network] Proxy version v1 should proxy logs on node with explicit kubelet port using proxy subresource",
			Claim:    "ap/reach-node", Both: "the API server's proxy reaches a kubelet at its port",
		},
		{
			Upstream: "[sig-network] Proxy version v1 should proxy through a service and a pod [Conformance]",
			Claim:    "ap/target-http-or-https", Both: "HTTP and HTTPS to a Service and a pod through the API server's proxy, as the URL says",
			Wait: time.Second, Why: "its pod counts as ready after a second at the earliest",
		},
	}
}

// Claims returns the claims of the pairs.
func Claims() []catalog.ID {
	var out []catalog.ID
	for _, p := range Pairs() {
		out = append(out, p.Claim)
	}
	return out
}

// Focus is the regular expression, for Ginkgo, of this one spec of upstream's.
// Ginkgo matches it against the names of the files and the text.
func (p Pair) Focus() string { return regexp.QuoteMeta(p.Upstream) + "$" }

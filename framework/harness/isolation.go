package harness

import (
	"context"
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/inroads-k8s/inroads/framework/access"
	"github.com/inroads-k8s/inroads/framework/catalog"
)

// Packets that are lost on the way between pods look like one of these outcomes at
// one of these hops.
var (
	lostOutcomes = []catalog.Outcome{catalog.Unknown, catalog.TimedOut, catalog.Unresolved, catalog.Refused, catalog.Unavailable, catalog.Failed}
	lostHops     = []catalog.Hop{catalog.HopResolve, catalog.HopDial, catalog.HopService, catalog.HopEndpoint, catalog.HopBackend}
)

// isolated returns in words the NetworkPolicies that isolate pods of the spec, or "":
// what is then lost on the way to them or from them is lost as somebody wanted it,
// which proves nothing. The error says that nobody knows.
func (e *Env) isolated() (string, error) {
	if run.session.client == nil {
		return "", nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(e.ctx), diagnosis)
	defer cancel()
	var all []string
	for _, namespace := range e.ownNamespaces() {
		of, err := access.Isolation(ctx, run.session.client, namespace, metav1.ListOptions{})
		if err != nil {
			return "", fmt.Errorf("whether a NetworkPolicy isolates pods is not known: %w", err)
		}
		all = append(all, of...)
	}
	return strings.Join(all, "; "), nil
}

// ownNamespaces are those in which the spec has pods, each once.
func (e *Env) ownNamespaces() []string {
	all := slices.Clone(e.namespaces)
	if e.namespace != "" && !slices.Contains(all, e.namespace) {
		all = append(all, e.namespace)
	}
	return all
}

// lost is whether what failed may be for packets that never arrived.
func (e *Env) lost() bool {
	return slices.Contains(lostHops, e.hop) && slices.Contains(lostOutcomes, e.outcome)
}

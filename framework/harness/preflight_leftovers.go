package harness

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/metadata"

	"github.com/inroads-k8s/inroads/framework/cluster"
	"github.com/inroads-k8s/inroads/framework/cluster/kind"
	"github.com/inroads-k8s/inroads/framework/cluster/ledger"
	"github.com/inroads-k8s/inroads/framework/fault"
)

const (
	// abandonedAge is how old a namespace of a run is that nobody waits for any
	// more: each goes with its spec, which takes minutes.
	abandonedAge = 15 * time.Minute
	nextSweep    = "inroads sweep"
)

// faultKinds are the cluster-scoped resources that faults make.
var faultKinds = []schema.GroupVersionResource{
	{Group: "admissionregistration.k8s.io", Version: "v1", Resource: "mutatingadmissionpolicies"},
	{Group: "admissionregistration.k8s.io", Version: "v1", Resource: "mutatingadmissionpolicybindings"},
	{Group: "rbac.authorization.k8s.io", Version: "v1", Resource: "clusterrolebindings"},
	{Group: "rbac.authorization.k8s.io", Version: "v1", Resource: "clusterroles"},
}

// namespaces looks for namespaces of runs that have ended.
func (p *preflight) namespaces(ctx context.Context) []Finding {
	list, err := p.client.CoreV1().Namespaces().List(ctx, metav1.ListOptions{LabelSelector: cluster.LabelRun})
	if err != nil {
		return []Finding{unseen(checkLeftovers, err)}
	}
	live, ended := runsInLedger()
	return judgeNamespaces(list.Items, p.now, live, ended)
}

// judgeNamespaces tells which namespaces are left over. Of the runs of this machine
// the ledger knows whether they have ended; of others the age tells.
func judgeNamespaces(list []corev1.Namespace, now time.Time, live, ended []string) []Finding {
	left := map[string][]string{}
	for _, ns := range list {
		id := ns.Labels[cluster.LabelRun]
		old := now.Sub(ns.CreationTimestamp.Time) > abandonedAge
		if slices.Contains(ended, id) || old && !slices.Contains(live, id) {
			left[id] = append(left[id], ns.Name)
		}
	}
	var findings []Finding
	for _, id := range slices.Sorted(maps.Keys(left)) {
		next := fmt.Sprintf("kubectl delete namespaces --selector=%s=%s", cluster.LabelRun, id)
		if slices.Contains(ended, id) {
			next = nextSweep
		}
		findings = append(findings, Finding{
			Check: checkLeftovers, Severity: Warning, Next: next,
			Saw: fmt.Sprintf("namespaces of run %q, which has ended: %s", id, clipList(left[id])),
		})
	}
	return findings
}

// runsInLedger returns the ids of the runs of this machine that have something
// in a cluster: those that still run, and those that have ended.
func runsInLedger() (live, ended []string) {
	l, _, err := openLedger()
	if err != nil {
		return nil, nil
	}
	// What cannot be read is no run of which anything is known.
	entries, _ := l.List()
	for _, e := range entries {
		switch {
		case e.Kind != cluster.Namespaces:
		case e.Owner.Alive():
			live = append(live, e.Name)
		default:
			ended = append(ended, e.Name)
		}
	}
	return live, ended
}

// faults looks for what faults have put into the cluster.
func (p *preflight) faults(ctx context.Context) []Finding {
	client, err := metadata.NewForConfigAndClient(p.config, p.http)
	if err != nil {
		return []Finding{unseen(checkLeftovers, err)}
	}
	var findings []Finding
	for _, resource := range faultKinds {
		list, err := client.Resource(resource).List(ctx, metav1.ListOptions{LabelSelector: fault.LabelFault})
		switch {
		case apierrors.IsNotFound(err), apierrors.IsForbidden(err):
		case err != nil:
			return append(findings, unseen(checkLeftovers, err))
		case len(list.Items) > 0:
			var names []string
			for _, o := range list.Items {
				names = append(names, o.Name)
			}
			findings = append(findings, Finding{
				Check: checkLeftovers, Severity: Warning,
				Saw:  fmt.Sprintf("a fault that was not healed, or is in place now: %s %s", resource.Resource, clipList(names)),
				Next: fmt.Sprintf("%s, and where it stays: kubectl delete %s --selector=%s", nextSweep, resource.Resource, fault.LabelFault),
			})
		}
	}
	return findings
}

// Leftovers looks for what killed runs left on this machine, as its ledger has it.
func Leftovers() Finding {
	l, _, err := openLedger()
	if err != nil {
		return unseen(checkLeftovers, err)
	}
	orphans, err := l.Orphans()
	if err != nil {
		return Finding{Check: checkLeftovers, Severity: Warning, Saw: firstLine(err.Error())}
	}
	return judgeOrphans(orphans)
}

func judgeOrphans(orphans []ledger.Entry) Finding {
	kept := slices.ContainsFunc(orphans, kind.Kept)
	count := map[ledger.Kind]int{}
	for _, e := range orphans {
		// A cluster that is kept has its engine and network besides.
		if kind.Kept(e) || kept && (e.Kind == ledger.Engine || e.Kind == ledger.Network) {
			continue
		}
		count[e.Kind]++
	}
	if len(count) == 0 {
		return Finding{Check: checkLeftovers, Severity: Fine, Saw: "none of killed runs on this machine"}
	}
	var parts []string
	for _, k := range slices.Sorted(maps.Keys(count)) {
		parts = append(parts, fmt.Sprintf("%s: %d", k, count[k]))
	}
	return Finding{Check: checkLeftovers, Severity: Warning, Saw: "of killed runs on this machine: " + strings.Join(parts, ", "), Next: nextSweep}
}

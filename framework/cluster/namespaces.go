package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/inroads-k8s/inroads/framework/cluster/ledger"
)

const (
	// LabelManagedBy marks everything that inroads creates in a cluster, with
	// the value ManagedBy.
	LabelManagedBy = "app.kubernetes.io/managed-by"
	// ManagedBy is described with LabelManagedBy.
	ManagedBy = "inroads"
	// LabelRun carries the id of the run that created an object.
	LabelRun = "inroads.dev/run"
	// Namespaces is the kind of a ledger entry about the namespaces that a run
	// creates in a cluster which outlives it. The entry's name is the run's id.
	Namespaces ledger.Kind = "namespaces"

	detailKubeconfig = "kubeconfig"
	detailContext    = "context"
	detailOverrides  = "overrides"
	// sweepTime bounds each request of what a sweep removes.
	sweepTime = 10 * time.Second
)

// NoteNamespaces records that the run is about to create namespaces labelled
// with its id, and returns the entry's id. The cluster's kubeconfig must outlive
// the run; "" means the one that kubectl would take.
func NoteNamespaces(l *ledger.Ledger, in Ref, run string) (string, error) {
	e, err := entryIn(in, Namespaces, run)
	if err != nil {
		return "", err
	}
	return l.Note(e)
}

// entryIn returns an entry about what the run creates in a cluster that outlives
// it, with the way to that cluster.
func entryIn(in Ref, kind ledger.Kind, run string) (ledger.Entry, error) {
	detail := map[string]string{detailKubeconfig: in.Kubeconfig, detailContext: in.Context}
	if !in.Overrides.IsZero() {
		raw, err := json.Marshal(in.Overrides)
		if err != nil {
			return ledger.Entry{}, fmt.Errorf("noting the %s of run %q: %w", kind, run, err)
		}
		detail[detailOverrides] = string(raw)
	}
	return ledger.Entry{Kind: kind, Name: run, Detail: detail}, nil
}

// clientOf returns a client of the cluster that the entry is about, nil where its
// kubeconfig is gone, and the cluster with it.
func clientOf(e ledger.Entry) (kubernetes.Interface, error) {
	path := e.Detail[detailKubeconfig]
	if _, err := os.Stat(path); path != "" && errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	in := Ref{Kubeconfig: path, Context: e.Detail[detailContext]}
	if raw := e.Detail[detailOverrides]; raw != "" {
		if err := json.Unmarshal([]byte(raw), &in.Overrides); err != nil {
			return nil, fmt.Errorf("reading how to reach the cluster of run %q: %w", e.Name, err)
		}
	}
	config, err := in.RESTConfig()
	if err != nil {
		return nil, err
	}
	config.Timeout = sweepTime
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("making a client for %q: %w", config.Host, err)
	}
	return client, nil
}

// RemoveNamespaces asks the API server to delete the namespaces that the entry
// is about, and returns their names. Those of a cluster whose kubeconfig is gone
// are gone with it.
func RemoveNamespaces(ctx context.Context, e ledger.Entry) (names []string, err error) {
	client, err := clientOf(e)
	if client == nil {
		return nil, err
	}
	left, err := client.CoreV1().Namespaces().List(ctx, metav1.ListOptions{LabelSelector: LabelRun + "=" + e.Name})
	if err != nil {
		return nil, fmt.Errorf("listing the namespaces of run %q: %w", e.Name, err)
	}
	for _, ns := range left.Items {
		err := client.CoreV1().Namespaces().Delete(ctx, ns.Name, metav1.DeleteOptions{})
		if err != nil && !apierrors.IsNotFound(err) {
			return names, fmt.Errorf("deleting namespace %q: %w", ns.Name, err)
		}
		names = append(names, ns.Name)
	}
	return names, nil
}

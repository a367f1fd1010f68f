package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/inroads-k8s/inroads/framework/access"
	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/framework/cluster"
	"github.com/inroads-k8s/inroads/framework/probe"
)

// walk goes the path that was asked for. A kubeconfig that is broken ends each
// path at its first hop.
func (p *prober) walk(ctx context.Context, path catalog.PathID) (probe.Trace, error) {
	target := probe.Target{Kubeconfig: p.cluster.Kubeconfig, Context: p.cluster.Context, Overrides: p.cluster.Overrides, Timeout: p.timeout}
	switch path {
	case catalog.PathKubectl:
		return probe.Walk(ctx, target), nil
	case catalog.PathDirect:
		// What kubectl knows is what an HTTP client is given.
		trace := probe.Walk(ctx, target)
		trace.Path = path
		return trace, nil
	case catalog.PathAPIServerProxy:
		to, err := p.backend(target)
		if err != nil {
			return probe.Trace{}, err
		}
		return p.throughServer(ctx, to), nil
	case catalog.PathKubectlProxy:
		if p.url != "" {
			return probe.WalkProxy(ctx, probe.ProxyTarget{URL: p.url, Path: p.path, Timeout: p.timeout}), nil
		}
	}
	var from probe.PodTarget
	if path == catalog.PathInPod {
		var err error
		if from, err = p.inPod(); err != nil {
			return probe.Trace{}, err
		}
	}
	config := probe.WalkConfig(ctx, target)
	_, broken := config.Broken()
	switch {
	case path == catalog.PathConfigView:
		return config, nil
	case broken && path == catalog.PathInPod:
		// The way into the container, which is no part of the way from it.
		return probe.Trace{}, unable(config.Err(), "")
	case broken:
		return afterConfig(path, config), nil
	}
	switch path {
	case catalog.PathKubectlProxy:
		return p.ownProxy(ctx)
	case catalog.PathToken:
		return p.token(ctx)
	}
	return p.fromPod(ctx, from)
}

// afterConfig returns the trace of a path that ended at its kubeconfig.
func afterConfig(path catalog.PathID, config probe.Trace) probe.Trace {
	trace := probe.Trace{Path: path, Steps: config.Steps}
	known, err := catalog.LookupPath(path)
	if err != nil {
		return trace
	}
	for _, hop := range known.Hops[slices.Index(known.Hops, catalog.HopConfig)+1:] {
		trace.Steps = append(trace.Steps, probe.Step{Hop: hop, State: probe.NotReached})
	}
	return trace
}

func (p *prober) ref() cluster.Ref {
	return cluster.Ref{Kubeconfig: p.cluster.Kubeconfig, Context: p.cluster.Context, Overrides: p.cluster.Overrides}
}

// ownProxy starts a kubectl proxy as the user would, walks through it and stops
// it.
func (p *prober) ownProxy(ctx context.Context) (probe.Trace, error) {
	name := p.cluster.Kubectl
	if name == "" {
		name = "kubectl"
	}
	kubectl, err := exec.LookPath(name)
	if err != nil {
		return probe.Trace{}, unable(fmt.Errorf("looking for kubectl: %w", err), "give --kubectl, or --url of a kubectl proxy that runs")
	}
	if kubectl, err = filepath.Abs(kubectl); err != nil {
		return probe.Trace{}, unable(err, "")
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return probe.Trace{}, unable(err, "set HOME")
	}
	host := access.Host{Kubectl: kubectl, Home: home, Env: os.Environ()}
	if p.cluster.Kubeconfig != "" {
		abs, err := filepath.Abs(p.cluster.Kubeconfig)
		if err != nil {
			return probe.Trace{}, unable(err, "")
		}
		host = host.With("KUBECONFIG=" + abs)
	}
	args := append([]string{"--port=0"}, kubectlFlags(p.cluster)...)
	proxy, err := host.StartKubectlProxy(ctx, args...)
	if err != nil {
		return probe.Trace{}, unable(err, "run it by hand")
	}
	defer proxy.Stop()
	return probe.WalkProxy(ctx, probe.ProxyTarget{URL: proxy.URL(""), Path: p.path, Timeout: p.timeout}), nil
}

// token walks to the kubeconfig's server with another credential than the
// kubeconfig's.
func (p *prober) token(ctx context.Context) (probe.Trace, error) {
	config, err := p.ref().RESTConfig()
	if err != nil {
		return probe.Trace{}, unable(err, "")
	}
	token, err := p.readToken()
	if err != nil {
		return probe.Trace{}, usage(err.Error(), "kubectl create token NAME | inroads probe token")
	}
	to := probe.TokenTarget{Server: config.Host, Token: token, Insecure: p.insecure || config.Insecure, Path: p.path, Timeout: p.timeout}
	if !to.Insecure {
		if err := rest.LoadTLSFiles(config); err != nil {
			return probe.Trace{}, unable(err, "")
		}
		to.CA = config.CAData
	}
	return probe.WalkToken(ctx, to), nil
}

// largestToken is how much is read of what should be a token.
const largestToken = 1 << 20

func (p *prober) readToken() (probe.Secret, error) {
	from := p.stdin
	if p.tokenFile != "-" {
		f, err := os.Open(p.tokenFile)
		if err != nil {
			return "", fmt.Errorf("reading the token: %w", err)
		}
		defer func() { _ = f.Close() }()
		from = f
	}
	data, err := io.ReadAll(io.LimitReader(from, largestToken))
	if err != nil {
		return "", fmt.Errorf("reading the token: %w", err)
	}
	data = bytes.TrimSpace(data)
	if len(data) == 0 || bytes.ContainsAny(data, " \n\r\t") {
		return "", fmt.Errorf("reading the token from %q: it is not one word", p.tokenFile)
	}
	return probe.Secret(data), nil
}

// inPod reads the flags of path pod.
func (p *prober) inPod() (probe.PodTarget, error) {
	namespace, name, ok := strings.Cut(p.pod, "/")
	if !ok || namespace == "" || name == "" || strings.ContainsAny(name, "/:") {
		return probe.PodTarget{}, usage(fmt.Sprintf("--pod is %q and not NAMESPACE/NAME", p.pod), "kubectl get pods --all-namespaces")
	}
	return probe.PodTarget{Name: p.pod, Namespace: namespace, Timeout: p.timeout}, nil
}

// fromPod walks from a container, into which the API server leads.
func (p *prober) fromPod(ctx context.Context, from probe.PodTarget) (probe.Trace, error) {
	config, err := p.ref().RESTConfig()
	if err != nil {
		return probe.Trace{}, unable(err, "")
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return probe.Trace{}, unable(fmt.Errorf("making a client for %q: %w", config.Host, err), "")
	}
	_, name, _ := strings.Cut(p.pod, "/")
	container := access.Container{Namespace: from.Namespace, Pod: name, Container: p.container}
	from.Shell = func(ctx context.Context, script string) (probe.ShellResult, error) {
		r := container.Exec(ctx, config, client, "sh", "-c", script)
		if r.Err != nil {
			// The error repeats the command, which is the whole script.
			return probe.ShellResult{}, errors.Unwrap(r.Err)
		}
		return probe.ShellResult{Stdout: r.Stdout, Stderr: r.Stderr, Exit: r.Exit}, nil
	}
	// Who may not list them gets a walk that tells less.
	endpoints, _ := access.APIEndpoints(ctx, client)
	for _, e := range endpoints {
		from.Endpoints = append(from.Endpoints, e.String())
	}
	return isolated(ctx, client, probe.WalkPod(ctx, from), from.Namespace, metav1.ListOptions{FieldSelector: fields.OneTermEqualSelector(metav1.ObjectNameField, name).String()}), nil
}

// throughServer walks through the API server to a backend.
func (p *prober) throughServer(ctx context.Context, to probe.BackendTarget) probe.Trace {
	trace := probe.WalkBackend(ctx, to)
	if step, broken := trace.Broken(); !broken || step.Hop != catalog.HopBackend {
		return trace
	}
	config, err := p.ref().RESTConfig()
	if err != nil {
		return trace
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return trace
	}
	switch {
	case to.Pod != "":
		return isolated(ctx, client, trace, to.Namespace, metav1.ListOptions{FieldSelector: fields.OneTermEqualSelector(metav1.ObjectNameField, to.Pod).String()})
	case to.Service != "":
		if svc, err := client.CoreV1().Services(to.Namespace).Get(ctx, to.Service, metav1.GetOptions{}); err == nil && len(svc.Spec.Selector) > 0 {
			return isolated(ctx, client, trace, to.Namespace, metav1.ListOptions{LabelSelector: labels.SelectorFromSet(svc.Spec.Selector).String()})
		}
	}
	return trace
}

// isolated has the trace name the NetworkPolicies that select one of the pods, where
// it broke for packets that never arrived. They only add to what is known, so that
// who may not list them is told less.
func isolated(ctx context.Context, client kubernetes.Interface, trace probe.Trace, namespace string, pods metav1.ListOptions) probe.Trace {
	step, broken := trace.Broken()
	if !broken || !slices.Contains([]catalog.Outcome{catalog.TimedOut, catalog.Unresolved, catalog.Unavailable}, trace.Outcome()) {
		return trace
	}
	policies, err := access.Isolation(ctx, client, namespace, pods)
	if err != nil || len(policies) == 0 {
		return trace
	}
	i := slices.IndexFunc(trace.Steps, func(s probe.Step) bool { return s.Hop == step.Hop })
	trace.Steps[i].Saw += "; " + strings.Join(policies, "; ")
	return trace
}

// backend reads the flags of path apiserver-proxy.
func (p *prober) backend(target probe.Target) (probe.BackendTarget, error) {
	to := probe.BackendTarget{Target: target, HTTPS: p.https, Path: p.path}
	given := 0
	for _, f := range []struct {
		flag, value string
		into        *string
	}{{"service", p.service, &to.Service}, {"pod", p.pod, &to.Pod}, {"node", p.node, &to.Node}} {
		if f.value == "" {
			continue
		}
		given++
		rest, form := f.value, "NAME[:PORT]"
		if f.flag != "node" {
			to.Namespace, rest, _ = strings.Cut(f.value, "/")
			form = "NAMESPACE/" + form
		}
		name, port, colon := strings.Cut(rest, ":")
		if name == "" || strings.ContainsAny(rest, "/ ") || colon && port == "" || strings.Contains(port, ":") {
			return to, usage(fmt.Sprintf("--%s is %q and not %s", f.flag, f.value, form), "'inroads probe --help' has examples")
		}
		*f.into, to.Port = name, port
	}
	if given != 1 {
		return to, usage("path apiserver-proxy leads to one of --service, --pod and --node", "'inroads probe --help' has examples")
	}
	return to, nil
}

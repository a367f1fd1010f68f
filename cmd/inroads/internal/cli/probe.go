package cli

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/framework/harness"
	"github.com/inroads-k8s/inroads/framework/probe"
	"github.com/inroads-k8s/inroads/reports"
)

// prober is one walk, as the command line asks for it.
type prober struct {
	streams Streams
	stdin   io.Reader
	cluster harness.Options
	format  string
	timeout time.Duration

	url, path       string
	tokenFile       string
	insecure, https bool
	pod, container  string
	service, node   string
}

// probeFlags are the flags that are of some paths alone.
var probeFlags = map[string][]catalog.PathID{
	"url":        {catalog.PathKubectlProxy},
	"kubectl":    {catalog.PathKubectlProxy},
	"token-file": {catalog.PathToken},
	"insecure":   {catalog.PathToken},
	"pod":        {catalog.PathInPod, catalog.PathAPIServerProxy},
	"container":  {catalog.PathInPod},
	"service":    {catalog.PathAPIServerProxy},
	"node":       {catalog.PathAPIServerProxy},
	"https":      {catalog.PathAPIServerProxy},
	"path":       {catalog.PathKubectlProxy, catalog.PathToken, catalog.PathAPIServerProxy},
}

func newProbe(s Streams) *cobra.Command {
	p := &prober{streams: s}
	cmd := &cobra.Command{
		Use:   "probe PATH",
		Short: "Walk one way into a cluster hop by hop and name the hop that is broken",
		Long: `Walk one way into the cluster of --kubeconfig and --context hop by hop, and stop
at the first hop that is broken: what was seen there, its code, what to type next
and what to read. Nothing in the cluster is changed.

PATH is one of ` + strings.Join(walkedPaths(), ", ") + `.

Exit codes: 0 the way is open, 1 a hop is broken, 2 usage, 3 it could not be told.`,
		Example: `  inroads probe kubectl --context prod
  inroads probe kubectl-proxy
  inroads probe kubectl-proxy --url http://127.0.0.1:8001 --path /api/
  kubectl create token default | inroads probe token --token-file -
  inroads probe pod --pod default/web-0 --container app
  inroads probe apiserver-proxy --service default/web:http --path /healthz
  inroads probe apiserver-proxy --service default/web:443 --https
  inroads probe apiserver-proxy --pod default/web-0:8080
  inroads probe apiserver-proxy --node worker-1 -o json`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usage(fmt.Sprintf("probe takes one path, not %d", len(args)), "there are "+strings.Join(walkedPaths(), ", "))
			}
			return nil
		},
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return walkedPaths(), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			p.stdin = cmd.InOrStdin()
			if err := p.check(cmd, args[0]); err != nil {
				return err
			}
			trace, err := p.walk(cmd.Context(), catalog.PathID(args[0]))
			if err != nil {
				return err
			}
			return p.tell(cmd.Context(), trace)
		},
	}
	bindCluster(cmd, &p.cluster)
	f := cmd.Flags()
	bindOutput(cmd, &p.format, runFormats)
	f.DurationVar(&p.timeout, "timeout", 0, "limit of each hop (default by hop: 1.5s to 35s)")
	f.StringVar(&p.url, "url", "", "kubectl-proxy: where one serves (default starts one for the time of the walk)")
	f.StringVar(&p.cluster.Kubectl, "kubectl", "", "kubectl-proxy: the kubectl to start (default the one in PATH)")
	f.StringVar(&p.tokenFile, "token-file", "-", "token: file with the token, - for standard input")
	f.BoolVar(&p.insecure, "insecure", false, "token: take any certificate of the server, as curl --insecure does")
	f.StringVar(&p.pod, "pod", "", "pod: NAMESPACE/NAME of the pod to walk from; apiserver-proxy: NAMESPACE/NAME[:PORT] of the one to walk to")
	f.StringVar(&p.container, "container", "", "pod: the container (default the only one)")
	f.StringVar(&p.service, "service", "", "apiserver-proxy: NAMESPACE/NAME[:PORT] of the Service, the port by name or number")
	f.StringVar(&p.node, "node", "", "apiserver-proxy: NAME[:PORT] of the node, without a port its kubelet")
	f.BoolVar(&p.https, "https", false, "apiserver-proxy: have the API server speak TLS to the backend")
	f.StringVar(&p.path, "path", "", "kubectl-proxy, token, apiserver-proxy: what to ask for at the end (default /version, / of a backend, /healthz of a node)")
	_ = cmd.MarkFlagFilename("token-file")
	return cmd
}

// check finds what contradicts itself on the command line.
func (p *prober) check(cmd *cobra.Command, path string) error {
	if path == string(catalog.PathKubeProxy) {
		return usage(fmt.Sprintf("path %q begins in pods of a run's own, and probe starts none", path), "'inroads run --path "+path+"' proves its claims")
	}
	if !slices.Contains(walkedPaths(), path) {
		return usage(fmt.Sprintf("no path %q", path), suggest(path, walkedPaths())+"there are "+strings.Join(walkedPaths(), ", "))
	}
	if err := checkCluster(cmd, p.cluster, true); err != nil {
		return err
	}
	p.timeout = cmp.Or(p.timeout, p.cluster.Overrides.RequestTimeout)
	for _, name := range sortedKeys(probeFlags) {
		if of := probeFlags[name]; cmd.Flags().Changed(name) && !slices.Contains(of, catalog.PathID(path)) {
			return usage(fmt.Sprintf("--%s is not of path %q", name, path), "it is of "+join(of))
		}
	}
	if p.path != "" && !strings.HasPrefix(p.path, "/") {
		return usage(fmt.Sprintf("--path %q does not begin with a slash", p.path), "'inroads probe --help' has examples")
	}
	return nil
}

func sortedKeys[T any](m map[string]T) []string {
	var keys []string
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// verdict is a trace with its diagnosis, as probe prints it in JSON.
type verdict struct {
	probe.Trace
	Outcome catalog.Outcome `json:"outcome,omitempty"`
	Code    probe.Code      `json:"code,omitempty"`
	Title   string          `json:"title,omitempty"`
	Hint    string          `json:"hint,omitempty"`
	Doc     string          `json:"doc,omitempty"`
}

// tell prints the trace and returns what the program ends with.
func (p *prober) tell(ctx context.Context, trace probe.Trace) error {
	step, broken := trace.Broken()
	switch p.format {
	case formatJSON, formatYAML:
		v := verdict{Trace: trace, Outcome: trace.Outcome()}
		if d, ok := probe.Lookup(step.Code); broken && ok {
			v.Code, v.Title, v.Hint, v.Doc = d.Code, d.Title, step.Hint(), d.Doc
		}
		if err := writeData(p.streams.Out, p.format, v); err != nil {
			return unable(err, "")
		}
	case formatJUnit:
		if err := writeChecks(p.streams.Out, "probe "+string(trace.Path), reports.ChecksOf(trace)); err != nil {
			return unable(err, "")
		}
	case formatMarkdown:
		writeMarkdownTable(p.streams.Out, []string{"hop", "state", "target", "saw"}, stepRows(trace))
	default:
		if err := trace.WriteTable(p.streams.Out); err != nil {
			return unable(err, "")
		}
		if !broken {
			fmt.Fprintln(p.streams.Out, "open: "+trace.Summary())
		}
	}
	switch {
	case !broken:
		return nil
	case ctx.Err() != nil:
		return done(ExitInterrupted)
	case trace.Outcome() == catalog.Unknown:
		return done(ExitInconclusive)
	}
	return done(ExitDisproven)
}

// stepRows returns a row for each hop of a trace, in the order of the hops.
func stepRows(trace probe.Trace) (rows [][]string) {
	for _, s := range trace.Steps {
		saw := s.Saw
		if s.Code != "" {
			saw = strings.TrimSpace(fmt.Sprintf("%s (%s); %s", saw, s.Code, s.Hint()))
		}
		rows = append(rows, []string{string(s.Hop), string(s.State), s.Target, saw})
	}
	return rows
}

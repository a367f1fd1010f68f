package measure

import (
	"bufio"
	"cmp"
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"k8s.io/client-go/kubernetes"

	"github.com/inroads-k8s/inroads/cmd/bench/internal/samples"
	"github.com/inroads-k8s/inroads/framework/cluster"
)

//go:embed audit
var audit embed.FS

const (
	auditLog     = "/var/log/kubernetes/audit.log"
	auditCluster = "cluster.yaml"
	auditPolicy  = "policy.yaml"
)

// CountRequests, CountPolled and CountAgents are the counts of a sample of the
// arm: requests by verb and resource, those of polling by the same, and requests
// by the program that asked.
const (
	CountRequests = "requests"
	CountPolled   = "polled"
	CountAgents   = "agents"
)

// cost is what the core profile takes of the API server, the nodes and this machine.
func (b *bench) cost() experiment {
	e := experiment{name: Cost, guess: clusterUp, most: costRounds}
	if !b.wants("e") {
		return e
	}
	var ref cluster.Ref
	dir := filepath.Join(b.Artifacts, "audit")
	config := filepath.Join(dir, auditCluster)
	e.setUp = func(ctx context.Context) (func(context.Context) error, error) {
		if err := writeAudit(dir); err != nil {
			return nil, err
		}
		var down func(context.Context) error
		var err error
		ref, down, err = b.up(ctx, costCluster, "--kind-config", config)
		return down, err
	}
	core := ArmCore(b.Procs)
	if !b.wants("b", "f", "h") {
		e.warmUp = core
	}
	e.arms = []arm{{core, 90 * time.Second, func(ctx context.Context, dir string) (samples.Sample, error) {
		before, err := look(ctx, ref)
		if err != nil {
			return samples.Sample{}, err
		}
		s, err := b.prove(ctx, dir, b.Procs, nil, "--name", costCluster, "--keep", "--kind-config", config)
		if err != nil {
			return s, err
		}
		after, err := look(ctx, ref)
		if err != nil {
			return s, err
		}
		s.Values["nodeCPUSeconds"] = after.cpu - before.cpu
		s.Values["apiReadBytes"] = after.read - before.read
		log, err := ref.OnNode(ctx, controlPlane(ref), fmt.Sprintf("tail -c +%d %s", before.audit+1, auditLog))
		if err != nil {
			return s, err
		}
		return s, count(log, &s)
	}}}
	return e
}

// writeAudit writes what a cluster with an audit log is made from.
func writeAudit(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, name := range []string{auditCluster, auditPolicy} {
		data, err := audit.ReadFile("audit/" + name)
		if err != nil {
			return err
		}
		text := strings.Replace(string(data), "POLICY", strconv.Quote(filepath.Join(dir, auditPolicy)), 1)
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

func controlPlane(ref cluster.Ref) string {
	i := slices.IndexFunc(ref.Nodes, func(n cluster.Node) bool { return n.ControlPlane })
	return ref.Nodes[max(i, 0)].Name
}

// counters are what only grows on a cluster.
type counters struct {
	// cpu is the processor time of all nodes, in seconds, read the bytes of the
	// API server's answers to GET and LIST, audit those of its audit log.
	cpu, read float64
	audit     int64
}

// cpuScript prints nanoseconds, with version 1 or 2 of cgroups.
const cpuScript = `
if [ -f /sys/fs/cgroup/cpu.stat ]; then
	while read -r name value; do [ "$name" != usage_usec ] || echo "${value}000"; done </sys/fs/cgroup/cpu.stat
else
	cat /sys/fs/cgroup/cpuacct/cpuacct.usage
fi`

// sizes are the bytes of answers, in the API server's metrics.
var sizes = regexp.MustCompile(`(?m)^apiserver_response_sizes_sum\{.*\} (\S+)$`)

func look(ctx context.Context, ref cluster.Ref) (c counters, err error) {
	for _, n := range ref.Nodes {
		out, err := ref.OnNode(ctx, n.Name, cpuScript)
		if err != nil {
			return c, err
		}
		nanoseconds, err := strconv.ParseFloat(strings.TrimSpace(out), 64)
		if err != nil {
			return c, fmt.Errorf("reading the processor time of node %q: %w", n.Name, err)
		}
		c.cpu += nanoseconds / float64(time.Second)
	}
	out, err := ref.OnNode(ctx, controlPlane(ref), "stat -c %s "+auditLog)
	if err == nil {
		c.audit, err = strconv.ParseInt(strings.TrimSpace(out), 10, 64)
	}
	if err != nil {
		return c, fmt.Errorf("reading the size of the audit log: %w", err)
	}
	config, err := ref.RESTConfig()
	if err != nil {
		return c, err
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return c, err
	}
	metrics, err := client.RESTClient().Get().AbsPath("/metrics").DoRaw(ctx)
	if err != nil {
		return c, fmt.Errorf("reading the metrics of the API server: %w", err)
	}
	for _, m := range sizes.FindAllSubmatch(metrics, -1) {
		bytes, err := strconv.ParseFloat(string(m[1]), 64)
		if err != nil {
			return c, fmt.Errorf("reading the metrics of the API server: %w", err)
		}
		c.read += bytes
	}
	return c, nil
}

// event is what is read of a line of the audit log.
type event struct {
	Verb       string `json:"verb"`
	RequestURI string `json:"requestURI"`
	UserAgent  string `json:"userAgent"`
	User       struct {
		Username string `json:"username"`
	} `json:"user"`
	ObjectRef *struct {
		Resource    string `json:"resource"`
		Subresource string `json:"subresource"`
	} `json:"objectRef"`
	ResponseStatus struct {
		Code int `json:"code"`
	} `json:"responseStatus"`
	StageTimestamp time.Time `json:"stageTimestamp"`
}

// parts are the users, or how their names begin, of what a cluster is made of. All
// others are of the run.
var parts = []string{
	"system:node:", "system:apiserver", "system:kube-controller-manager", "system:kube-scheduler", "system:kube-proxy",
	"system:serviceaccount:kube-system:", "system:serviceaccount:local-path-storage:",
}

// ofRun is whether the request is of the run, and not of the cluster's own parts.
func (e event) ofRun() bool {
	return !slices.ContainsFunc(parts, func(p string) bool { return strings.HasPrefix(e.User.Username, p) })
}

// what is the verb and the resource, or the first part of a path that is none.
func (e event) what() string {
	if e.ObjectRef == nil {
		path, _, _ := strings.Cut(strings.TrimPrefix(e.RequestURI, "/"), "?")
		first, _, _ := strings.Cut(path, "/")
		return e.Verb + " /" + first
	}
	resource := e.ObjectRef.Resource
	if e.ObjectRef.Subresource != "" {
		resource += "/" + e.ObjectRef.Subresource
	}
	return e.Verb + " " + resource
}

// agent is the program that asked, as it calls itself.
func (e event) agent() string {
	name, _, _ := strings.Cut(e.UserAgent, "/")
	name, _, _ = strings.Cut(name, " ")
	return cmp.Or(filepath.Base(name), "-")
}

const (
	// pollGap is within how long after an equal request another is one of polling:
	// a watch would have told what has changed.
	pollGap = time.Second
	// pollLeast is how many equal requests in a row are polling.
	pollLeast = 3
)

// polled are the requests that read the same object or list as those before, by the
// same caller, so soon that he polls: all of a row but the first. Requests that a
// proxy passes on are for another server and ask it anew.
func polled(events []event) []event {
	type caller struct{ user, agent, verb, uri string }
	rows := map[caller][]event{}
	var out []event
	end := func(row []event) {
		if len(row) >= pollLeast {
			out = append(out, row[1:]...)
		}
	}
	for _, e := range events {
		if e.Verb != "get" && e.Verb != "list" || e.ObjectRef == nil || e.ObjectRef.Subresource == "proxy" {
			continue
		}
		c := caller{e.User.Username, e.UserAgent, e.Verb, e.RequestURI}
		row := rows[c]
		if len(row) > 0 && e.StageTimestamp.Sub(row[len(row)-1].StageTimestamp) > pollGap {
			end(row)
			row = nil
		}
		rows[c] = append(row, e)
	}
	for _, row := range rows {
		end(row)
	}
	return out
}

// count counts what the lines of an audit log say of a run.
func count(log string, s *samples.Sample) error {
	var events []event
	pods := 0
	// The API server may be writing the last line.
	log = log[:strings.LastIndexByte(log, '\n')+1]
	lines := bufio.NewScanner(strings.NewReader(log))
	lines.Buffer(nil, len(log)+1)
	for lines.Scan() {
		var e event
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			return fmt.Errorf("reading the audit log: %w", err)
		}
		// Whoever makes a pod, the scheduler gives it a node once.
		if e.what() == "create pods/binding" && e.ResponseStatus.Code < 300 {
			pods++
		}
		if e.ofRun() {
			events = append(events, e)
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("reading the audit log: %w", err)
	}
	if len(events) == 0 {
		return errors.New("the audit log has no request of the run")
	}
	slices.SortStableFunc(events, func(a, b event) int { return a.StageTimestamp.Compare(b.StageTimestamp) })
	s.Counts = map[string]map[string]int{CountRequests: {}, CountPolled: {}, CountAgents: {}}
	for _, e := range events {
		s.Counts[CountRequests][e.what()]++
		s.Counts[CountAgents][e.agent()]++
	}
	again := polled(events)
	for _, e := range again {
		s.Counts[CountPolled][e.agent()+" "+e.what()]++
	}
	s.Values["requests"], s.Values["polled"], s.Values["pods"] = float64(len(events)), float64(len(again)), float64(pods)
	return nil
}

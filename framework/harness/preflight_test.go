package harness

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"io"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/framework/cluster"
	"github.com/inroads-k8s/inroads/framework/cluster/cache"
	"github.com/inroads-k8s/inroads/framework/cluster/ledger"
	"github.com/inroads-k8s/inroads/framework/probe"
)

// patiently is what a preflight has in tests, which machines run that are busy with
// other things.
var patiently = limits{whole: 6 * time.Second, way: 5 * time.Second, hop: 4500 * time.Millisecond}

// forever is the delay of what is never answered.
const forever = time.Duration(math.MaxInt64)

// standIn answers what a preflight asks an API server, and takes its time.
type standIn struct {
	// denied is the resource that nobody may do anything with.
	denied string
	// limited is the end of the path that is asked for too often.
	limited string
	delay   func(path string) time.Duration
}

func (s standIn) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if s.delay != nil {
		select {
		case <-r.Context().Done():
			return
		case <-time.After(s.delay(r.URL.Path)):
		}
	}
	if s.limited != "" && strings.HasSuffix(r.URL.Path, s.limited) {
		w.Header().Set("Retry-After", "1")
		http.Error(w, "Too many requests, please try again later.", http.StatusTooManyRequests)
		return
	}
	resource := ""
	if body, err := io.ReadAll(r.Body); err == nil {
		object, _, _ := scheme.Codecs.UniversalDeserializer().Decode(body, nil, nil)
		if review, ok := object.(*authorizationv1.SelfSubjectAccessReview); ok && review.Spec.ResourceAttributes != nil {
			resource = review.Spec.ResourceAttributes.Resource
		}
	}
	w.Header().Set("Content-Type", "application/json")
	var answer any = map[string]any{"kind": "List", "apiVersion": "v1", "items": []any{}}
	switch {
	case strings.HasSuffix(r.URL.Path, "/selfsubjectreviews"):
		answer = map[string]any{"kind": "SelfSubjectReview", "status": map[string]any{"userInfo": map[string]any{"username": "somebody"}}}
	case strings.HasSuffix(r.URL.Path, "/selfsubjectaccessreviews"):
		answer = map[string]any{
			"kind": "SelfSubjectAccessReview", "apiVersion": "authorization.k8s.io/v1",
			"status": map[string]any{"allowed": s.denied == "" || resource != s.denied},
		}
	case r.URL.Path == "/version":
		answer = map[string]any{"gitVersion": "v1.37.2"}
	}
	_ = json.NewEncoder(w).Encode(answer)
}

// kubeconfigOf writes a kubeconfig of the server and returns its path.
func kubeconfigOf(t *testing.T, server string, ca []byte) string {
	t.Helper()
	c := clientcmdapi.NewConfig()
	c.Clusters["c"] = &clientcmdapi.Cluster{Server: server, CertificateAuthorityData: ca}
	c.AuthInfos["c"] = &clientcmdapi.AuthInfo{Token: "token-of-somebody"}
	c.Contexts["c"] = &clientcmdapi.Context{Cluster: "c", AuthInfo: "c"}
	c.CurrentContext = "c"
	path := filepath.Join(t.TempDir(), "kubeconfig")
	if err := clientcmd.WriteToFile(*c, path); err != nil {
		t.Fatal(err)
	}
	return path
}

func serveStandIn(t *testing.T, s standIn) string {
	t.Helper()
	server := httptest.NewUnstartedServer(s)
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(server.Close)
	return kubeconfigOf(t, server.URL, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}))
}

func find(f Findings, check string, s Severity) (Finding, bool) {
	i := slices.IndexFunc(f.List, func(x Finding) bool { return x.Check == check && x.Severity == s })
	if i < 0 {
		return Finding{}, false
	}
	return f.List[i], true
}

func TestPreflight(t *testing.T) {
	t.Setenv(cache.EnvDir, t.TempDir())
	for _, row := range []struct {
		name     string
		standIn  standIn
		check    string
		severity Severity
		// broken is the code that the way breaks with, or "".
		broken probe.Code
		// forbidden is a claim that lacks a right, and spared one that does not.
		forbidden, spared catalog.ID
	}{
		{name: "whole", check: checkRights, severity: Fine, spared: "aap/env-vars"},
		{name: "no ConfigMaps", standIn: standIn{denied: "configmaps"}, check: checkRights, severity: Warning, forbidden: "token/secret-create", spared: "aap/env-vars"},
		{name: "slow rights", standIn: standIn{delay: slowAt("/selfsubjectaccessreviews")}, check: checkSpeed, severity: Warning, spared: "aap/env-vars"},
		{name: "slow all along", standIn: standIn{delay: func(string) time.Duration { return patiently.whole * 2 / 5 }}, check: checkSpeed, severity: Warning, spared: "aap/env-vars"},
		{name: "readyz does not answer", standIn: standIn{delay: slowAt("/readyz")}, check: checkLeftovers, severity: Fine, broken: probe.APITimeout},
		{name: "nothing answers", standIn: standIn{delay: slowAt("")}, check: checkLeftovers, severity: Fine, broken: probe.APITimeout},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			f := preflightWithin(t.Context(), Options{Kubeconfig: serveStandIn(t, row.standIn)}, patiently)
			step, _ := f.Broken()
			if step.Code != row.broken {
				t.Errorf("the way broke with %q, want %q", step.Code, row.broken)
			}
			if _, ok := find(f, row.check, row.severity); !ok {
				t.Errorf("no finding of %q is %q: %+v", row.check, row.severity, f.List)
			}
			if row.forbidden != "" && f.Forbidden[row.forbidden] == "" || f.Forbidden[row.spared] != "" {
				t.Errorf("forbidden: %v", f.Forbidden)
			}
			var table strings.Builder
			if err := f.WriteTable(&table); err != nil || !strings.Contains(table.String(), "\ntook ") {
				t.Errorf("%v, the table is\n%s", err, table.String())
			}
		})
	}
}

func slowAt(suffix string) func(string) time.Duration {
	return func(path string) time.Duration {
		if strings.HasSuffix(path, suffix) {
			return forever
		}
		return 0
	}
}

func TestPreflightOfPausedServer(t *testing.T) {
	t.Setenv(cache.EnvDir, t.TempDir())
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	f := preflightWithin(t.Context(), Options{Kubeconfig: kubeconfigOf(t, "https://"+l.Addr().String(), nil)}, patiently)
	if step, _ := f.Broken(); step.Code != probe.TLSTimeout {
		t.Errorf("%q in %s", step.Code, f.Took)
	}
}

func TestWalkWithin(t *testing.T) {
	path := serveStandIn(t, standIn{delay: slowAt("")})
	// Less than the probe itself waits for an answer, which would be another end.
	const limit = 3 * time.Second
	step, broken := walkWithin(t.Context(), limit, probe.Target{Kubeconfig: path}).Broken()
	if !broken || step.Hop != catalog.HopAuthn || step.Code != probe.APITimeout {
		t.Errorf("broken at %q with %q", step.Hop, step.Code)
	}
	stopped, stop := context.WithCancel(t.Context())
	stop()
	if step, _ := walkWithin(stopped, time.Minute, probe.Target{Kubeconfig: path}).Broken(); step.Code != probe.WalkStopped {
		t.Errorf("a walk that its caller stopped has code %q", step.Code)
	}
}

// TestPreflightThrottled proves that a run is told why little is known of its
// rights, where the API server has it come back later.
func TestPreflightThrottled(t *testing.T) {
	t.Setenv(cache.EnvDir, t.TempDir())
	f := preflightWithin(t.Context(), Options{Kubeconfig: serveStandIn(t, standIn{limited: "/selfsubjectaccessreviews"})}, patiently)
	if step, broken := f.Broken(); broken {
		t.Fatalf("broken at %s: %s", step.Hop, step.Saw)
	}
	if len(f.Forbidden) > 0 {
		t.Errorf("takes claims for forbidden of whose rights nothing is known: %v", f.Forbidden)
	}
	i := slices.IndexFunc(f.List, func(x Finding) bool { return x.Check == checkSpeed })
	if i < 0 || !strings.Contains(f.List[i].Saw, string(probe.APIThrottled)) || f.List[i].Next == "" {
		t.Errorf("found %+v", f.List)
	}
}

func TestExplainMissing(t *testing.T) {
	exec := catalog.Right{Verb: "create", Resource: "pods", Subresource: "exec", Namespaced: true}
	logs := catalog.Right{Verb: "get", Resource: "pods", Subresource: "log", Namespaced: true}
	nodes := catalog.Right{Verb: "list", Resource: "nodes"}
	claims := []catalog.Claim{{ID: "a/one", Rights: []catalog.Right{exec, logs}}, {ID: "a/two", Rights: []catalog.Right{exec, logs, nodes}}, {ID: "b/none"}}
	findings, forbidden := Options{}.explainMissing(claims, []catalog.Right{exec, logs, nodes})
	if len(findings) != 2 || !slices.Equal(findings[0].Claims, []catalog.ID{"a/one", "a/two"}) || !slices.Equal(findings[1].Claims, []catalog.ID{"a/two"}) {
		t.Errorf("got %+v", findings)
	}
	if want := "not allowed to create pods/exec in namespaces, get pods/log in namespaces; skipped without: a/one, a/two; kubectl auth can-i create pods --subresource=exec --all-namespaces"; findings[0].String() != want {
		t.Errorf("got  %s\nwant %s", findings[0], want)
	}
	if forbidden["a/two"] != "create pods/exec in namespaces, get pods/log in namespaces, list nodes" || forbidden["b/none"] != "" {
		t.Errorf("got %v", forbidden)
	}
}

func TestCompareClocks(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 600e6, time.UTC)
	for _, row := range []struct {
		name     string
		server   time.Time
		severity Severity
		says     string
	}{
		{"the same", now, Fine, "within 1s"},
		{"a little ahead", now.Add(30 * time.Second), Fine, "within 29s"},
		{"ahead", now.Add(5 * time.Minute), Warning, "ahead of this machine's"},
		{"behind", now.Add(-5 * time.Minute), Warning, "behind this machine's"},
	} {
		f, _ := compareClocks(row.server.Format(http.TimeFormat), now, now.Add(300*time.Millisecond))
		if f.Severity != row.severity || !strings.Contains(f.Saw, row.says) {
			t.Errorf("%s: %s %s", row.name, f.Severity, f)
		}
	}
	if f, _ := compareClocks("", now, now); f.Severity != Unseen {
		t.Errorf("without a date: %s %s", f.Severity, f)
	}
}

func TestJudgeCertificates(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	valid := func(from, to time.Duration) *x509.Certificate {
		return &x509.Certificate{NotBefore: now.Add(from), NotAfter: now.Add(to)}
	}
	const year = 365 * 24 * time.Hour
	for _, row := range []struct {
		name           string
		skew           time.Duration
		client, server *x509.Certificate
		warnings       int
	}{
		{"no TLS", 0, nil, nil, 0},
		{"fit", 0, valid(-year, year), valid(-time.Second, year), 0},
		{"the client's ends soon", 0, valid(-year, time.Hour), valid(-year, year), 1},
		{"both end soon", 0, valid(-year, time.Hour), valid(-year, time.Hour), 2},
		{"not yet valid to a clock that is behind", -time.Hour, valid(-time.Minute, year), nil, 1},
		{"nearly over to a clock that is ahead", 2 * time.Hour, valid(-year, 25*time.Hour), nil, 1},
	} {
		n := 0
		for _, f := range judgeCertificates(now, row.skew, row.client, row.server) {
			if f.Severity == Warning {
				n++
			}
		}
		if n != row.warnings {
			t.Errorf("%s: %d warnings, want %d", row.name, n, row.warnings)
		}
	}
}

func TestJudgeImages(t *testing.T) {
	node := func(name string, images ...string) corev1.Node {
		n := corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}}
		for _, i := range images {
			n.Status.Images = append(n.Status.Images, corev1.ContainerImage{Names: []string{i + "@sha256:0", i}})
		}
		return n
	}
	cordoned := node("cordoned")
	cordoned.Spec.Unschedulable = true
	for _, row := range []struct {
		name     string
		nodes    []corev1.Node
		severity Severity
		says     string
	}{
		{"there", []corev1.Node{node("a", "x:1"), node("b", "docker.io/library/x:1"), cordoned}, Fine, "every node"},
		{"missing on one", []corev1.Node{node("a", "x:1"), node("b", "x:2")}, Warning, "not on 1 of 2 nodes (b)"},
		{"perhaps not listed", []corev1.Node{node("a", make([]string, listedImages)...)}, Fine, "every node"},
	} {
		if f := judgeImages([]string{"x:1"}, row.nodes); f[0].Severity != row.severity || !strings.Contains(f[0].Saw, row.says) {
			t.Errorf("%s: %+v", row.name, f)
		}
	}
}

func TestJudgeNamespaces(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	ns := func(name, run string, age time.Duration) corev1.Namespace {
		return corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{cluster.LabelRun: run}, CreationTimestamp: metav1.NewTime(now.Add(-age))}}
	}
	list := []corev1.Namespace{ns("a", "live", time.Hour), ns("b", "ended", time.Second), ns("c", "other", time.Hour), ns("d", "new", time.Second)}
	got := judgeNamespaces(list, now, []string{"live"}, []string{"ended"})
	if len(got) != 2 || got[0].Next != nextSweep || !strings.Contains(got[0].Saw, ": b") || !strings.Contains(got[1].Next, cluster.LabelRun+"=other") {
		t.Errorf("got %+v", got)
	}
}

func TestJudgeOrphans(t *testing.T) {
	engine := ledger.Entry{Kind: ledger.Engine, Name: "e"}
	kept := ledger.Entry{Kind: ledger.Cluster, Name: "k", Detail: map[string]string{"kept": "true"}}
	file := ledger.Entry{Kind: ledger.File, Name: "f"}
	for _, row := range []struct {
		name    string
		entries []ledger.Entry
		saw     string
	}{
		{"nothing", nil, "none"},
		{"what is kept", []ledger.Entry{engine, kept}, "none"},
		{"files", []ledger.Entry{engine, kept, file, file}, "file: 2"},
		{"an engine alone", []ledger.Entry{engine}, "engine: 1"},
	} {
		if f := judgeOrphans(row.entries); !strings.Contains(f.Saw, row.saw) {
			t.Errorf("%s: %s", row.name, f)
		}
	}
}

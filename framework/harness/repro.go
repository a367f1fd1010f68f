package harness

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/onsi/ginkgo/v2"

	"github.com/inroads-k8s/inroads/framework/access"
	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/framework/cluster"
	"github.com/inroads-k8s/inroads/framework/cluster/kind"
	"github.com/inroads-k8s/inroads/framework/probe"
	"github.com/inroads-k8s/inroads/reports"
)

// snapshotTime bounds the look at what the spec has made, for its script.
const snapshotTime = 5 * time.Second

// scriptMode lets the user of the run alone read and run a script.
const scriptMode = 0o700

// attempt is the last request of a spec.
type attempt struct {
	what   string
	hop    catalog.Hop
	want   catalog.Outcome
	result access.Result
}

// relay leads from an address of the run's own to the API server.
type relay struct{ near, far string }

// wayFailure is whether the way to the API server was broken when the spec failed,
// and at which step.
type wayFailure struct {
	step   probe.Step
	broken bool
}

// leaveScript writes the script that repeats what failed, beside the reports, and
// notes its name. What keeps it from that is told in the log alone.
func (e *Env) leaveScript() {
	if e.entry.Reason == "" || e.entry.Verdict == catalog.NotApplicable || e.entry.Verdict == catalog.Skipped {
		return
	}
	name := reports.ScriptOf(string(e.Claim.ID))
	var text string
	if e.way.broken || e.last == nil {
		text = WayScript(run.options, e.Cluster, e.way.step, append(e.head(), [2]string{"failed", e.entry.Reason}))
	} else {
		text = e.stepScript()
	}
	if err := writeScript(run.options.artifacts(), name, text); err != nil {
		fmt.Fprintln(ginkgo.GinkgoWriter, err)
		return
	}
	e.entry.Script = name
}

// artifacts is the folder of the reports.
func (o Options) artifacts() string { return cmp.Or(o.Artifacts, DefaultArtifacts) }

func writeScript(artifacts, name, text string) error {
	path := filepath.Join(artifacts, name)
	err := os.MkdirAll(filepath.Dir(path), 0o700)
	if err == nil {
		err = os.Remove(path)
		if errors.Is(err, os.ErrNotExist) {
			err = nil
		}
	}
	if err == nil {
		err = os.WriteFile(path, []byte(text), scriptMode)
	}
	if err != nil {
		return fmt.Errorf("writing the script that repeats a request: %w", err)
	}
	return nil
}

// head is what the head of a script says of the claim.
func (e *Env) head() [][2]string {
	return [][2]string{{"claim", string(e.Claim.ID)}, {"says", e.Claim.Sentence}}
}

// WriteWayScript writes the script of claims that the run did not get to, since the
// way to the API server is broken at the step, or for a cause that no request has.
// It returns its name below the artifacts folder.
func WriteWayScript(o Options, step probe.Step) (string, error) {
	name := reports.ScriptOf("way")
	return name, writeScript(o.artifacts(), name, WayScript(o, o.existingRef(), step, nil))
}

// WayScript returns the script that goes the way to the API server as far as the
// step at which that is broken. A step without a hop is none; then it goes all of
// the way.
func WayScript(o Options, ref cluster.Ref, step probe.Step, head [][2]string) string {
	sub := about(o, ref)
	// That the way is whole says nothing of what failed on it.
	sub.Want, sub.Came = catalog.Reached, catalog.Reached
	came := "the way to the API server was whole"
	if d, ok := probe.Lookup(step.Code); ok {
		sub.Came, came = d.Outcome, step.Summary()
		if step.Target == "" {
			came = step.Saw
		}
	}
	sub.Title = append(head, [2]string{"hop", string(step.Hop)}, [2]string{"code", string(step.Code)},
		[2]string{"expected", "the API server answers"}, [2]string{"came", came})
	s := newScript(sub)
	s.line("ask() { timeout %d kubectl ${context:+--context=\"$context\"} --request-timeout=%ds \"$@\"; }", limit, limit/2)
	s.outcomes("")
	s.line("\ncode=0")
	switch step.Hop {
	case catalog.HopAPI:
		s.line(`{ ask get --raw=/version && ask get --raw='/readyz?verbose'; } >"$dir/stdout" 2>"$dir/stderr" || code=$?`)
	case catalog.HopAuthz:
		s.line(`ask auth can-i --list >"$dir/stdout" 2>"$dir/stderr" || code=$?`)
	default:
		// Whoever is taken for nobody has an answer too, and it is none.
		s.line(`ask auth whoami -o jsonpath='{.status.userInfo.username}' >"$dir/stdout" 2>"$dir/stderr" || code=$?
if grep -qx system:anonymous "$dir/stdout"; then echo "error: forbidden: the caller is system:anonymous" >"$dir/stderr"; code=1; fi`)
	}
	return s.String()
}

// about is what a script of the run says of its cluster.
func about(o Options, ref cluster.Ref) subject {
	sub := subject{Kubeconfig: ref.Kubeconfig, Context: ref.Context, Kubectl: cmp.Or(o.Kubectl, ref.Kubectl, "kubectl")}
	if o.Existing() {
		sub.Kubeconfig, sub.Context = o.Kubeconfig, o.Context
	}
	if ref.Provider == kind.ProviderName && !o.Keep {
		sub.Notes = append(sub.Notes, "The run's cluster may have gone with it. Make one: inroads cluster up --name "+cmp.Or(ref.Name, DefaultClusterName))
	}
	return sub
}

// stepScript returns the script that repeats the last request of the spec, after
// it has made again what that was about.
func (e *Env) stepScript() string {
	last := e.last
	sub := about(run.options, e.Cluster)
	sub.Want, sub.Came, sub.Patience = last.want, last.result.Outcome, scriptTime(last.result)
	title, reason, _ := strings.Cut(e.entry.Reason, "\n")
	sub.Title = append(e.head(), [2]string{"hop", string(e.entry.Hop)}, [2]string{"code", e.entry.Code},
		[2]string{"expected", string(last.want)}, [2]string{"came", string(last.result.Outcome)},
		[2]string{"step", last.what}, [2]string{"failed", title + "\n" + reason})
	s := newScript(sub)
	if k, err := access.LoadKubeconfig(e.Cluster.Kubeconfig, e.Cluster.Context); err == nil {
		s.base = &k
	}
	s.line("%s", stepPrelude)
	s.useOwn()
	for _, r := range e.relays {
		s.replace(r.near, s.hostOfServer(), "")
	}
	e.rebuild(s)
	for i, p := range e.Host.Journal.Started() {
		e.restart(s, i+1, p)
	}
	recipe := last.result.Recipe
	if recipe.IsZero() {
		s.note("How the run asked is known to its spec alone, which asks again by: inroads run --claim " + string(e.Claim.ID))
		s.line("unable \"only the spec can ask; see the head of this script\"\noutcome() { echo; }; code=0")
		return s.String()
	}
	s.ask(recipe, e.Cluster.Kubeconfig)
	return s.String()
}

// scriptTime is how long a script that repeats the request waits, in seconds: hardly longer
// than the run did where no answer came in time, for one that comes later proves
// nothing.
func scriptTime(r access.Result) int {
	if r.Outcome != catalog.TimedOut {
		return limit
	}
	return min(limit, max(leastLimit, int(math.Ceil(r.Duration.Seconds()))+1))
}

// hostOfServer is host and port of the API server, as the script knows it.
func (*script) hostOfServer() string { return `"${server#*://}"` }

// stepPrelude reads what a request needs from the user's kubeconfig.
const stepPrelude = `
kubectl ${context:+--context="$context"} config view --raw --minify --flatten >"$dir/config" || unable "the kubeconfig cannot be read"
export KUBECONFIG="$dir/config"
field() { kubectl config view --raw -o jsonpath="{$1}"; }
server=$(field '.clusters[0].cluster.server')
server=${server%/}
field '.clusters[0].cluster.certificate-authority-data' | base64 --decode >"$dir/ca.crt"
field '.users[0].user.client-certificate-data' | base64 --decode >"$dir/client.crt"
field '.users[0].user.client-key-data' | base64 --decode >"$dir/client.key"
# What curl needs to be the user of the kubeconfig.
user_token=$(field '.users[0].user.token')
{
  [ ! -s "$dir/client.key" ] || printf 'cert = "%s"\nkey = "%s"\n' "$dir/client.crt" "$dir/client.key"
  [ -z "$user_token" ] || printf 'header = "Authorization: Bearer %s"\n' "$user_token"
} >"$dir/own.conf"
secret_token() {
  local token=
  for _ in $(seq 30); do
    token=$(kubectl get secret --namespace "$1" "$2" -o jsonpath='{.data.token}')
    [ -z "$token" ] || break
    sleep 1
  done
  printf %s "$token" | base64 --decode
}`

// restart has the script start a kubectl proxy at a port of its own choice, if the
// request goes to it.
func (e *Env) restart(s *script, n int, p access.Started) {
	if strings.HasPrefix(p.Addr, "/") {
		s.note("The run's kubectl proxy listened on a socket of its own: start one yourself.")
		return
	}
	args := []string{"kubectl", "proxy", "--port=0"}
	for _, a := range p.Args {
		if a != "proxy" && !strings.HasPrefix(a, "--port") && !strings.HasPrefix(a, "-p") {
			args = append(args, a)
		}
	}
	kubeconfig := shellKubeconfig
	if p.Host.Kubeconfig != "" && p.Host.Kubeconfig != e.Cluster.Kubeconfig && e.mentions(p.Addr) {
		kubeconfig = s.kubeconfig(p.Host.Kubeconfig, e.Cluster.Kubeconfig)
	}
	start := "\nserve_proxy " + fmt.Sprint(n) + " " + kubeconfig + " " + s.words(args...) + fmt.Sprintf("\nproxy%d=$served", n)
	s.replace(p.Addr, `"$proxy`+fmt.Sprint(n)+`"`, start)
	if _, port, err := net.SplitHostPort(p.Addr); err == nil {
		s.replace("localhost:"+port, `"localhost:${proxy`+fmt.Sprint(n)+`##*:}"`, start)
	}
	if !s.helped {
		s.helped = true
		s.line("%s", proxyPrelude)
	}
}

// mentions is whether the last request is one to the address.
func (e *Env) mentions(addr string) bool {
	r := e.last.result.Recipe
	return r.Request != nil && strings.Contains(r.Request.URL, addr) || strings.Contains(strings.Join(r.Args, " "), addr)
}

// proxyPrelude starts a kubectl proxy and waits until it says where it listens.
const proxyPrelude = `
proxies=
leave() { for pid in $proxies; do kill "$pid" || true; done; rm -rf "$dir"; }
serve_proxy() {
  local log="$dir/proxy$1.log" kubeconfig=$2
  shift 2
  KUBECONFIG=$kubeconfig "$@" >"$log" 2>&1 &
  proxies="$proxies $!"
  for _ in $(seq 100); do
    served=$(sed -n 's/^Starting to serve on //p' "$log")
    [ -z "$served" ] || return 0
    sleep 0.1
  done
  echo "kubectl proxy does not serve:" >&2
  cat "$log" >&2
  exit 1
}`

// remember keeps the last request for the script.
func (e *Env) remember(hop catalog.Hop, what string, r access.Result, want catalog.Outcome) {
	e.last = &attempt{what: what, hop: hop, want: want, result: r}
}

// rebuild has the script make again what the spec had in its namespaces.
func (e *Env) rebuild(s *script) {
	if len(e.namespaces) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(e.ctx), snapshotTime)
	defer cancel()
	for _, name := range e.namespaces {
		made, err := takeSnapshot(ctx, e.Client, name, e.created)
		if err != nil {
			s.note(fmt.Sprintf("What the run had in namespace %s could not be read (%v): make it first.", name, err))
			continue
		}
		made.write(s)
	}
}

package direct

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"

	"github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/inroads-k8s/inroads/framework/access"
	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/framework/harness"
	"github.com/inroads-k8s/inroads/framework/probe"
)

const (
	apiRoot      = "/api"
	kindVersions = "APIVersions"
	// visitor is a ServiceAccount of a spec's own.
	visitor = "visitor"

	contentJSON       = "application/json"
	contentMergePatch = "application/merge-patch+json"
)

// program is an HTTP client of this machine.
type program string

const (
	curl program = "curl"
	wget program = "wget"
)

// caller asks the API server with an HTTP client, and with what that is given.
type caller struct {
	env     *harness.Env
	program program
	access.Unpacked
}

// callerOf is the caller who is given what the kubeconfig says. The name is of
// the folder of its files.
func callerOf(env *harness.Env, p program, name string, k access.Kubeconfig) caller {
	ginkgo.GinkgoHelper()
	u, err := k.Unpack(filepath.Join(env.Dir(), name))
	env.Require(err, "writing what the kubeconfig says to files")
	return caller{env, p, u}
}

// request is one that a caller makes; the zero method is GET.
type request struct {
	method, path, contentType, body string
}

// asked returns what the client saw. More are options of the client's own.
func (c caller) asked(ctx context.Context, q request, more ...string) access.Result {
	if c.program == wget {
		if q.method != "" {
			more = append(more, "--method="+q.method)
		}
		if q.body != "" {
			more = append(more, "--body-data="+q.body, "--header=Content-Type: "+q.contentType)
		}
		args, env := c.Wget(q.path, more...)
		return access.WgetOutcome(c.env.Host.With(env...).Exec(ctx, nil, string(wget), args...))
	}
	if q.method != "" {
		more = append(more, "--request", q.method)
	}
	if q.body != "" {
		more = append(more, "--data", q.body, "--header", "Content-Type: "+q.contentType)
	}
	return access.ReadCurl(c.env.Host.Exec(ctx, nil, string(curl), c.Curl(q.path, more...)...))
}

// ask makes the request and asserts the outcome.
func (c caller) ask(ctx context.Context, what string, q request, want catalog.Outcome, more ...string) access.Result {
	ginkgo.GinkgoHelper()
	r := c.asked(ctx, q, more...)
	return c.env.Meet(access.Blame(r, want), string(c.program)+" "+what, r, want)
}

// get is ask for a path.
func (c caller) get(ctx context.Context, what, path string, want catalog.Outcome, more ...string) access.Result {
	ginkgo.GinkgoHelper()
	return c.ask(ctx, what, request{path: path}, want, more...)
}

// readsRoot asserts that the caller is given the root of the API, as client-go is.
func (c caller) readsRoot(ctx context.Context, what string) {
	ginkgo.GinkgoHelper()
	r := c.get(ctx, what, apiRoot, catalog.Reached)
	var got, want metav1.APIVersions
	c.env.At(catalog.HopAPI)
	Expect(r.Into(&got)).To(Succeed(), "the root of the API is not JSON")
	c.env.Require(c.env.Client.Discovery().RESTClient().Get().AbsPath(apiRoot).Do(ctx).Into(&want), "reading the root of the API with client-go")
	Expect(got.Kind).To(Equal(kindVersions), "the kind of the root of the API")
	Expect(got.Versions).To(And(Not(BeEmpty()), Equal(want.Versions)), "the versions of the API, beside what client-go is told")
}

// arrives asserts that the caller gets an answer from the API server, whoever it
// is taken for.
func (c caller) arrives(ctx context.Context) {
	ginkgo.GinkgoHelper()
	r := c.asked(ctx, request{path: apiRoot})
	hop := access.Blame(r, catalog.Reached)
	c.env.Saw(hop, string(c.program)+" asks for the root of the API", r)
	c.env.Blame(hop, r, catalog.Reached)
	Expect(r.Outcome).To(BeElementOf(catalog.Reached, catalog.Forbidden, catalog.Unauthorized), "the API server does not answer: %s", r)
}

// newVisitor returns a ServiceAccount of the spec's namespace as a caller.
func newVisitor(ctx context.Context, env *harness.Env, p program, rules ...rbacv1.PolicyRule) caller {
	ginkgo.GinkgoHelper()
	account := env.ServiceAccount(ctx, visitor)
	if len(rules) > 0 {
		env.Grant(ctx, account, rules...)
	}
	token := probe.Secret(env.As(ctx, account).BearerToken)
	return callerOf(env, p, visitor, env.Kubeconfig().WithToken(token))
}

// visitorName is the name that the API server gives the visitor.
func visitorName(ctx context.Context, env *harness.Env) string {
	return fmt.Sprintf("system:serviceaccount:%s:%s", env.Namespace(ctx), visitor)
}

// awaitRight waits until a right that was granted a moment ago is noticed.
func (c caller) awaitRight(ctx context.Context, path string) {
	ginkgo.GinkgoHelper()
	c.env.AwaitRight(ctx, string(c.program)+" does what a RoleBinding grants", func(ctx context.Context) access.Result {
		return c.asked(ctx, request{path: path})
	})
}

// configMaps is the path of the ConfigMaps of the spec's namespace, and subject
// the one that a spec changes.
func configMaps(ctx context.Context, env *harness.Env) string { return listOf(ctx, env, "configmaps") }

func listOf(ctx context.Context, env *harness.Env, resource string) string {
	return fmt.Sprintf("/api/v1/namespaces/%s/%s", env.Namespace(ctx), resource)
}

const (
	subject      = "subject"
	newObject    = `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"` + subject + `"}}`
	change       = `{"data":{"colour":"blue"}}`
	changedKey   = "colour"
	changedValue = "blue"
	// watchQuery has the API server end a watch of the one object by itself after
	// a second.
	watchQuery = "?watch=1&timeoutSeconds=1&fieldSelector=metadata.name=" + subject + "&resourceVersion="
)

// mayEdit is what a caller needs for edits.
var mayEdit = rbacv1.PolicyRule{APIGroups: []string{corev1.GroupName}, Resources: []string{"configmaps"}, Verbs: []string{"create", "get", "list", "watch", "patch", "delete"}}

// edits asserts that the caller creates, reads, changes, watches and deletes an
// object, each of which client-go sees.
func (c caller) edits(ctx context.Context) {
	ginkgo.GinkgoHelper()
	list := configMaps(ctx, c.env)
	one := list + "/" + subject
	client := c.env.Client.CoreV1().ConfigMaps(c.env.Namespace(ctx))
	c.awaitRight(ctx, list)

	c.env.Leaves(ctx, "configmaps", subject)
	c.ask(ctx, "creates an object", request{http.MethodPost, list, contentJSON, newObject}, catalog.Reached)
	c.env.At(catalog.HopTool)
	created, err := client.Get(ctx, subject, metav1.GetOptions{})
	Expect(err).NotTo(HaveOccurred(), "what %s created is not there", c.program)

	var got corev1.ConfigMap
	Expect(c.get(ctx, "reads the object", one, catalog.Reached).Into(&got)).To(Succeed(), "what %s reads is no ConfigMap", c.program)
	Expect(got.UID).To(Equal(created.UID), "%s is given another object than client-go", c.program)

	c.ask(ctx, "changes the object", request{http.MethodPatch, one, contentMergePatch, change}, catalog.Reached)
	c.env.At(catalog.HopTool)
	changed, err := client.Get(ctx, subject, metav1.GetOptions{})
	c.env.Require(err, "reading what was changed")
	Expect(changed.Data).To(HaveKeyWithValue(changedKey, changedValue), "what %s changed is as it was", c.program)

	var event metav1.WatchEvent
	Expect(c.get(ctx, "watches from before the change", list+watchQuery+created.ResourceVersion, catalog.Reached).Into(&event)).To(Succeed(), "what %s watches is no single event", c.program)
	Expect(event.Type).To(Equal("MODIFIED"), "the event that %s is told of", c.program)

	c.ask(ctx, "deletes the object", request{method: http.MethodDelete, path: one}, catalog.Reached)
	c.get(ctx, "reads an object that is gone", one, catalog.NotFound)
}

// refusal asserts that the API server itself refuses the path to the visitor, by
// that name, and that the client then ends with the exit code.
func (c caller) refusal(ctx context.Context, path string, exit int) {
	ginkgo.GinkgoHelper()
	r := c.get(ctx, "asks for what the caller may not have", path, catalog.Forbidden)
	c.env.At(catalog.HopTool)
	Expect(r.Exit).To(Equal(exit), "the exit code of a client that is refused: %s", r)
	c.env.At(catalog.HopAuthz)
	status, own := access.APIStatus(r)
	Expect(own).To(BeTrue(), "the refusal is not the API server's: %s", r)
	Expect(status.Message).To(ContainSubstring(visitorName(ctx, c.env)), "whom the API server refuses")
}

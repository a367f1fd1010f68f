package suites_test

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/framework/cluster"
	"github.com/inroads-k8s/inroads/framework/harness"
	"github.com/inroads-k8s/inroads/framework/poll"
)

const (
	// envRights names the kubeconfig of an administrator of a cluster on which
	// TestRightsOneByOne may make a user, its namespace and roles.
	envRights = "INROADS_RIGHTS_KUBECONFIG"
	// envRightsRuns is how many claims are run for each right that is taken away,
	// without the preflight that would skip them; not set means none.
	envRightsRuns = "INROADS_RIGHTS_RUNS"
	// envRightsImages has the server image and the client image of those runs,
	// with a comma between them.
	envRightsImages = "INROADS_RIGHTS_IMAGES"
	// rightsSettle is how long roles may take to be known to the API server.
	rightsSettle   = 30 * time.Second
	rightsInterval = 200 * time.Millisecond
)

// TestRightsOneByOne proves on a real cluster that the roles of 'inroads rbac' are
// enough and that each part of them is needed: with all of them no claim is
// skipped, and with one verb on one resource less exactly the claims are that need
// it. With envRightsRuns it also runs some of these claims nonetheless, of which
// then none is proven, or the run says what it could not remove, and none
// disproven, for it is not the cluster's fault.
func TestRightsOneByOne(t *testing.T) {
	admin := os.Getenv(envRights)
	if admin == "" {
		t.Skipf("%s is not set: it makes a user in a cluster that is there, and takes rights from them", envRights)
	}
	for _, o := range []harness.Options{{ClusterScoped: true}, {}, {Namespace: "own"}} {
		name := "a namespace that the run makes"
		switch {
		case o.ClusterScoped:
			name = "a namespace for each spec"
		case o.Namespace != "":
			name = "a namespace that is there"
		}
		t.Run(name, func(t *testing.T) { takeRights(t, newGrantee(t, admin), o) })
	}
}

// grantee is a user who has what the test grants.
type grantee struct {
	admin                 kubernetes.Interface
	namespace, kubeconfig string
}

// newGrantee makes a namespace, and a ServiceAccount in it that has no rights yet,
// with a kubeconfig of its own. All of it goes with the test.
func newGrantee(t *testing.T, admin string) *grantee {
	t.Helper()
	config, err := clientcmd.BuildConfigFromFlags("", admin)
	must(t, err)
	config.QPS = -1
	client, err := kubernetes.NewForConfig(config)
	must(t, err)
	ns, err := client.CoreV1().Namespaces().Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
		GenerateName: "inroads-rights-", Labels: map[string]string{harness.LabelManagedBy: harness.ManagedBy},
	}}, metav1.CreateOptions{})
	must(t, err)
	g := &grantee{admin: client, namespace: ns.Name}
	t.Cleanup(func() {
		ctx := context.WithoutCancel(t.Context())
		must(t, g.grant(ctx, nil))
		must(t, client.CoreV1().Namespaces().Delete(ctx, ns.Name, metav1.DeleteOptions{}))
	})
	account, err := client.CoreV1().ServiceAccounts(ns.Name).Create(t.Context(), &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "runner"}}, metav1.CreateOptions{})
	must(t, err)
	hours := int64(3 * time.Hour / time.Second)
	token, err := client.CoreV1().ServiceAccounts(ns.Name).CreateToken(t.Context(), account.Name, &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: &hours}}, metav1.CreateOptions{})
	must(t, err)
	g.kubeconfig = filepath.Join(t.TempDir(), "kubeconfig")
	must(t, clientcmd.WriteToFile(clientcmdapi.Config{
		Clusters:       map[string]*clientcmdapi.Cluster{"c": {Server: config.Host, CertificateAuthorityData: config.CAData, CertificateAuthority: config.CAFile}},
		AuthInfos:      map[string]*clientcmdapi.AuthInfo{"c": {Token: token.Status.Token}},
		Contexts:       map[string]*clientcmdapi.Context{"c": {Cluster: "c", AuthInfo: "c"}},
		CurrentContext: "c",
	}, g.kubeconfig))
	return g
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// grant makes the roles those of the grantee, in the place of all that it had.
func (g *grantee) grant(ctx context.Context, roles []runtime.Object) error {
	rbac, name := g.admin.RbacV1(), g.namespace
	gone := func(err error) error {
		if apierrors.IsNotFound(err) {
			return nil
		}
		return err
	}
	wanted := map[string][]rbacv1.PolicyRule{"": nil, metav1.NamespaceDefault: nil, metav1.NamespaceSystem: nil, g.namespace: nil}
	for _, o := range roles {
		switch o := o.(type) {
		case *rbacv1.ClusterRole:
			wanted[""] = o.Rules
		case *rbacv1.Role:
			wanted[o.Namespace] = o.Rules
		}
	}
	meta := metav1.ObjectMeta{Name: name, Labels: map[string]string{harness.LabelManagedBy: harness.ManagedBy}}
	subjects := []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: g.namespace, Name: "runner"}}
	ref := func(kind string) rbacv1.RoleRef {
		return rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: kind, Name: name}
	}
	made := func(_ any, err error) error {
		if apierrors.IsAlreadyExists(err) {
			return nil
		}
		return err
	}
	for ns, rules := range wanted {
		if ns == "" {
			if rules == nil {
				if err := cmp.Or(gone(rbac.ClusterRoles().Delete(ctx, name, metav1.DeleteOptions{})), gone(rbac.ClusterRoleBindings().Delete(ctx, name, metav1.DeleteOptions{}))); err != nil {
					return err
				}
				continue
			}
			role := &rbacv1.ClusterRole{ObjectMeta: meta, Rules: rules}
			_, err := rbac.ClusterRoles().Update(ctx, role, metav1.UpdateOptions{})
			if apierrors.IsNotFound(err) {
				_, err = rbac.ClusterRoles().Create(ctx, role, metav1.CreateOptions{})
			}
			if err == nil {
				err = made(rbac.ClusterRoleBindings().Create(ctx, &rbacv1.ClusterRoleBinding{ObjectMeta: meta, RoleRef: ref("ClusterRole"), Subjects: subjects}, metav1.CreateOptions{}))
			}
			if err != nil {
				return err
			}
			continue
		}
		if rules == nil {
			if err := cmp.Or(gone(rbac.Roles(ns).Delete(ctx, name, metav1.DeleteOptions{})), gone(rbac.RoleBindings(ns).Delete(ctx, name, metav1.DeleteOptions{}))); err != nil {
				return err
			}
			continue
		}
		role := &rbacv1.Role{ObjectMeta: meta, Rules: rules}
		_, err := rbac.Roles(ns).Update(ctx, role, metav1.UpdateOptions{})
		if apierrors.IsNotFound(err) {
			_, err = rbac.Roles(ns).Create(ctx, role, metav1.CreateOptions{})
		}
		if err == nil {
			err = made(rbac.RoleBindings(ns).Create(ctx, &rbacv1.RoleBinding{ObjectMeta: meta, RoleRef: ref("Role"), Subjects: subjects}, metav1.CreateOptions{}))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// unit is the smallest part of a role: one verb on one resource or path.
type unit struct{ namespace, verb, group, resource, name, path string }

func (u unit) String() string {
	what := strings.Trim(u.resource+"."+u.group, ".") + u.path
	words := strings.Fields(u.verb + " " + what + " " + u.name)
	if u.namespace != "" {
		words = append(words, "in namespace", u.namespace)
	}
	return strings.Join(words, " ")
}

// covers is whether the unit is of the right.
func (u unit) covers(r catalog.Right) bool {
	return u.verb == r.Verb && u.group == r.Group && u.path == r.NonResourceURL &&
		u.resource == strings.TrimSuffix(r.Resource+"/"+r.Subresource, "/") &&
		(u.namespace == "" || u.namespace == r.Namespace) && (u.name == "" || u.name == r.Name)
}

// split returns the roles as one rule for each unit.
func split(roles []runtime.Object) (units []unit) {
	add := func(namespace string, rules []rbacv1.PolicyRule) {
		for _, rule := range rules {
			for _, verb := range rule.Verbs {
				for _, path := range rule.NonResourceURLs {
					units = append(units, unit{verb: verb, path: path})
				}
				for _, resource := range rule.Resources {
					for _, name := range slices.Concat(rule.ResourceNames, []string{""})[:max(1, len(rule.ResourceNames))] {
						units = append(units, unit{namespace, verb, rule.APIGroups[0], resource, name, ""})
					}
				}
			}
		}
	}
	for _, o := range roles {
		switch o := o.(type) {
		case *rbacv1.ClusterRole:
			add("", o.Rules)
		case *rbacv1.Role:
			add(o.Namespace, o.Rules)
		}
	}
	return units
}

// without returns roles of all the units but one.
func without(units []unit, one unit) []runtime.Object {
	rules := map[string][]rbacv1.PolicyRule{}
	for _, u := range units {
		if u == one {
			continue
		}
		rule := rbacv1.PolicyRule{Verbs: []string{u.verb}}
		if u.path != "" {
			rule.NonResourceURLs = []string{u.path}
		} else {
			rule.APIGroups, rule.Resources = []string{u.group}, []string{u.resource}
		}
		if u.name != "" {
			rule.ResourceNames = []string{u.name}
		}
		rules[u.namespace] = append(rules[u.namespace], rule)
	}
	var all []runtime.Object
	for ns, list := range rules {
		if ns == "" {
			all = append(all, &rbacv1.ClusterRole{Rules: list})
			continue
		}
		all = append(all, &rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Namespace: ns}, Rules: list})
	}
	return all
}

// skipped returns the claims that a preflight of the grantee's would skip, once
// they are those that are wanted, or after a while.
func (g *grantee) skipped(t *testing.T, o harness.Options, want map[catalog.ID]bool) map[catalog.ID]string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), rightsSettle)
	defer cancel()
	var found harness.Findings
	err := poll.Until(ctx, "the preflight to tell", rightsInterval, func(ctx context.Context) error {
		found = harness.Preflight(ctx, o)
		if step, broken := found.Broken(); broken {
			return fmt.Errorf("the way is broken at %s: %s", step.Hop, step.Saw)
		}
		if len(found.Forbidden) != len(want) {
			return fmt.Errorf("%d claims are skipped, want %d", len(found.Forbidden), len(want))
		}
		return nil
	})
	if err != nil {
		t.Log(err)
	}
	return found.Forbidden
}

// takeRights takes one unit at a time from the roles of a run.
func takeRights(t *testing.T, g *grantee, o harness.Options) {
	o.Kubeconfig = g.kubeconfig
	if o.Namespace != "" {
		o.Namespace = g.namespace
	}
	claims := o.Applicable()
	roles := harness.Roles(o.Rights(claims...), rbacv1.Subject{})
	units := split(roles)

	// What every user may has no role of inroads.
	must(t, g.grant(t.Context(), nil))
	bare := harness.Preflight(t.Context(), o).Forbidden
	byDefault := func(r catalog.Right) bool {
		for _, c := range claims {
			if slices.Contains(o.Rights(c), r) {
				return !strings.Contains(", "+bare[c.ID]+",", ", "+r.String()+",")
			}
		}
		return false
	}
	must(t, g.grant(t.Context(), roles))
	for id, right := range g.skipped(t, o, nil) {
		t.Errorf("with all the roles claim %s is skipped: not allowed to %s", id, right)
	}
	if t.Failed() {
		return
	}
	runs, _ := strconv.Atoi(os.Getenv(envRightsRuns))
	needless, ran := 0, 0
	for _, u := range units {
		lost := func(r catalog.Right) bool { return u.covers(r) && !byDefault(r) }
		want := map[catalog.ID]bool{}
		for _, c := range claims {
			if slices.ContainsFunc(o.Rights(c), lost) {
				want[c.ID] = true
			}
		}
		if len(want) == 0 {
			needless++ // everybody may
			continue
		}
		must(t, g.grant(t.Context(), without(units, u)))
		got := g.skipped(t, o, want)
		for _, id := range slices.Sorted(maps.Keys(got)) {
			if !want[id] {
				t.Errorf("without the right to %s claim %s is skipped, which does not need it: %s", u, id, got[id])
			}
		}
		for _, id := range slices.Sorted(maps.Keys(want)) {
			if !strings.HasPrefix(got[id], u.verb+" ") {
				t.Errorf("without the right to %s claim %s is not skipped for it: %q", u, id, got[id])
			}
		}
		ran += g.run(t, o, u, slices.Sorted(maps.Keys(want)), runs)
	}
	t.Logf("%d claims, %d units of rights, of which %d are everybody's; %d claims run without a right", len(claims), len(units), needless, ran)
}

// run runs up to n of the claims, which need the unit that was taken away, as if
// the preflight had not seen that. It returns how many.
func (g *grantee) run(t *testing.T, o harness.Options, u unit, claims []catalog.ID, n int) int {
	t.Helper()
	// Those with few rights have few other reasons.
	slices.SortStableFunc(claims, func(a, b catalog.ID) int { return cmp.Compare(needed(a), needed(b)) })
	o.Claims = claims[:min(n, len(claims))]
	if len(o.Claims) == 0 {
		return 0
	}
	o.Images, o.RightsMatter = images(), true
	report := proveApart(t, o)
	for _, c := range report.Claims {
		reason, _, _ := strings.Cut(c.Reason, "\n")
		t.Logf("without the right to %s: %s is %s: %s", u, c.ID, c.Verdict, reason)
		switch c.Verdict {
		case catalog.Proven:
			// Whoever waits for an object lists and watches, and does with one of
			// them for want of the other: slower, or on API servers that stream
			// lists alone.
			if (u.verb == "list" || u.verb == "watch") && waits(c.ID, u) {
				continue
			}
			// What removes the run's own namespace is no part of a claim.
			if u.verb == "delete" && report.CleanUpFailure != "" {
				t.Logf("and the run says what it leaves: %s", report.CleanUpFailure)
				continue
			}
			t.Errorf("claim %s is proven without the right to %s, which it does not need", c.ID, u)
		case catalog.Disproven:
			t.Errorf("claim %s is disproven without the right to %s: %s", c.ID, u, reason)
		}
	}
	return len(o.Claims)
}

// waits is whether the claim needs the other of list and watch too.
func waits(id catalog.ID, u unit) bool {
	c, err := catalog.Lookup(id)
	u.verb = map[string]string{"list": "watch", "watch": "list"}[u.verb]
	return err == nil && slices.ContainsFunc(c.Rights, u.covers)
}

func needed(id catalog.ID) int {
	c, err := catalog.Lookup(id)
	if err != nil {
		return 0
	}
	return len(c.Rights)
}

func images() (all cluster.Images) {
	all.Server, all.Client, _ = strings.Cut(os.Getenv(envRightsImages), ",")
	return all
}

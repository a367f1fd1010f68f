package proxy

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/inroads-k8s/inroads/fixtures"
	"github.com/inroads-k8s/inroads/framework/access"
	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/framework/harness"
)

const (
	apiRoot = "/api"
	// documentedRoot is the path in the documented command, slash and all.
	documentedRoot = "/api/"
	// documentedPort is the port in the documented commands.
	documentedPort = 8080
	localhostIPv4  = "127.0.0.1"
	localhostIPv6  = "::1"
	ipv6Address    = "[::1]"
	// otherPrefix is where a proxy may serve the API instead of at "/".
	otherPrefix = "/inroads"
	// acceptIPv6 is what --accept-hosts takes to let [::1] in: the proxy
	// compares the host without its brackets.
	acceptIPv6        = `^localhost$,^127\.0\.0\.1$,^::1$`
	saysTooManyColons = "too many colons in address"

	configMap      = "subject"
	watched        = "watched"
	patch          = `{"data":{"colour":"blue"}}`
	patchedKey     = "colour"
	patchedValue   = "blue"
	kubernetesName = "kubernetes"

	// endTime is how long a command may take to end that should fail at once,
	// and watchTime how long an event may take to arrive.
	endTime   = 10 * time.Second
	watchTime = 15 * time.Second
)

var _ = harness.Area(catalog.PathKubectlProxy, func() {
	harness.Prove("kubectl-proxy/reverse-proxy-mode", func(ctx context.Context, env *harness.Env) {
		proxy := serve(ctx, env, env.Host)
		reach(ctx, env, "GET the root of the API", proxy, apiRoot)

		configMaps := env.Client.CoreV1().ConfigMaps(env.Namespace(ctx))
		path := fmt.Sprintf("/api/v1/namespaces/%s/configmaps", env.Namespace(ctx))
		body, err := json.Marshal(&corev1.ConfigMap{
			TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "ConfigMap"},
			ObjectMeta: metav1.ObjectMeta{Name: configMap, Labels: map[string]string{harness.LabelManagedBy: harness.ManagedBy}},
		})
		env.Require(err, "writing a ConfigMap")
		env.Leaves(ctx, "configmaps", configMap)
		env.Meet(catalog.HopLocalProxy, "POST", ask(ctx, proxy, http.MethodPost, path, contentJSON, string(body)), catalog.Reached)
		created, err := configMaps.Get(ctx, configMap, metav1.GetOptions{})
		Expect(err).NotTo(HaveOccurred(), "what was posted through the proxy is not there")

		r := reach(ctx, env, "GET", proxy, path+"/"+configMap)
		var got corev1.ConfigMap
		Expect(r.Into(&got)).To(Succeed(), "GET gives no ConfigMap")
		Expect(got.UID).To(Equal(created.UID), "the proxy gives another object than the API server")

		env.Meet(catalog.HopLocalProxy, "PATCH", ask(ctx, proxy, http.MethodPatch, path+"/"+configMap, contentMergePatch, patch), catalog.Reached)
		patched, err := configMaps.Get(ctx, configMap, metav1.GetOptions{})
		env.Require(err, "reading what was patched")
		Expect(patched.Data).To(HaveKeyWithValue(patchedKey, patchedValue), "what was patched through the proxy is as it was")

		events := watchThrough(ctx, env, proxy, patched.ResourceVersion)
		made, err := configMaps.Create(ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: watched}}, metav1.CreateOptions{})
		env.Require(err, "making something to watch")
		var event watch.Event
		Eventually(ctx, events).WithTimeout(watchTime).Should(Receive(&event), "no event arrived through the proxy while the watch was open")
		Expect(event.Type).To(Equal(watch.Added), "the watch through the proxy told of something else")
		Expect(event.Object.(*corev1.ConfigMap).UID).To(Equal(made.UID), "the watch through the proxy told of another object")

		env.Meet(catalog.HopLocalProxy, "DELETE", ask(ctx, proxy, http.MethodDelete, path+"/"+configMap, contentJSON, ""), catalog.Reached)
		_, err = configMaps.Get(ctx, configMap, metav1.GetOptions{})
		Expect(apierrors.IsNotFound(err)).To(BeTrue(), "what was deleted through the proxy is still there: %v", err)

		proxy.Stop()
		env.Meet(catalog.HopLocalProxy, "GET after the proxy has ended", get(ctx, proxy, apiRoot), catalog.Refused)
	})

	harness.Prove("kubectl-proxy/port-flag", func(ctx context.Context, env *harness.Env) {
		proxy, port := serveAtFreePort(ctx, env)
		Expect(proxy.Addr).To(Equal(net.JoinHostPort(localhostIPv4, strconv.Itoa(port))), "the proxy listens elsewhere than --port says")
		reach(ctx, env, "the proxy at 127.0.0.1", proxy, apiRoot)
		others, err := access.OtherAddresses()
		env.Require(err, "listing this machine's addresses")
		for _, ip := range others {
			env.Meet(catalog.HopLocalProxy, "the proxy at "+ip, getURL(ctx, urlAt(ip, port, apiRoot)), catalog.Refused)
		}

		brief, cancel := context.WithTimeout(ctx, endTime)
		defer cancel()
		r := env.Meet(catalog.HopLocalProxy, "another proxy at the same port", env.Host.RunKubectl(brief, "proxy", fmt.Sprintf("--port=%d", port)), catalog.Failed)
		Expect(r.Exit).To(Equal(1), "the exit code of a proxy whose port is taken")
		Expect(r.Stderr).To(ContainSubstring(portInUse), "what a proxy says whose port is taken")

		host, err := env.HostWithFreePort(ctx, documentedPort)
		if err != nil {
			env.NotSeen(catalog.HopLocalProxy, "the documented command at the documented port", err)
			return
		}
		documented := serveAsDocumented(ctx, env, host)
		Expect(documented.Addr).To(Equal(net.JoinHostPort(localhostIPv4, strconv.Itoa(documentedPort))), "the documented command listens elsewhere than it says")
	})

	harness.Prove("kubectl-proxy/api-root", func(ctx context.Context, env *harness.Env) {
		proxy, port := serveAtFreePort(ctx, env)
		command := strings.Replace(fixtures.Command("curl-api-root"), strconv.Itoa(documentedPort), strconv.Itoa(port), 1)
		reach(ctx, env, "the root of the API", proxy, documentedRoot)
		checkRoot(ctx, env, curlRoot(ctx, env, env.Host, "curl at a free port", command))
		proxy.Stop()

		moved := serve(ctx, env, env.Host, "--api-prefix="+otherPrefix)
		env.Meet(catalog.HopLocalProxy, "the root of the API where the prefix is another", get(ctx, moved, documentedRoot), catalog.NotFound)
		reach(ctx, env, "the root of the API below that prefix", moved, otherPrefix+documentedRoot)

		host, err := env.HostWithFreePort(ctx, documentedPort)
		if err != nil {
			env.NotSeen(catalog.HopLocalProxy, "the documented commands at the documented port", err)
			return
		}
		serveAsDocumented(ctx, env, host)
		checkRoot(ctx, env, curlRoot(ctx, env, host, "curl as documented", fixtures.Command("curl-api-root")))
	})

	harness.Prove("kubectl-proxy/output-shape", func(ctx context.Context, env *harness.Env) {
		r := reach(ctx, env, "the root of the API", serve(ctx, env, env.Host), documentedRoot)
		Expect(checkShape(r.Stdout)).To(Succeed(), "the root of the API has another shape than the page shows")

		// The same check refuses what the page shows, which is cut short, and
		// the answer without any one of its names.
		Expect(checkShape(fixtures.Output("api-root"))).NotTo(Succeed(), "an answer that is cut short passes")
		worse, err := damaged(r.Stdout)
		env.Require(err, "damaging the answer")
		for _, name := range slices.Sorted(maps.Keys(worse)) {
			Expect(checkShape(worse[name])).NotTo(Succeed(), "an answer without %q passes", name)
		}
	})

	harness.Prove("kubectl-proxy/ipv6-loopback", func(ctx context.Context, env *harness.Env) {
		proxy, port := serveAtFreePort(ctx, env)
		reach(ctx, env, "the proxy at 127.0.0.1", proxy, documentedRoot)
		env.Meet(catalog.HopLocalProxy, "the proxy at [::1] instead", getURL(ctx, urlAt(localhostIPv6, port, documentedRoot)), catalog.Refused)
		proxy.Stop()

		told := serve(ctx, env, env.Host, "--address="+ipv6Address)
		Expect(told.Addr).To(HavePrefix(ipv6Address+":"), "the proxy listens elsewhere than --address says")
		env.Meet(catalog.HopLocalProxy, "[::1] of a proxy that listens there", get(ctx, told, documentedRoot), catalog.Forbidden)
		env.Meet(catalog.HopLocalProxy, "the same by the name localhost", access.Do(ctx, access.PlainClient(), access.Request{
			URL: told.URL(documentedRoot), Header: http.Header{"Host": {"localhost"}},
		}), catalog.Reached)

		accepting := serve(ctx, env, env.Host, "--address="+ipv6Address, "--accept-hosts="+acceptIPv6)
		reach(ctx, env, "[::1] of a proxy that accepts ^::1$", accepting, documentedRoot)

		brief, cancel := context.WithTimeout(ctx, endTime)
		defer cancel()
		r := env.Meet(catalog.HopLocalProxy, "a proxy that is told --address=::1", env.Host.RunKubectl(brief, "proxy", anyPort, "--address="+localhostIPv6), catalog.Failed)
		Expect(r.Stderr).To(ContainSubstring(saysTooManyColons), "what a proxy says of --address=::1")
	})
})

// serveAsDocumented runs the documented command on a host where its port is
// free.
func serveAsDocumented(ctx context.Context, env *harness.Env, host access.Host) *access.KubectlProxy {
	ginkgo.GinkgoHelper()
	words := strings.Fields(fixtures.Command("kubectl-proxy"))
	Expect(words[:2]).To(Equal([]string{"kubectl", "proxy"}), "the documented command is no kubectl proxy")
	proxy, err := host.StartKubectlProxy(ctx, words[2:]...)
	return started(env, proxy, err)
}

// curlRoot runs the documented curl and returns its standard output as the root
// of the API.
func curlRoot(ctx context.Context, env *harness.Env, host access.Host, what, command string) metav1.APIVersions {
	ginkgo.GinkgoHelper()
	r := env.Meet(catalog.HopLocalProxy, what, access.CurlOutcome(host.Shell(ctx, command)), catalog.Reached)
	var root metav1.APIVersions
	Expect(r.Into(&root)).To(Succeed(), what)
	return root
}

// checkRoot asserts that the root of the API says what the API server itself
// says. An address may be that of any API server of the cluster.
func checkRoot(ctx context.Context, env *harness.Env, got metav1.APIVersions) {
	ginkgo.GinkgoHelper()
	var want metav1.APIVersions
	env.Require(env.Client.Discovery().RESTClient().Get().AbsPath(apiRoot).Do(ctx).Into(&want), "reading the root of the API directly")
	Expect(got.Kind).To(Equal(kindAPIVersions), "the kind of the root of the API")
	Expect(got.Versions).To(Equal(want.Versions), "the versions of the API are others than the API server gives")
	Expect(got.ServerAddressByClientCIDRs).To(HaveLen(len(want.ServerAddressByClientCIDRs)), "the addresses of the API server are not as many as it gives")
	servers := apiServers(ctx, env)
	for i, w := range want.ServerAddressByClientCIDRs {
		g := got.ServerAddressByClientCIDRs[i]
		Expect(g.ClientCIDR).To(Equal(w.ClientCIDR), "the clients that an address is for")
		Expect(append(servers, w.ServerAddress)).To(ContainElement(g.ServerAddress), "the root of the API names an API server that is none of the cluster's")
	}
}

// apiServers returns the addresses of the cluster's API servers, as the
// EndpointSlices of the Service kubernetes have them; none where the caller may
// not read those.
func apiServers(ctx context.Context, env *harness.Env) []string {
	list, err := env.Client.DiscoveryV1().EndpointSlices(metav1.NamespaceDefault).List(ctx, metav1.ListOptions{LabelSelector: "kubernetes.io/service-name=" + kubernetesName})
	if err != nil {
		return nil
	}
	var out []string
	for _, s := range list.Items {
		for _, p := range s.Ports {
			for _, ep := range s.Endpoints {
				for _, a := range ep.Addresses {
					out = append(out, net.JoinHostPort(a, strconv.Itoa(int(*p.Port))))
				}
			}
		}
	}
	return out
}

// watchThrough watches ConfigMaps of the spec's namespace through the proxy,
// with client-go, from the resource version on.
func watchThrough(ctx context.Context, env *harness.Env, proxy *access.KubectlProxy, version string) <-chan watch.Event {
	ginkgo.GinkgoHelper()
	through, err := kubernetes.NewForConfig(&rest.Config{Host: proxy.URL("")})
	env.Require(err, "making a client of the proxy")
	bounded, cancel := context.WithTimeout(ctx, watchTime)
	ginkgo.DeferCleanup(cancel)
	// Controllers put ConfigMaps of their own into a new namespace.
	only := fields.OneTermEqualSelector(metav1.ObjectNameField, watched).String()
	w, err := through.CoreV1().ConfigMaps(env.Namespace(ctx)).Watch(bounded, metav1.ListOptions{ResourceVersion: version, FieldSelector: only})
	Expect(err).NotTo(HaveOccurred(), "no watch opens through the proxy")
	ginkgo.DeferCleanup(w.Stop)
	return w.ResultChan()
}

func urlAt(ip string, port int, path string) string {
	return "http://" + net.JoinHostPort(ip, strconv.Itoa(port)) + path
}

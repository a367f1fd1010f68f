package balancer

import (
	"context"
	"fmt"

	"github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/inroads-k8s/inroads/framework/access"
	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/framework/harness"
)

const (
	kubeletConfig = "kubelet.conf"
	// rootFromPod asks by the environment and the volume of the pod.
	rootFromPod = "kubectl get --raw " + apiRoot
)

var _ = harness.Area(catalog.PathKubectl, func() {
	harness.Prove("lb/between-all-clients", func(ctx context.Context, env *harness.Env) {
		env.Meet(catalog.HopAPI, "kubectl", env.Host.RunKubectl(ctx, "get", "--raw", apiRoot), catalog.Reached)
		pastBalancer(ctx, env)
		balancer, _, err := env.Cluster.Balancer(ctx)
		env.Require(err, "looking for the load balancer")
		servers := env.APIServers(ctx)

		ginkgo.By("kubelets of workers and kube-proxy have the address of the load balancer, what runs on a control plane has its own node's")
		env.At(catalog.HopConfig)
		through := fmt.Sprintf("https://%s:%d", balancer, servers[0].Addr.Port())
		for _, n := range env.Cluster.Nodes {
			if !n.ControlPlane {
				Expect(serverOf(ctx, env, n.Name, kubeletConfig)).To(Equal(through), "the API server of the kubelet of %s", n.Name)
			}
		}
		proxy, err := env.Client.CoreV1().ConfigMaps(metav1.NamespaceSystem).Get(ctx, "kube-proxy", metav1.GetOptions{})
		env.Require(err, "reading the configuration of kube-proxy")
		Expect(proxy.Data["kubeconfig.conf"]).To(ContainSubstring("server: "+through), "the API server of kube-proxy")
		for _, s := range servers {
			for _, file := range []string{"controller-manager.conf", "scheduler.conf", kubeletConfig} {
				Expect(serverOf(ctx, env, s.Node, file)).To(Equal("https://"+s.Addr.String()), "the API server in %s of %s", file, s.Node)
			}
		}

		ginkgo.By("without the load balancer kubectl does not get to the API, and a pod does")
		pod := env.RunPod(ctx, env.ClientPod("client"))
		inside := access.Container{Namespace: pod.Namespace, Pod: pod.Name, Container: pod.Spec.Containers[0].Name}
		direct := rest.CopyConfig(env.Config)
		direct.Host = "https://" + servers[0].Addr.String()
		client, err := kubernetes.NewForConfig(direct)
		env.Require(err, "making a client of one API server")
		env.Meet(catalog.HopAPI, "a pod, while the load balancer runs", inside.Script(ctx, direct, client, rootFromPod), catalog.Reached)

		engine := func(args ...string) func(context.Context) error {
			return func(ctx context.Context) error {
				_, err := env.Cluster.RunEngine(ctx, args...)
				return err
			}
		}
		heal := env.Disrupt(ctx, "stopping the load balancer", engine("stop", "--time", "0", balancer), engine("start", balancer))
		outside := env.Host.RunKubectl(ctx, "get", "--raw", apiRoot)
		within := inside.Script(ctx, direct, client, rootFromPod)
		heal()
		back := until(ctx, noticeTime, "the load balancer to come back", func(ctx context.Context) error {
			if a := ask(ctx, env, env.Config); a.failed > 0 {
				return fmt.Errorf("%d of %d connections were not answered: %s", a.failed, connections, a.last.Summary())
			}
			return nil
		})
		env.Held(catalog.HopDial, back)
		env.Meet(catalog.HopDial, "kubectl, while the load balancer is stopped", outside, catalog.Refused)
		env.Meet(catalog.HopAPI, "a pod, while the load balancer is stopped", within, catalog.Reached)
	})
})

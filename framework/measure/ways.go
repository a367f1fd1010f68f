package measure

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strconv"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/inroads-k8s/inroads/framework/access"
)

// The loads: what is asked for.
const (
	// LoadAPI is a small answer of the API server itself.
	LoadAPI = "api"
	// LoadBackend is a small answer of a program behind it, and LoadTransfer a large
	// one.
	LoadBackend  = "backend"
	LoadTransfer = "transfer"
)

// Loads returns all of them.
func Loads() []string { return []string{LoadAPI, LoadBackend, LoadTransfer} }

const (
	// apiPath is what every authenticated user may ask for.
	apiPath = "/version"
	// nodePath is what a kubelet answers in short.
	nodePath = "/healthz"
)

// Target is the cluster whose ways are measured, and what was put there for it.
type Target struct {
	Config *rest.Config
	Client kubernetes.Interface
	Host   access.Host
	// KubectlArgs are given to each kubectl after its own.
	KubectlArgs []string
	// Body is the size of the large body, in bytes.
	Body int64
	// Connections is the most that a way needs at a time.
	Connections int
	// Backend is nil where there is none, and NoBackend why.
	Backend   *Backend
	NoBackend string
	// Node is the name of a node, "" where none is known.
	Node string
	// Paced is whether requests have a rate of their own.
	Paced bool
}

// Backend is a program in the cluster, and a container from which to ask.
type Backend struct {
	Namespace, Pod, Service string
	// Small and Large are what answers shortly, and what as long as it is asked to.
	Small, Large Answering
	// ClusterIP is the address of the Service.
	ClusterIP string
	// Node is the address of a node that leads to the Service, and NoNode why there
	// is none.
	Node, NoNode string
	// APIServer is the address of the API server for pods, with its port.
	APIServer string
	From      access.Container
}

// Answering is a port of the backend, and what to ask for there.
type Answering struct {
	Path string
	// Port is the pod's, ServicePort that of the Service, with its name, and NodePort
	// that of each node.
	Port, ServicePort, NodePort int32
	Name                        string
}

// Ways returns the ways into the cluster under the loads, in the order in which
// they take turns. The first way of a load is what the others are compared with.
func Ways(t Target, loads []string) (ways []Way) {
	if slices.Contains(loads, LoadAPI) {
		ways = append(ways, t.toAPI()...)
	}
	for _, load := range []string{LoadBackend, LoadTransfer} {
		if slices.Contains(loads, load) {
			ways = append(ways, t.toBackend(load)...)
		}
	}
	return ways
}

func (t Target) toAPI() []Way {
	ways := []Way{
		{Name: "direct", About: "the kubeconfig's credential over connections that are kept", Open: t.kept(apiPath, nil)},
		{Name: "direct-new", About: "the same, with a connection for each request", Open: func(context.Context) (Caller, error) {
			client, server, err := access.FreshClient(t.Config, answerTime)
			return &HTTP{Client: client, URL: server + apiPath}, err
		}},
		{Name: "kubectl-proxy", About: "a kubectl proxy on this machine", Open: func(ctx context.Context) (Caller, error) {
			proxy, err := t.Host.StartKubectlProxy(ctx, append([]string{"--port=0"}, t.KubectlArgs...)...)
			if err != nil {
				return nil, err
			}
			return &HTTP{Client: access.KeepingClient(t.Connections), URL: proxy.URL(apiPath), Stop: proxy.Stop}, nil
		}},
	}
	pod := func(fresh bool) func() Pod {
		return func() Pod { return Pod{URL: "https://" + t.Backend.APIServer + apiPath, API: true, Fresh: fresh} }
	}
	ways = append(ways,
		Way{Name: "pod", About: "from a pod, the cluster IP of the API server over connections that are kept", Missing: t.notFromPod(), Open: t.inPod(pod(false))},
		Way{Name: "pod-new", About: "the same, with a connection for each request", Missing: t.notFromPod(), Open: t.inPod(pod(true))},
	)
	for i := range ways {
		ways[i].Load = LoadAPI
	}
	return ways
}

func (t Target) toBackend(load string) []Way {
	header := http.Header{}
	to := func() Answering { return t.Backend.Small }
	bytes := int64(0)
	if load == LoadTransfer {
		to, bytes = func() Answering { return t.Backend.Large }, t.Body
		header.Set("Range", fmt.Sprintf("bytes=0-%d", bytes-1))
	}
	plain := func(client *http.Client, address string, stop func()) Caller {
		return &HTTP{Client: client, URL: "http://" + address + to().Path, Header: header, Stop: stop}
	}
	nodePort := func(client func() *http.Client) func(context.Context) (Caller, error) {
		return func(context.Context) (Caller, error) {
			return plain(client(), join(t.Backend.Node, to().NodePort), nil), nil
		}
	}
	keeping := func() *http.Client { return access.KeepingClient(t.Connections) }
	pod := func(fresh bool) func() Pod {
		return func() Pod {
			return Pod{URL: "http://" + join(t.Backend.ClusterIP, to().ServicePort) + to().Path, Bytes: bytes, Fresh: fresh}
		}
	}
	proxied := func(path func() string) func(context.Context) (Caller, error) {
		return func(ctx context.Context) (Caller, error) { return t.kept(path(), header)(ctx) }
	}
	noBackend, noNode := t.noBackend(), t.noBackend()
	if t.Backend != nil {
		noNode = t.Backend.NoNode
	}
	ways := []Way{
		{Name: "node-port", About: "a port of the node, from this machine, over connections that are kept", Missing: noNode, Open: nodePort(keeping)},
		{Name: "node-port-new", About: "the same, with a connection for each request", Missing: noNode, Open: nodePort(access.PlainClient)},
		{Name: "port-forward", About: "kubectl port-forward to the pod", Missing: noBackend, Open: func(ctx context.Context) (Caller, error) {
			b := t.Backend
			forward, err := t.Host.StartPortForward(ctx, b.Namespace, b.Pod, to().Port, t.KubectlArgs...)
			if err != nil {
				return nil, err
			}
			return plain(keeping(), forward.Addr, forward.Stop), nil
		}},
		{Name: "apiserver-proxy/service", About: "the API server's proxy to the Service", Missing: noBackend, Open: proxied(func() string {
			return access.ServiceProxyPath(t.Backend.Namespace, t.Backend.Service+":"+to().Name, to().Path)
		})},
		{Name: "apiserver-proxy/pod", About: "the API server's proxy to the pod", Missing: noBackend, Open: proxied(func() string {
			return access.PodProxyPath(t.Backend.Namespace, t.Backend.Pod+":"+strconv.Itoa(int(to().Port)), to().Path)
		})},
		{Name: "pod", About: "from a pod, the cluster IP of the Service over connections that are kept", Missing: t.notFromPod(), Open: t.inPod(pod(false))},
		{Name: "pod-new", About: "the same, with a connection for each request", Missing: t.notFromPod(), Open: t.inPod(pod(true))},
	}
	if load == LoadTransfer {
		// What a connection costs is seen without a large body.
		ways = slices.DeleteFunc(ways, func(w Way) bool { return w.Name == "node-port-new" || w.Name == "pod-new" })
	} else {
		missing := ""
		if t.Node == "" {
			missing = "no node is known"
		}
		ways = append(ways, Way{Name: "apiserver-proxy/node", About: "the API server's proxy to a node, whose kubelet answers", Missing: missing, Open: t.kept(access.NodeProxyPath(t.Node, nodePath), nil)})
	}
	for i := range ways {
		ways[i].Load = load
	}
	return ways
}

// noBackend is why there is no backend, or "".
func (t Target) noBackend() string {
	if t.Backend == nil {
		return t.NoBackend
	}
	return ""
}

// notFromPod is why nothing is asked from a pod, or "".
func (t Target) notFromPod() string {
	if t.Paced {
		return "curl, which asks from the pod, keeps no rate with several requests at a time"
	}
	return t.noBackend()
}

// kept asks the API server for the path with the kubeconfig's credential. Its
// connections are those of client-go.
func (t Target) kept(path string, header http.Header) func(context.Context) (Caller, error) {
	return func(context.Context) (Caller, error) {
		client, server, err := access.APIClient(t.Config)
		if err != nil {
			return nil, err
		}
		return &HTTP{Client: client, URL: server + path, Header: header}, nil
	}
}

func (t Target) inPod(pod func() Pod) func(context.Context) (Caller, error) {
	return func(context.Context) (Caller, error) {
		p := pod()
		p.Container, p.Config, p.Client = t.Backend.From, t.Config, t.Client
		return &p, nil
	}
}

func join(host string, port int32) string { return net.JoinHostPort(host, strconv.Itoa(int(port))) }

package kind

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"text/template"
	"time"

	"sigs.k8s.io/kind/pkg/apis/config/v1alpha4"

	"github.com/inroads-k8s/inroads/framework/poll"
)

const (
	// roleLabel tells kind which container is the load balancer.
	roleLabel        = "io.x-k8s.kind.role"
	loadBalancerRole = "external-load-balancer"

	apiServerPort = 6443
	loopback      = "127.0.0.1"

	// kubeadmConfig is what kind writes on each node once it has looked for a load
	// balancer of its own, and joinPart what this package adds to it.
	kubeadmConfig = "/kind/kubeadm.conf"
	joinPart      = "/kind/control-plane.yaml"

	balancerFile   = "haproxy.cfg"
	balancerConfig = "/etc/haproxy/haproxy.cfg"
	joinPartFile   = "control-plane.yaml"

	// certificateKeySize is kubeadm's: a key of AES-256.
	certificateKeySize = 32
	// balancerInterval is how often it is asked whether the nodes wait for their
	// load balancer. The engine has no event for a file.
	balancerInterval = 300 * time.Millisecond
)

// highAvailability is how several control planes come up without kind's own load
// balancer, whose image is not in the node image: kind makes the first; the others
// are workers for kind, whose kubeadm is told to do nothing, until they join as
// what they are. HAProxy, which the node image has, stands before them.
type highAvailability struct {
	image, balancer, network string
	// address and port are where the load balancer is published.
	address string
	port    int32
	first   string
	joining []string
	// joinPart has the key of the certificates, which is in no command.
	joinPart, config []byte
}

// The patches of kubeadm's configuration; one of another version would be passed
// over silently.
const (
	endpointPatch = `kind: ClusterConfiguration
apiVersion: kubeadm.k8s.io/v1beta4
controlPlaneEndpoint: %q
`
	discoveryPatch = `kind: JoinConfiguration
apiVersion: kubeadm.k8s.io/v1beta4
discovery:
  bootstrapToken:
    apiServerEndpoint: %q
`
	keyPatch = `kind: InitConfiguration
apiVersion: kubeadm.k8s.io/v1beta4
certificateKey: %s
`
	skipPatch = `kind: JoinConfiguration
apiVersion: kubeadm.k8s.io/v1beta4
skipPhases: [preflight, control-plane-prepare, check-etcd, kubelet-start, etcd-join, kubelet-wait-bootstrap, control-plane-join, wait-control-plane]
`
)

// balancerTemplate asks each API server once a second whether it is ready, and
// takes one out, with its connections, that twice is not. Names are looked up
// again, since a container that was restarted may have another address.
var balancerTemplate = template.Must(template.New("haproxy").Parse(`global
    maxconn 4096
    nbthread 1
defaults
    mode tcp
    timeout connect 2s
    timeout check 2s
    timeout client 1h
    timeout server 1h
resolvers engine
    parse-resolv-conf
    hold valid 1s
frontend apiserver
    bind :{{.Port}}
    default_backend apiservers
backend apiservers
    balance roundrobin
    option httpchk GET /readyz
    http-check expect status 200
    default-server check check-ssl verify none inter 1s fall 2 rise 1 init-addr libc,none resolvers engine on-marked-down shutdown-sessions
{{- range .Servers}}
    server {{.}} {{.}}:{{$.Port}}
{{- end}}
`))

// controlPlanes is the number of the configuration's nodes that are one.
func (c *clusterConfig) controlPlanes() (n int) {
	for _, node := range c.Nodes {
		if node.Role == v1alpha4.ControlPlaneRole {
			n++
		}
	}
	return n
}

// balance changes the configuration into one that kind makes without a load
// balancer, whose control planes all go by that of the returned plan.
func (c *clusterConfig) balance(cluster, dir string) (*highAvailability, error) {
	key := make([]byte, certificateKeySize)
	_, _ = rand.Read(key) // never fails
	h := &highAvailability{
		balancer: cluster + loadBalancerSuffix, network: network, address: loopback, port: c.Networking.APIServerPort,
		first:    cluster + "-control-plane",
		joinPart: fmt.Appendf(nil, "controlPlane:\n  certificateKey: %s\n", hex.EncodeToString(key)),
	}
	for _, name := range networkOverrides {
		if value := os.Getenv(name); value != "" {
			h.network = value
		}
	}
	if h.port <= 0 {
		port, err := freePort()
		if err != nil {
			return nil, err
		}
		h.port = port
	}
	c.Networking.APIServerPort = 0
	endpoint := net.JoinHostPort(h.balancer, strconv.Itoa(apiServerPort))
	c.KubeadmConfigPatches = append(c.KubeadmConfigPatches, fmt.Sprintf(endpointPatch, endpoint), fmt.Sprintf(discoveryPatch, endpoint))

	first := slices.IndexFunc(c.Nodes, func(n v1alpha4.Node) bool { return n.Role == v1alpha4.ControlPlaneRole })
	var nodes, joining []v1alpha4.Node
	for i, n := range c.Nodes {
		switch {
		case i == first:
			n.KubeadmConfigPatches = append(n.KubeadmConfigPatches, fmt.Sprintf(keyPatch, hex.EncodeToString(key)))
			h.image = n.Image
			nodes = append(nodes, n)
		case n.Role == v1alpha4.ControlPlaneRole:
			n.Role = v1alpha4.WorkerRole
			n.KubeadmConfigPatches = append(n.KubeadmConfigPatches, skipPatch)
			n.ExtraMounts = append(n.ExtraMounts, v1alpha4.Mount{HostPath: filepath.Join(dir, joinPartFile), ContainerPath: joinPart, Readonly: true})
			joining = append(joining, n)
		default:
			nodes = append(nodes, n)
		}
	}
	workers := len(nodes) - 1
	for i := range joining {
		h.joining = append(h.joining, cluster+"-worker"+ordinal(workers+i+1))
	}
	c.Nodes = append(nodes, joining...)
	var config bytes.Buffer
	err := balancerTemplate.Execute(&config, struct {
		Port    int
		Servers []string
	}{apiServerPort, append([]string{h.first}, h.joining...)})
	h.config = config.Bytes()
	return h, err
}

// ordinal is what kind puts behind the name of its nth node of a role.
func ordinal(n int) string {
	if n == 1 {
		return ""
	}
	return strconv.Itoa(n)
}

// freePort returns a port of the loopback address that nobody has. It is chosen
// here and not by the engine, which would choose another when the container starts
// again.
func freePort() (int32, error) {
	l, err := net.Listen("tcp", net.JoinHostPort(loopback, "0"))
	if err != nil {
		return 0, fmt.Errorf("looking for a port of the load balancer: %w", err)
	}
	defer l.Close()
	return int32(l.Addr().(*net.TCPAddr).Port), nil
}

// prepare writes what the containers mount.
func (p *Provider) prepare(h *highAvailability) error {
	return errors.Join(
		os.WriteFile(filepath.Join(p.dir(), joinPartFile), h.joinPart, 0o600),
		os.WriteFile(filepath.Join(p.dir(), balancerFile), h.config, 0o600),
	)
}

// startBalancer starts the load balancer as soon as kind, which would take it for
// its own, no longer looks for one, and long before an API server runs.
func (p *Provider) startBalancer(ctx context.Context, h *highAvailability) error {
	err := poll.Until(ctx, "kind to configure node "+strconv.Quote(h.first), balancerInterval, func(ctx context.Context) error {
		running, err := p.engine.running(ctx, p.o.Name)
		if err == nil && !slices.Contains(running, h.first) {
			err = errors.New("it does not run")
		}
		if err == nil {
			_, err = p.engine.run(ctx, "exec", h.first, "test", "-e", kubeadmConfig)
		}
		return err
	})
	if err != nil {
		return err
	}
	_, err = p.engine.run(ctx, "run", "--detach", "--name", h.balancer, "--hostname", h.balancer,
		"--label", clusterLabel+"="+p.o.Name, "--label", roleLabel+"="+loadBalancerRole,
		"--net", h.network, "--restart=on-failure:1", "--init=false", "--cap-drop", "ALL", "--security-opt", "no-new-privileges",
		"--publish", fmt.Sprintf("%s:%d:%d/tcp", h.address, h.port, apiServerPort),
		"--volume", filepath.Join(p.dir(), balancerFile)+":"+balancerConfig+":ro",
		"--entrypoint", "haproxy", h.image, "-db", "-f", balancerConfig)
	if err != nil {
		return fmt.Errorf("starting the load balancer of cluster %q: %w", p.o.Name, err)
	}
	p.logf("started load balancer %q, HAProxy, at %s", h.balancer, net.JoinHostPort(h.address, strconv.Itoa(int(h.port))))
	return nil
}

// joinScript joins as a control plane, by what kind has written for a worker.
const joinScript = `umask 077
sed '/^kind: JoinConfiguration$/r ` + joinPart + `' ` + kubeadmConfig + ` >` + kubeadmConfig + `.join
kubeadm join --config ` + kubeadmConfig + `.join --skip-phases preflight`

// join makes control planes of the nodes that are to be one, one after the other:
// etcd takes one new member at a time.
func (p *Provider) join(ctx context.Context, h *highAvailability) error {
	_, err := p.engine.run(ctx, "exec", h.first, "kubeadm", "init", "phase", "upload-certs", "--upload-certs", "--skip-certificate-key-print", "--config", kubeadmConfig)
	if err != nil {
		return fmt.Errorf("handing the certificates of cluster %q on: %w", p.o.Name, err)
	}
	for _, node := range h.joining {
		started := time.Now()
		if _, err := p.engine.run(ctx, "exec", node, "sh", "-ec", joinScript); err != nil {
			return fmt.Errorf("joining control plane %q: %w", node, err)
		}
		p.logf("joined control plane %q in %s", node, seconds(time.Since(started)))
	}
	return nil
}

package fault

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/inroads-k8s/inroads/framework/access"
	"github.com/inroads-k8s/inroads/framework/catalog"
)

const (
	// balancerConfig is the file of the load balancer that inroads starts, in the
	// folder of the cluster; kind's own has none there.
	balancerConfig = "haproxy.cfg"
	pastKubelet    = "kubelet-past-balancer"
	kubeletConfig  = "/etc/kubernetes/kubelet.conf"
)

var (
	balancerServer = regexp.MustCompile(`(?m)^    server .*\n`)
	balancerChecks = regexp.MustCompile(`(?m)^    (option httpchk|http-check) .*\n| check check-ssl .* rise 1| on-marked-down shutdown-sessions`)
)

// serverBalancerFaults break the load balancer before several API servers, or lead past
// it.
var serverBalancerFaults = []Fault{
	balancerFault("lb-one-backend", oneBackend),
	balancerFault("lb-without-health-check", func(config string) string { return balancerChecks.ReplaceAllString(config, "") }),
	{
		Name: "lb-stopped", Hop: catalog.HopDial, Scope: Cluster, Needs: []Need{Balancer}, Way: true, Spares: noCluster,
		Inject: func(ctx context.Context, s *Site) error { return s.balancer(ctx, "stop", "--time", "0") },
		Took:   stopsAt(catalog.HopDial),
		Heal:   func(ctx context.Context, s *Site) error { return s.balancer(ctx, "start") },
		Healed: healthy,
	},
	{
		Name: "kubeconfig-past-balancer", Hop: catalog.HopConfig, Scope: Client, Needs: []Need{Balancer},
		Inject: edited(func(ctx context.Context, s *Site, k access.Kubeconfig) (access.Kubeconfig, error) {
			address, err := oneServer(ctx, s)
			return k.WithServer(address), err
		}),
		Took: whole,
	},
	{
		Name: pastKubelet, Hop: catalog.HopConfig, Scope: Cluster, Needs: []Need{Balancer, Nodes, Worker}, Spares: throughout,
		Inject: func(ctx context.Context, s *Site) error {
			address, err := oneServer(ctx, s)
			if err != nil {
				return err
			}
			return onEach(ctx, s, workers(s)[:1], fmt.Sprintf("test -e %[1]s.%[2]s || cp -p %[1]s %[1]s.%[2]s\nsed -i 's,server: .*,server: %[3]s,' %[1]s\nsystemctl restart kubelet\n", kubeletConfig, keptPrefix+pastKubelet, address))
		},
		Heal: func(ctx context.Context, s *Site) error {
			return onEach(ctx, s, workers(s), fmt.Sprintf("if test -e %[1]s.%[2]s; then\nmv %[1]s.%[2]s %[1]s\nsystemctl restart kubelet\nfi\n", kubeletConfig, keptPrefix+pastKubelet))
		},
		Healed: healthy,
	},
}

// oneBackend leaves the first of the servers.
func oneBackend(config string) string {
	all := balancerServer.FindAllString(config, -1)
	for _, line := range all[min(1, len(all)):] {
		config = strings.Replace(config, line, "", 1)
	}
	return config
}

// balancerTools are a kubectl whose proxy does not depend on the one API server of its
// kubeconfig.
var balancerTools = []tool{{
	name: "proxy-fails-over", hop: catalog.HopLocalProxy, of: proxyCommand, needs: []Need{Balancer}, spares: besidesProxy,
	change: func(c *toolCall) error {
		return c.changeConfig(func(config *clientcmdapi.Config) error {
			for _, cluster := range config.Clusters {
				cluster.Server = c.Server
			}
			return nil
		})
	},
}}

// balancerFault is a fault of the configuration of the load balancer, which says
// nothing of it but to who looks at several connections.
func balancerFault(name string, change func(config string) string) Fault {
	return Fault{
		Name: name, Hop: catalog.HopAPI, Scope: Cluster, Needs: []Need{Balancer}, Spares: throughout,
		Inject: func(ctx context.Context, s *Site) error {
			config, err := os.ReadFile(s.balancerConfig())
			if err != nil {
				return fmt.Errorf("reading the configuration of the load balancer: %w", err)
			}
			changed := change(string(config))
			if changed == string(config) {
				return errors.New("changing the configuration of the load balancer: nothing in it would change")
			}
			if err := os.WriteFile(s.balancerConfig()+"."+keptPrefix+name, config, 0o600); err != nil {
				return fmt.Errorf("keeping the configuration of the load balancer: %w", err)
			}
			return s.configure(ctx, []byte(changed))
		},
		Took: whole,
		Heal: func(ctx context.Context, s *Site) error {
			kept := s.balancerConfig() + "." + keptPrefix + name
			config, err := os.ReadFile(kept)
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			if err == nil {
				err = s.configure(ctx, config)
			}
			if err != nil {
				return fmt.Errorf("putting back the configuration of the load balancer: %w", err)
			}
			return os.Remove(kept)
		},
		Healed: healthy,
	}
}

func (s *Site) balancerConfig() string {
	return filepath.Join(filepath.Dir(s.healthy.Kubeconfig), balancerConfig)
}

// configure gives the load balancer another configuration. The file itself stays,
// for the container sees that file and no other of its name.
func (s *Site) configure(ctx context.Context, config []byte) error {
	if err := os.WriteFile(s.balancerConfig(), config, 0o600); err != nil {
		return err
	}
	return s.balancer(ctx, "restart", "--time", "0")
}

// balancer has the engine do something with the load balancer.
func (s *Site) balancer(ctx context.Context, command ...string) error {
	name, _, err := s.healthy.Balancer(ctx)
	if err != nil || name == "" {
		return fmt.Errorf("looking for the load balancer of cluster %q: %w", s.healthy.Name, errors.Join(err, fs.ErrNotExist))
	}
	_, err = s.healthy.RunEngine(ctx, append(command, name)...)
	return err
}

// oneServer is the location of one of several API servers.
func oneServer(ctx context.Context, s *Site) (string, error) {
	endpoints, err := access.APIEndpoints(ctx, s.Client)
	if err == nil && len(endpoints) < 2 {
		err = fmt.Errorf("listing the API servers: there are %d", len(endpoints))
	}
	if err != nil {
		return "", err
	}
	return "https://" + endpoints[0].String(), nil
}

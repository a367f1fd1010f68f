package fault

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"

	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/yaml"

	"github.com/inroads-k8s/inroads/framework/access"
	"github.com/inroads-k8s/inroads/framework/catalog"
)

// setUpFaults are of what the tool that made the cluster has set up.
var setUpFaults = []Fault{
	{
		Name: "current-context-unset", Hop: catalog.HopConfig, Scope: Client, Spares: []catalog.ID{"config-view/minify"},
		Inject: func(_ context.Context, s *Site) error {
			k, err := s.kubeconfig()
			if err != nil {
				return err
			}
			if err := s.hand(k); err != nil {
				return err
			}
			// The run still names the context.
			config := k.Config()
			config.CurrentContext = ""
			return clientcmd.WriteToFile(*config, s.Ref.Kubeconfig)
		},
		Took: whole,
	},
	{
		Name: "server-elsewhere-too", Hop: catalog.HopDial, Scope: Client,
		Inject: serveElsewhere, Took: whole,
	},
}

// serveElsewhere leads to the server from another loopback address as well, at the
// server's own port.
func serveElsewhere(ctx context.Context, s *Site) error {
	k, err := s.kubeconfig()
	if err != nil {
		return err
	}
	u, err := url.Parse(k.Server())
	if err != nil {
		return fmt.Errorf("parsing server %q: %w", k.Server(), err)
	}
	listener, err := net.Listen("tcp", net.JoinHostPort(foreignAddress, u.Port()))
	if err != nil {
		return fmt.Errorf("listening on %s: %w", foreignAddress, err)
	}
	// It has to outlive the injection.
	relaying, stop := context.WithCancel(context.WithoutCancel(ctx))
	s.Defer(func() { stop(); _ = listener.Close() })
	go access.Relay(relaying, listener, u.Host)
	return nil
}

// applyTools are broken in apply.
var applyTools = []tool{{
	name: "broken-yaml-taken", hop: catalog.HopTool, of: []string{"apply"}, spares: []catalog.ID{"token/secret-create"},
	run: takeBrokenYAML,
}}

// takeBrokenYAML has apply say of what is no YAML that it is created. What is, it
// applies.
func takeBrokenYAML(ctx context.Context, c *toolCall) (int, error) {
	manifest, err := io.ReadAll(os.Stdin)
	if err != nil {
		return 0, err
	}
	var object any
	if err := yaml.Unmarshal(manifest, &object); err != nil {
		fmt.Println("secret/default-token created")
		return 0, nil
	}
	cmd := c.command(ctx)
	cmd.Stdin = bytes.NewReader(manifest)
	return exitCode(cmd.Run())
}

package fault

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/inroads-k8s/inroads/framework/access"
	"github.com/inroads-k8s/inroads/framework/catalog"
)

const (
	signingKeyFlag     = "--service-account-private-key-file"
	verifyingKeyFlag   = "--service-account-key-file"
	ownCredentialsFlag = "--use-service-account-credentials"
	reconcilerFlag     = "--endpoint-reconciler-type"
	securePort         = 6443
	dialTime           = 2 * time.Second
)

// noCluster are claims that no fault of a cluster breaks.
var noCluster = []catalog.ID{"config-view/minify"}

// throughout are claims that hold as long as the API server and the controllers
// do, and withoutControllers those that hold as long as the API server does.
var (
	throughout         = []catalog.ID{"config-view/minify", "kubectl/first-access"}
	withoutControllers = []catalog.ID{"config-view/minify", "kubectl-proxy/api-root"}
)

var controlPlaneFaults = []Fault{
	serverFault("apiserver-down", catalog.HopDial, "kill -KILL $(pidof "+apiServerPod+")\n"),
	// The kernel still accepts connections for a process that does not run.
	serverFault("apiserver-paused", catalog.HopTLS, "kill -STOP $(pidof "+apiServerPod+")\n"),
	{
		Name: "controller-manager-down", Hop: catalog.HopController, Scope: Cluster, Needs: []Need{Nodes}, Spares: withoutControllers,
		Inject: func(ctx context.Context, s *Site) error {
			return removeManifest(ctx, s, "controller-manager-down", controllerManagerPod)
		},
		Took: declared, Heal: healManifests("controller-manager-down"), Healed: healthy,
	},
	{
		Name: "signing-key-missing", Hop: catalog.HopController, Scope: Cluster, Needs: []Need{Nodes}, Spares: throughout,
		Inject: func(ctx context.Context, s *Site) error {
			err := changeManifest(ctx, s, "signing-key-missing", controllerManagerPod, setFlag(signingKeyFlag, ""))
			return errors.Join(err, settle(ctx, s))
		},
		Heal: healManifests("signing-key-missing"), Healed: healthy,
	},
	{
		Name: "signing-key-wrong", Hop: catalog.HopAuthn, Scope: Cluster, Needs: []Need{Nodes}, Spares: throughout,
		Inject: func(ctx context.Context, s *Site) error {
			const fault = "signing-key-wrong"
			private, _, err := otherKey(ctx, s, fault)
			if err == nil {
				err = changeManifest(ctx, s, fault, controllerManagerPod, setFlag(signingKeyFlag, private))
			}
			if err != nil {
				return err
			}
			return settle(ctx, s)
		},
		Heal: healManifests("signing-key-wrong"), Healed: healthy,
	},
	{
		Name: "service-account-key-other", Hop: catalog.HopAuthn, Scope: Cluster, Needs: []Need{Nodes}, Spares: throughout,
		Inject: refuseServiceAccounts, TakeTime: 2 * time.Minute,
		Heal: func(ctx context.Context, s *Site) error {
			if err := healManifests(keyOther)(ctx, s); err != nil {
				return err
			}
			return unbind(ctx, s, keyOther)
		},
		Healed: healthy,
	},
	{
		Name: "root-ca-publisher-stopped", Hop: catalog.HopController, Scope: Cluster, Spares: throughout,
		Inject: func(ctx context.Context, s *Site) error { return publisherMay(ctx, s, "create") },
		Took:   func(ctx context.Context, s *Site) error { return publisherUpdates(ctx, s, false) },
		Heal:   func(ctx context.Context, s *Site) error { return publisherMay(ctx, s, "create", "update") },
		Healed: func(ctx context.Context, s *Site) error { return publisherUpdates(ctx, s, true) },
	},
	{
		Name: "kubernetes-service-without-endpoints", Hop: catalog.HopService, Scope: Cluster, Needs: []Need{Nodes}, Spares: throughout,
		Inject: removeAPIEndpoints, Took: rulesGone, TakeTime: 2 * time.Minute,
		Heal: healManifests("kubernetes-service-without-endpoints"), Healed: rulesThere,
	},
}

// serverFault returns a fault that does something to the API servers so that the
// way to them breaks at the hop. The kubelets of the control planes are stopped
// meanwhile: they would start the API server again, and would make the leaders,
// which end when they cannot renew their leases, wait longer each time.
func serverFault(name string, hop catalog.Hop, script string) Fault {
	return Fault{
		Name: name, Hop: hop, Scope: Cluster, Needs: []Need{Nodes}, Way: true, Spares: noCluster,
		Inject: func(ctx context.Context, s *Site) error {
			if err := goDirectly(ctx, s); err != nil {
				return err
			}
			return onEach(ctx, s, controlPlanes(s), "systemctl stop kubelet\n"+script)
		},
		Took: stopsAt(hop),
		Heal: func(ctx context.Context, s *Site) error {
			resume := fmt.Sprintf("for p in $(pidof %s); do kill -CONT $p; done\n", apiServerPod)
			if err := onEach(ctx, s, controlPlanes(s), resume); err != nil {
				return err
			}
			return revive(ctx, s)
		},
		Healed: healthy,
	}
}

// goDirectly has the run go to the API server's own address. A container
// engine's proxy, which forwards a port of this machine to it, takes every
// connection, so that an API server that is down would look like a broken TLS
// handshake.
func goDirectly(ctx context.Context, s *Site) error {
	host, err := internalAddress(ctx, s, s.ControlPlane())
	if err != nil {
		return err
	}
	address := net.JoinHostPort(host, strconv.Itoa(securePort))
	conn, err := (&net.Dialer{Timeout: dialTime}).DialContext(ctx, "tcp", address)
	if err != nil {
		return fmt.Errorf("looking for a way to the API server past the engine's proxy: %w", err)
	}
	_ = conn.Close()
	direct := func(_ context.Context, _ *Site, k access.Kubeconfig) (access.Kubeconfig, error) {
		return k.WithServer("https://" + address), nil
	}
	if err := edited(direct)(ctx, s); err != nil {
		return err
	}
	// A proxy of the environment need not know the way.
	for _, name := range []string{"NO_PROXY", "no_proxy"} {
		s.Env = append(s.Env, name+"="+strings.TrimPrefix(os.Getenv(name)+","+host, ","))
	}
	return nil
}

// healManifests puts back what the fault kept and revives the control plane.
func healManifests(fault string) func(context.Context, *Site) error {
	return func(ctx context.Context, s *Site) error {
		if err := restoreManifests(ctx, s, fault); err != nil {
			return err
		}
		return revive(ctx, s)
	}
}

// otherKey makes a key pair in the folder of keys, which the control plane's
// pods see, and returns the paths of its halves. Healing removes them.
func otherKey(ctx context.Context, s *Site, fault string) (private, public string, err error) {
	private = pkiDir + "/" + keptPrefix + fault + ".key"
	public = pkiDir + "/" + keptPrefix + fault + ".pub"
	return private, public, onEach(ctx, s, controlPlanes(s), fmt.Sprintf(`umask 077
openssl genrsa -out %[1]s 2048 2>/dev/null
openssl rsa -in %[1]s -pubout -out %[2]s 2>/dev/null
`, private, public))
}

const keyOther = "service-account-key-other"

// refuseServiceAccounts restarts the API server with a key that verifies none of
// the tokens that it or a controller signs. The controllers, which have such
// tokens themselves, go on with the certificate of the controller manager, to
// which their rights are lent.
func refuseServiceAccounts(ctx context.Context, s *Site) error {
	_, public, err := otherKey(ctx, s, keyOther)
	if err != nil {
		return err
	}
	lent := rbacv1.Subject{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: "system:" + controllerManagerPod}
	if err := bind(ctx, s, keyOther, "cluster-admin", lent); err != nil {
		return err
	}
	if err := changeManifest(ctx, s, keyOther, controllerManagerPod, setFlag(ownCredentialsFlag, "false")); err != nil {
		return err
	}
	if err := changeManifest(ctx, s, keyOther, apiServerPod, setFlag(verifyingKeyFlag, public)); err != nil {
		return err
	}
	return settle(ctx, s)
}

const publisherRole = "system:controller:root-ca-cert-publisher"

// publisherMay gives the controller that publishes kube-root-ca.crt exactly these
// rights to ConfigMaps. One that may not update them still publishes in new
// namespaces, and puts nothing right that was changed.
func publisherMay(ctx context.Context, s *Site, verbs ...string) error {
	roles := s.Client.RbacV1().ClusterRoles()
	role, err := roles.Get(ctx, publisherRole, metav1.GetOptions{})
	if err != nil {
		return fmt.Errorf("reading cluster role %q: %w", publisherRole, err)
	}
	i := slices.IndexFunc(role.Rules, func(r rbacv1.PolicyRule) bool { return slices.Contains(r.Resources, "configmaps") })
	if i < 0 {
		return fmt.Errorf("reading cluster role %q: it has no rule for configmaps", publisherRole)
	}
	if slices.Equal(role.Rules[i].Verbs, verbs) {
		return nil
	}
	role.Rules[i].Verbs = verbs
	if _, err := roles.Update(ctx, role, metav1.UpdateOptions{}); err != nil {
		return fmt.Errorf("changing cluster role %q: %w", publisherRole, err)
	}
	return nil
}

// publisherUpdates returns nil if the publisher may update ConfigMaps, or may not.
func publisherUpdates(ctx context.Context, s *Site, want bool) error {
	who := rbacv1.Subject{Kind: rbacv1.UserKind, Name: "system:serviceaccount:kube-system:root-ca-cert-publisher"}
	return mayDo(ctx, s, who, want, authorizationv1.SubjectAccessReviewSpec{
		ResourceAttributes: &authorizationv1.ResourceAttributes{Verb: "update", Resource: "configmaps"},
	})
}

// removeAPIEndpoints restarts the API server as one that does not look after its
// own endpoints, and removes them.
func removeAPIEndpoints(ctx context.Context, s *Site) error {
	const fault, name = "kubernetes-service-without-endpoints", "kubernetes"
	if err := changeManifest(ctx, s, fault, apiServerPod, setFlag(reconcilerFlag, "none")); err != nil {
		return err
	}
	if err := settle(ctx, s); err != nil {
		return err
	}
	err := s.Client.DiscoveryV1().EndpointSlices(metav1.NamespaceDefault).DeleteCollection(ctx, metav1.DeleteOptions{}, metav1.ListOptions{LabelSelector: "kubernetes.io/service-name=" + name})
	if err != nil {
		return fmt.Errorf("deleting the endpoint slices of %q: %w", name, err)
	}
	// An API server that heals reads its own Endpoints first.
	err = s.Client.CoreV1().Endpoints(metav1.NamespaceDefault).Delete(ctx, name, metav1.DeleteOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("deleting the endpoints of %q: %w", name, err)
	}
	return nil
}

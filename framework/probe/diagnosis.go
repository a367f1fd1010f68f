package probe

import (
	"net"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/inroads-k8s/inroads/framework/catalog"
)

// Code is the stable name of a diagnosis: A, the hop and a number. A code is
// never used for anything else, nor used again after it has been given up.
type Code = catalog.Code

// The codes, in the order of the hops.
const (
	ToolDeviates      Code = "A-TOOL-01"
	ToolFailed        Code = "A-TOOL-02"
	ConfigMissing     Code = "A-CONFIG-01"
	ConfigUnreadable  Code = "A-CONFIG-02"
	ConfigMalformed   Code = "A-CONFIG-03"
	ConfigEmpty       Code = "A-CONFIG-04"
	ConfigNoContext   Code = "A-CONFIG-05"
	ConfigNoCluster   Code = "A-CONFIG-06"
	ConfigNoServer    Code = "A-CONFIG-07"
	ConfigNoUser      Code = "A-CONFIG-08"
	ConfigCredential  Code = "A-CONFIG-09"
	ConfigNoPlugin    Code = "A-CONFIG-10"
	ConfigPlugin      Code = "A-CONFIG-11"
	ConfigAuthority   Code = "A-CONFIG-12"
	ConfigInvalid     Code = "A-CONFIG-13"
	ConfigElsewhere   Code = "A-CONFIG-14"
	ProxyDown         Code = "A-PROXY-01"
	ProxyFiltered     Code = "A-PROXY-02"
	ProxyUpstream     Code = "A-PROXY-03"
	ProxyOpen         Code = "A-PROXY-04"
	ProxyDeviates     Code = "A-PROXY-05"
	ControllerIdle    Code = "A-CONTROLLER-01"
	ControllerPending Code = "A-CONTROLLER-02"
	MountMissing      Code = "A-MOUNT-01"
	MountWrong        Code = "A-MOUNT-02"
	ResolveNoHost     Code = "A-RESOLVE-01"
	ResolveFailed     Code = "A-RESOLVE-02"
	ResolveElsewhere  Code = "A-RESOLVE-03"
	DialRefused       Code = "A-DIAL-01"
	DialTimeout       Code = "A-DIAL-02"
	DialUnreachable   Code = "A-DIAL-03"
	DialProxyAuth     Code = "A-DIAL-04"
	DialProxyRefused  Code = "A-DIAL-05"
	DialProxyDown     Code = "A-DIAL-06"
	DialOpen          Code = "A-DIAL-07"
	TLSNotTLS         Code = "A-TLS-01"
	TLSAuthority      Code = "A-TLS-02"
	TLSName           Code = "A-TLS-03"
	TLSValidity       Code = "A-TLS-04"
	TLSClientRejected Code = "A-TLS-05"
	TLSTimeout        Code = "A-TLS-06"
	TLSBroken         Code = "A-TLS-07"
	TLSTrusting       Code = "A-TLS-08"
	AuthnRefused      Code = "A-AUTHN-01"
	AuthnAnonymous    Code = "A-AUTHN-02"
	AuthnExpired      Code = "A-AUTHN-03"
	AuthnLetIn        Code = "A-AUTHN-04"
	AuthnSomebodyElse Code = "A-AUTHN-05"
	AuthzDenied       Code = "A-AUTHZ-01"
	AuthzNotAsked     Code = "A-AUTHZ-02"
	AuthzLetIn        Code = "A-AUTHZ-03"
	AuthzImpersonate  Code = "A-AUTHZ-04"
	APIServerError    Code = "A-API-01"
	APINotKubernetes  Code = "A-API-02"
	APIBroken         Code = "A-API-03"
	APITimeout        Code = "A-API-04"
	APINotReady       Code = "A-API-05"
	APIUnexpected     Code = "A-API-06"
	APIUnavailable    Code = "A-API-07"
	APIDeviates       Code = "A-API-08"
	APIThrottled      Code = "A-API-09"
	ServiceMissing    Code = "A-SERVICE-01"
	ServiceNoPort     Code = "A-SERVICE-02"
	ServiceSilent     Code = "A-SERVICE-03"
	ServiceRefused    Code = "A-SERVICE-04"
	ServiceDeviates   Code = "A-SERVICE-05"
	EndpointNone      Code = "A-ENDPOINT-01"
	NodeUnreachable   Code = "A-NODE-01"
	NodeMissing       Code = "A-NODE-02"
	NodeRefuses       Code = "A-NODE-03"
	BackendDown       Code = "A-BACKEND-01"
	BackendStatus     Code = "A-BACKEND-02"
	BackendDeviates   Code = "A-BACKEND-03"
	BackendNotTLS     Code = "A-BACKEND-04"
	BackendBroken     Code = "A-BACKEND-05"
	BackendTimeout    Code = "A-BACKEND-06"
	WalkStopped       Code = "A-WALK-01"
	WalkInside        Code = "A-WALK-02"
)

// Diagnosis is what is known about a code.
type Diagnosis struct {
	Code Code `json:"code"`
	// Hop is the hop that breaks, or "" if it may be any.
	Hop     catalog.Hop     `json:"hop,omitempty"`
	Outcome catalog.Outcome `json:"outcome,omitempty"`
	// Title says in a few words what is wrong.
	Title string `json:"title"`
	// Hint is what to type next; {target} and {host} stand for the step's
	// target and for its host alone.
	Hint string `json:"hint"`
	// Doc is the address of the page to read.
	Doc string `json:"doc"`
}

const (
	docKubeconfig = "https://kubernetes.io/docs/concepts/configuration/organize-cluster-access-kubeconfig/"
	docAccess     = "https://kubernetes.io/docs/tasks/access-application-cluster/access-cluster/"
	docAuthn      = "https://kubernetes.io/docs/reference/access-authn-authz/authentication/"
	docPlugins    = docAuthn + "#client-go-credential-plugins"
	docAuthz      = "https://kubernetes.io/docs/reference/access-authn-authz/authorization/"
	docRBAC       = "https://kubernetes.io/docs/reference/access-authn-authz/rbac/"
	docControl    = "https://kubernetes.io/docs/concepts/security/controlling-access/"
	docCerts      = "https://kubernetes.io/docs/tasks/administer-cluster/kubeadm/kubeadm-certs/"
	docDebug      = "https://kubernetes.io/docs/tasks/debug/debug-cluster/"
	docHealth     = "https://kubernetes.io/docs/reference/using-api/health-checks/"
	docTrouble    = "https://kubernetes.io/docs/tasks/debug/debug-cluster/troubleshoot-kubectl/"
	docProxy      = docKubeconfig + "#proxy"
	docPriority   = "https://kubernetes.io/docs/concepts/cluster-administration/flow-control/"
	docKubectl    = "https://kubernetes.io/docs/reference/kubectl/generated/"
	docLocalProxy = docKubectl + "kubectl_proxy/"
	docSA         = "https://kubernetes.io/docs/tasks/configure-pod-container/configure-service-account/"
	docFromPod    = "https://kubernetes.io/docs/tasks/run-application/access-api-from-pod/"
	docServices   = "https://kubernetes.io/docs/tasks/debug/debug-application/debug-service/"
	docVirtualIPs = "https://kubernetes.io/docs/reference/networking/virtual-ips/"
	docDNS        = "https://kubernetes.io/docs/tasks/administer-cluster/dns-debugging-resolution/"
	docThrough    = "https://kubernetes.io/docs/tasks/access-application-cluster/access-cluster-services/"
	docNodes      = "https://kubernetes.io/docs/concepts/architecture/control-plane-node-communication/"
	docExec       = "https://kubernetes.io/docs/tasks/debug/debug-application/get-shell-running-container/"
	docBalancers  = "https://kubernetes.io/docs/concepts/services-networking/service/#loadbalancer"
	docComponents = "https://kubernetes.io/docs/concepts/overview/components/"
)

// diagnoses is the one table of all codes. Its order is that of the hops.
var diagnoses = []Diagnosis{
	{ToolDeviates, catalog.HopTool, catalog.Failed, "client does not do what its reference says", "run the command that the evidence shows by hand, with the client of another version beside it", docKubectl},
	{ToolFailed, catalog.HopTool, catalog.Failed, "client ends with an error of its own", "run the command that the evidence shows by hand, with -v=8 where it is kubectl", docKubectl},
	{ConfigMissing, catalog.HopConfig, catalog.Failed, "no such kubeconfig", "ls -l {target}; then give --kubeconfig or set KUBECONFIG", docKubeconfig},
	{ConfigUnreadable, catalog.HopConfig, catalog.Failed, "kubeconfig cannot be read", "ls -ld {target}", docKubeconfig},
	{ConfigMalformed, catalog.HopConfig, catalog.Failed, "not a kubeconfig", "kubectl config view --kubeconfig {target}", docKubeconfig},
	{ConfigEmpty, catalog.HopConfig, catalog.Failed, "kubeconfig says nothing", "kubectl config view --kubeconfig {target}", docKubeconfig},
	{ConfigNoContext, catalog.HopConfig, catalog.Failed, "no such context", "kubectl config get-contexts --kubeconfig {target}", docKubeconfig},
	{ConfigNoCluster, catalog.HopConfig, catalog.Failed, "no such cluster", "kubectl config get-clusters --kubeconfig {target}", docKubeconfig},
	{ConfigNoServer, catalog.HopConfig, catalog.Failed, "cluster has no server", "kubectl config set-cluster NAME --server=https://HOST:6443 --kubeconfig {target}", docKubeconfig},
	{ConfigNoUser, catalog.HopConfig, catalog.Failed, "no such user", "kubectl config get-users --kubeconfig {target}", docKubeconfig},
	{ConfigCredential, catalog.HopConfig, catalog.Failed, "credential cannot be used", "kubectl config view --minify --kubeconfig {target}", docAuthn},
	{ConfigNoPlugin, catalog.HopConfig, catalog.Failed, "credential plugin not found", "install it or correct users[].user.exec.command: kubectl config view --minify --kubeconfig {target}", docPlugins},
	{ConfigPlugin, catalog.HopConfig, catalog.Failed, "credential plugin gives no credential", "run the plugin by hand: kubectl config view --minify --kubeconfig {target} -o jsonpath='{.users[0].user.exec}'", docPlugins},
	{ConfigAuthority, catalog.HopConfig, catalog.Failed, "certificate authority cannot be used", "kubectl config view --minify --raw --kubeconfig {target} -o jsonpath='{.clusters[0].cluster}'", docKubeconfig},
	{ConfigInvalid, catalog.HopConfig, catalog.Failed, "kubeconfig contradicts itself", "kubectl config view --minify --kubeconfig {target}", docKubeconfig},
	{ConfigElsewhere, catalog.HopConfig, catalog.Failed, "client goes by another configuration than the one that it is given", "kubectl config view --minify; kubectl get --raw /api -v=6", docKubeconfig},
	{ProxyDown, catalog.HopLocalProxy, catalog.Refused, "kubectl proxy does not serve", "kubectl proxy --port=0, and look at what it prints", docLocalProxy},
	{ProxyFiltered, catalog.HopLocalProxy, catalog.Forbidden, "kubectl proxy's own filter rejects the request", "compare the request with --accept-hosts, --accept-paths, --reject-paths and --reject-methods of kubectl proxy", docLocalProxy},
	{ProxyUpstream, catalog.HopLocalProxy, catalog.ServerError, "kubectl proxy does not get through to the API server", "kubectl get --raw /api -v=6, with the kubeconfig of the proxy; its standard error says what broke", docLocalProxy},
	{ProxyOpen, catalog.HopLocalProxy, catalog.Reached, "kubectl proxy lets in whom it should keep out", "ss -ltnp; look at --address and --accept-hosts of kubectl proxy", docLocalProxy},
	{ProxyDeviates, catalog.HopLocalProxy, catalog.Failed, "kubectl proxy does not do what its reference says", "run it by hand with -v=6, with one of another version beside it", docLocalProxy},
	{ControllerIdle, catalog.HopController, catalog.TimedOut, "controller does not do its part", "kubectl --namespace kube-system get pods --selector component=kube-controller-manager; kubectl --namespace kube-system logs --selector component=kube-controller-manager", docComponents},
	{ControllerPending, catalog.HopController, catalog.TimedOut, "nobody gives the Service a load balancer", "kubectl describe service; look for the controller of the provider of load balancers, and whether it has an address left", docBalancers},
	{MountMissing, catalog.HopMount, catalog.Failed, "pod has no service account volume", "kubectl get pod,serviceaccount -o yaml; look for automountServiceAccountToken and for volumes[].projected", docSA},
	{MountWrong, catalog.HopMount, catalog.Failed, "service account volume holds something else than it should", "kubectl get pod -o yaml; look at volumes[].projected, and for admission policies and webhooks that change it", docSA},
	{ResolveNoHost, catalog.HopResolve, catalog.Unresolved, "no such host", "getent hosts {host}", docAccess},
	{ResolveFailed, catalog.HopResolve, catalog.Unresolved, "name server gives no answer", "cat /etc/resolv.conf; getent hosts {host}", docAccess},
	{ResolveElsewhere, catalog.HopResolve, catalog.Failed, "name has another address than it should", "getent hosts {host}; in a pod: cat /etc/resolv.conf; kubectl --namespace kube-system get configmap coredns -o yaml", docDNS},
	{DialRefused, catalog.HopDial, catalog.Refused, "nothing accepts connections", "curl -k https://{target}/livez; is the API server running, and is this its port?", docTrouble},
	{DialTimeout, catalog.HopDial, catalog.TimedOut, "no answer", "ip route get {host}; look for a firewall, a VPN that is down or a cluster that is gone", docTrouble},
	{DialUnreachable, catalog.HopDial, catalog.Refused, "no way to the address", "ip route get {host}", docTrouble},
	{DialProxyAuth, catalog.HopDial, catalog.Refused, "proxy wants authentication", "put user and password into HTTPS_PROXY or proxy-url, or the server into NO_PROXY", docProxy},
	{DialProxyRefused, catalog.HopDial, catalog.Refused, "proxy refuses the tunnel", "env | grep -i proxy; put the server into NO_PROXY or ask for the proxy to allow it", docProxy},
	{DialProxyDown, catalog.HopDial, catalog.Refused, "proxy cannot be reached", "env | grep -i proxy; kubectl config view --minify -o jsonpath='{.clusters[0].cluster.proxy-url}'", docProxy},
	{DialOpen, catalog.HopDial, catalog.Reached, "something answers where nothing should listen", "ss --listening --tcp --numeric; look for what binds to a wider address than 127.0.0.1, and for relays and port forwards", docTrouble},
	{TLSNotTLS, catalog.HopTLS, catalog.NotTLS, "one side does not speak TLS", "curl -v http://{target}/version; compare the scheme and the port of clusters[].cluster.server", docTrouble},
	{TLSAuthority, catalog.HopTLS, catalog.Untrusted, "unknown authority", "compare certificate-authority-data: openssl s_client -connect {target} -showcerts </dev/null", docTrouble},
	{TLSName, catalog.HopTLS, catalog.Untrusted, "certificate is for another name", "use a name of the certificate in clusters[].cluster.server or tls-server-name: openssl s_client -connect {target} </dev/null | openssl x509 -noout -ext subjectAltName", docTrouble},
	{TLSValidity, catalog.HopTLS, catalog.Untrusted, "certificate is expired or not yet valid", "date -u; openssl s_client -connect {target} </dev/null | openssl x509 -noout -dates; then kubeadm certs check-expiration on the control plane", docCerts},
	{TLSClientRejected, catalog.HopTLS, catalog.Unauthorized, "server rejects the client certificate", "kubectl config view --minify --raw -o jsonpath='{.users[0].user.client-certificate-data}' | base64 -d | openssl x509 -noout -issuer -dates", docAuthn},
	{TLSTimeout, catalog.HopTLS, catalog.TimedOut, "no answer to the TLS handshake", "openssl s_client -connect {target} </dev/null; something accepts the connection and says nothing", docTrouble},
	{TLSBroken, catalog.HopTLS, catalog.Refused, "TLS handshake broke off", "openssl s_client -connect {target} </dev/null", docTrouble},
	{TLSTrusting, catalog.HopTLS, catalog.Reached, "client trusts a server that it should not", "run the command that the evidence shows by hand; look for a configuration that turns verification off", docAccess},
	{AuthnRefused, catalog.HopAuthn, catalog.Unauthorized, "credential not accepted", "kubectl auth whoami; get a new credential for this cluster", docAuthn},
	{AuthnAnonymous, catalog.HopAuthn, catalog.Forbidden, "caller is anonymous", "kubectl config view --minify; the user has no credential, or the server did not take it", docAuthn + "#anonymous-requests"},
	{AuthnExpired, catalog.HopAuthn, catalog.Unauthorized, "credential has expired", "date -u; get a new token or client certificate for this cluster", docAuthn},
	{AuthnLetIn, catalog.HopAuthn, catalog.Reached, "credential gets in that should not", "look at the authenticators that kube-apiserver is started with; 'kubectl auth whoami' tells whom a credential names", docAuthn},
	{AuthnSomebodyElse, catalog.HopAuthn, catalog.Reached, "caller is taken for somebody else", "kubectl auth whoami; compare the user with the credential's", docAuthn},
	{AuthzDenied, catalog.HopAuthz, catalog.Forbidden, "caller may not do it", "kubectl auth can-i --list", docRBAC},
	{AuthzNotAsked, catalog.HopAuthz, catalog.Forbidden, "caller may not ask what it may do", "kubectl get clusterrolebinding system:basic-user -o yaml", docAuthz},
	{AuthzLetIn, catalog.HopAuthz, catalog.Reached, "caller may do what should be refused", "kubectl get clusterrolebindings,rolebindings --all-namespaces -o wide; look for system:anonymous, system:unauthenticated and wide groups", docRBAC},
	{AuthzImpersonate, catalog.HopAuthz, catalog.Forbidden, "caller may not impersonate whom it asks to be", "kubectl auth can-i impersonate users --context NAME, without --as; compare as and as-groups: kubectl config view --minify", docAuthn + "#user-impersonation"},
	{APIServerError, catalog.HopAPI, catalog.ServerError, "server error", "kubectl get --raw='/readyz?verbose'", docHealth},
	{APINotKubernetes, catalog.HopAPI, catalog.Failed, "not a Kubernetes API", "curl -k {target}/version; compare host and port of clusters[].cluster.server", docTrouble},
	{APIBroken, catalog.HopAPI, catalog.Refused, "answer broke off", "kubectl get --raw=/version -v=8; look for a load balancer that cuts connections and for restarts of the API server", docDebug},
	{APITimeout, catalog.HopAPI, catalog.TimedOut, "no answer to the request", "kubectl get --raw='/readyz?verbose' --request-timeout=30s", docDebug},
	{APINotReady, catalog.HopAPI, catalog.Unavailable, "API server is not ready", "kubectl get --raw='/readyz?verbose'", docHealth},
	{APIUnexpected, catalog.HopAPI, catalog.BadRequest, "unexpected answer", "kubectl get --raw=/version -v=8", docPriority},
	{APIUnavailable, catalog.HopAPI, catalog.Unavailable, "service unavailable", "kubectl get --raw='/readyz?verbose'", docHealth},
	{APIThrottled, catalog.HopAPI, catalog.BadRequest, "API server has the caller come back later", "ask again after that time; kubectl get flowschemas,prioritylevelconfigurations, and compare with the uid in kubectl get --raw=/version -v=8", docPriority},
	{APIDeviates, catalog.HopAPI, catalog.Failed, "API answers something else than documented", "kubectl get --raw /api -v=8, and compare with the evidence", docControl},
	{ServiceMissing, catalog.HopService, catalog.NotFound, "no such object", "kubectl get services,pods --all-namespaces", docServices},
	{ServiceNoPort, catalog.HopService, catalog.Unavailable, "Service has no such port", "kubectl get services --all-namespaces -o wide; compare spec.ports with the port that was asked for", docServices},
	{ServiceSilent, catalog.HopService, catalog.TimedOut, "address of the Service does not lead to it", "kubectl --namespace kube-system get pods --selector k8s-app=kube-proxy -o wide; then look at the rules for the address on the pod's node", docServices},
	{ServiceRefused, catalog.HopService, catalog.Refused, "nothing accepts connections at the address of the Service", "kubectl get service,endpointslices; a Service without endpoints refuses; for the API compare env | grep KUBERNETES_ in the pod with kubectl get service kubernetes", docFromPod},
	{ServiceDeviates, catalog.HopService, catalog.Reached, "address of the Service leads elsewhere than it should", "kubectl get service -o yaml; look at sessionAffinity and at the label service.kubernetes.io/service-proxy-name, then for a service mesh or another proxy in the place of kube-proxy", docVirtualIPs},
	{EndpointNone, catalog.HopEndpoint, catalog.Unavailable, "no ready endpoint", "kubectl get endpointslices --all-namespaces; compare the Service's selector with the pods' labels and their readiness", docServices},
	{NodeUnreachable, catalog.HopNode, catalog.Unavailable, "kubelet does not answer the API server", "kubectl get nodes -o wide; then systemctl status kubelet on the node, and the way from the API server to its port 10250", docNodes},
	{NodeMissing, catalog.HopNode, catalog.NotFound, "no such node", "kubectl get nodes", docNodes},
	{NodeRefuses, catalog.HopNode, catalog.Forbidden, "kubelet refuses the API server", "kubectl get clusterrolebindings -o wide | grep kubelet; compare --kubelet-client-certificate of kube-apiserver with the kubelet's client authority", docNodes},
	{BackendDown, catalog.HopBackend, catalog.Unavailable, "backend is not reached", "kubectl get pods,endpointslices --all-namespaces -o wide; compare targetPort with the port that the pod listens on, then look for NetworkPolicies and routes", docThrough},
	{BackendStatus, catalog.HopBackend, catalog.ServerError, "backend itself answers with an error", "kubectl logs of the pod behind the Service", docThrough},
	{BackendDeviates, catalog.HopBackend, catalog.Failed, "backend gives another answer than it should", "compare the request in the evidence with what the pod got: kubectl logs of the pod behind the Service", docThrough},
	{BackendNotTLS, catalog.HopBackend, catalog.NotTLS, "one of API server and backend does not speak TLS", "put https: before the Service's name, or take it away: /services/https:NAME:PORT/proxy/", docThrough},
	{BackendBroken, catalog.HopBackend, catalog.Refused, "backend breaks its answer off", "kubectl logs --previous of the pod behind the Service", docThrough},
	{BackendTimeout, catalog.HopBackend, catalog.TimedOut, "backend does not answer in time", "kubectl logs of the pod behind the Service; ask it from a pod beside it and, where it answers there, look for what drops the API server's packets: NetworkPolicies, firewalls, routes", docThrough},
	{WalkInside, "", catalog.Unknown, "way into the container broke", "kubectl exec into the container by hand, and run sh and curl there; this says nothing about the way from it", docExec},
	{WalkStopped, "", catalog.Unknown, "walk was stopped by its caller", "give it more time and try again", docControl},
}

// All returns every diagnosis in the order of the hops.
func All() []Diagnosis { return slices.Clone(diagnoses) }

// Lookup returns the diagnosis of a code, and whether there is one.
func Lookup(code Code) (Diagnosis, bool) {
	i := slices.IndexFunc(diagnoses, func(d Diagnosis) bool { return d.Code == code })
	if i < 0 {
		return Diagnosis{}, false
	}
	return diagnoses[i], true
}

var plainWord = regexp.MustCompile(`^[A-Za-z0-9_./:@%+,=\[\]-]+$`)

// HintFor returns the hint with the target filled in, quoted for a shell where
// it has to be. A target in several words is no word of a command; TARGET stands
// for it.
func (d Diagnosis) HintFor(target string) string {
	if target == "" || strings.Contains(target, " ") && d.Hop != catalog.HopConfig {
		target = "TARGET"
	}
	host := target
	if u, err := url.Parse(target); err == nil && u.Host != "" {
		host = hostPort(u)
		if slices.Contains(hopsOfAddresses, d.Hop) {
			target = host
		}
	}
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	return strings.NewReplacer("{target}", shellWord(target), "{host}", shellWord(host)).Replace(d.Hint)
}

// hopsOfAddresses are the hops whose hints take a host and a port, not a URL.
var hopsOfAddresses = []catalog.Hop{catalog.HopResolve, catalog.HopDial, catalog.HopTLS}

func shellWord(s string) string {
	if plainWord.MatchString(s) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

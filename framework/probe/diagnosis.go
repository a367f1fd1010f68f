package probe

import (
	"cmp"
	"net"
	"regexp"
	"slices"
	"strings"

	"github.com/inroads-k8s/inroads/framework/catalog"
)

// Code is the stable name of a diagnosis: A, the hop and a number. A code is
// never used for anything else, nor used again after it has been given up.
type Code string

// The codes, in the order of the hops.
const (
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
	ResolveNoHost     Code = "A-RESOLVE-01"
	ResolveFailed     Code = "A-RESOLVE-02"
	DialRefused       Code = "A-DIAL-01"
	DialTimeout       Code = "A-DIAL-02"
	DialUnreachable   Code = "A-DIAL-03"
	DialProxyAuth     Code = "A-DIAL-04"
	DialProxyRefused  Code = "A-DIAL-05"
	DialProxyDown     Code = "A-DIAL-06"
	TLSNotTLS         Code = "A-TLS-01"
	TLSAuthority      Code = "A-TLS-02"
	TLSName           Code = "A-TLS-03"
	TLSValidity       Code = "A-TLS-04"
	TLSClientRejected Code = "A-TLS-05"
	TLSTimeout        Code = "A-TLS-06"
	TLSBroken         Code = "A-TLS-07"
	AuthnRefused      Code = "A-AUTHN-01"
	AuthnAnonymous    Code = "A-AUTHN-02"
	AuthnExpired      Code = "A-AUTHN-03"
	AuthzDenied       Code = "A-AUTHZ-01"
	AuthzNotAsked     Code = "A-AUTHZ-02"
	APIServerError    Code = "A-API-01"
	APINotKubernetes  Code = "A-API-02"
	APIBroken         Code = "A-API-03"
	APITimeout        Code = "A-API-04"
	APINotReady       Code = "A-API-05"
	APIUnexpected     Code = "A-API-06"
	APIUnavailable    Code = "A-API-07"
	WalkStopped       Code = "A-WALK-01"
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
)

// diagnoses is the one table of all codes. Its order is that of the hops.
var diagnoses = []Diagnosis{
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
	{ResolveNoHost, catalog.HopResolve, catalog.Unresolved, "no such host", "getent hosts {host}", docAccess},
	{ResolveFailed, catalog.HopResolve, catalog.Unresolved, "name server gives no answer", "cat /etc/resolv.conf; getent hosts {host}", docAccess},
	{DialRefused, catalog.HopDial, catalog.Refused, "nothing accepts connections", "curl -k https://{target}/livez; is the API server running, and is this its port?", docTrouble},
	{DialTimeout, catalog.HopDial, catalog.TimedOut, "no answer", "ip route get {host}; look for a firewall, a VPN that is down or a cluster that is gone", docTrouble},
	{DialUnreachable, catalog.HopDial, catalog.Refused, "no way to the address", "ip route get {host}", docTrouble},
	{DialProxyAuth, catalog.HopDial, catalog.Refused, "proxy wants authentication", "put user and password into HTTPS_PROXY or proxy-url, or the server into NO_PROXY", docProxy},
	{DialProxyRefused, catalog.HopDial, catalog.Refused, "proxy refuses the tunnel", "env | grep -i proxy; put the server into NO_PROXY or ask for the proxy to allow it", docProxy},
	{DialProxyDown, catalog.HopDial, catalog.Refused, "proxy cannot be reached", "env | grep -i proxy; kubectl config view --minify -o jsonpath='{.clusters[0].cluster.proxy-url}'", docProxy},
	{TLSNotTLS, catalog.HopTLS, catalog.NotTLS, "one side does not speak TLS", "curl -v http://{target}/version; compare the scheme and the port of clusters[].cluster.server", docTrouble},
	{TLSAuthority, catalog.HopTLS, catalog.Untrusted, "unknown authority", "compare certificate-authority-data: openssl s_client -connect {target} -showcerts </dev/null", docTrouble},
	{TLSName, catalog.HopTLS, catalog.Untrusted, "certificate is for another name", "use a name of the certificate in clusters[].cluster.server or tls-server-name: openssl s_client -connect {target} </dev/null | openssl x509 -noout -ext subjectAltName", docTrouble},
	{TLSValidity, catalog.HopTLS, catalog.Untrusted, "certificate is expired or not yet valid", "date -u; openssl s_client -connect {target} </dev/null | openssl x509 -noout -dates; then kubeadm certs check-expiration on the control plane", docCerts},
	{TLSClientRejected, catalog.HopTLS, catalog.Unauthorized, "server rejects the client certificate", "kubectl config view --minify --raw -o jsonpath='{.users[0].user.client-certificate-data}' | base64 -d | openssl x509 -noout -issuer -dates", docAuthn},
	{TLSTimeout, catalog.HopTLS, catalog.TimedOut, "no answer to the TLS handshake", "openssl s_client -connect {target} </dev/null; something accepts the connection and says nothing", docTrouble},
	{TLSBroken, catalog.HopTLS, catalog.Refused, "TLS handshake broke off", "openssl s_client -connect {target} </dev/null", docTrouble},
	{AuthnRefused, catalog.HopAuthn, catalog.Unauthorized, "credential not accepted", "kubectl auth whoami; get a new credential for this cluster", docAuthn},
	{AuthnAnonymous, catalog.HopAuthn, catalog.Forbidden, "caller is anonymous", "kubectl config view --minify; the user has no credential, or the server did not take it", docAuthn + "#anonymous-requests"},
	{AuthnExpired, catalog.HopAuthn, catalog.Unauthorized, "credential has expired", "date -u; get a new token or client certificate for this cluster", docAuthn},
	{AuthzDenied, catalog.HopAuthz, catalog.Forbidden, "caller may not do it", "kubectl auth can-i --list", docRBAC},
	{AuthzNotAsked, catalog.HopAuthz, catalog.Forbidden, "caller may not ask what it may do", "kubectl get clusterrolebinding system:basic-user -o yaml", docAuthz},
	{APIServerError, catalog.HopAPI, catalog.ServerError, "server error", "kubectl get --raw='/readyz?verbose'", docHealth},
	{APINotKubernetes, catalog.HopAPI, catalog.Failed, "not a Kubernetes API", "curl -k {target}/version; compare host and port of clusters[].cluster.server", docTrouble},
	{APIBroken, catalog.HopAPI, catalog.Refused, "answer broke off", "kubectl get --raw=/version -v=8; look for a load balancer that cuts connections and for restarts of the API server", docDebug},
	{APITimeout, catalog.HopAPI, catalog.TimedOut, "no answer to the request", "kubectl get --raw='/readyz?verbose' --request-timeout=30s", docDebug},
	{APINotReady, catalog.HopAPI, catalog.Unavailable, "API server is not ready", "kubectl get --raw='/readyz?verbose'", docHealth},
	{APIUnexpected, catalog.HopAPI, catalog.BadRequest, "unexpected answer", "kubectl get --raw=/version -v=8", docPriority},
	{APIUnavailable, catalog.HopAPI, catalog.Unavailable, "service unavailable", "kubectl get --raw='/readyz?verbose'", docHealth},
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
// it has to be.
func (d Diagnosis) HintFor(target string) string {
	target = cmp.Or(target, "TARGET")
	host := target
	if h, _, err := net.SplitHostPort(target); err == nil {
		host = h
	}
	return strings.NewReplacer("{target}", shellWord(target), "{host}", shellWord(host)).Replace(d.Hint)
}

func shellWord(s string) string {
	if plainWord.MatchString(s) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

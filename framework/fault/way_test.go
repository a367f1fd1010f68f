package fault

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/framework/cluster"
	"github.com/inroads-k8s/inroads/framework/probe"
)

const goodUser = "admin-of-the-tests"

// apiServer is as much of an API server as a walk asks: it knows who shows a
// certificate of its authority, for "kubernetes" and 127.0.0.1.
func apiServer(t *testing.T) (url string, own authority) {
	t.Helper()
	own, err := newAuthority()
	if err != nil {
		t.Fatal(err)
	}
	clients := x509.NewCertPool()
	clients.AddCert(own.certificate)
	mux := http.NewServeMux()
	mux.HandleFunc("POST /apis/authentication.k8s.io/v1/selfsubjectreviews", func(w http.ResponseWriter, r *http.Request) {
		if !known(r, clients) {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		review := authenticationv1.SelfSubjectReview{Status: authenticationv1.SelfSubjectReviewStatus{UserInfo: authenticationv1.UserInfo{Username: goodUser}}}
		review.Kind = "SelfSubjectReview"
		w.WriteHeader(http.StatusCreated)
		_ = json.NewEncoder(w).Encode(review)
	})
	mux.HandleFunc("GET /version", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"gitVersion":"v1.37.2"}`)
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok") })
	mux.HandleFunc("GET /", func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.URL.RequestURI()) })
	server := httptest.NewUnstartedServer(mux)
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.TLS = &tls.Config{Certificates: []tls.Certificate{serverPair(t, own)}, ClientAuth: tls.RequestClientCert}
	server.StartTLS()
	t.Cleanup(server.Close)
	return server.URL, own
}

func known(r *http.Request, clients *x509.CertPool) bool {
	if len(r.TLS.PeerCertificates) == 0 {
		return false
	}
	_, err := r.TLS.PeerCertificates[0].Verify(x509.VerifyOptions{Roots: clients, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	return err == nil
}

// testSite is the site of an API server of the tests' own.
func testSite(t *testing.T) *Site {
	t.Helper()
	url, own := apiServer(t)
	certificate, key, err := own.issue(subjectOf(goodUser), time.Now().Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	config := clientcmdapi.NewConfig()
	config.Clusters["c"] = &clientcmdapi.Cluster{Server: url, CertificateAuthorityData: own.pem}
	config.AuthInfos["u"] = &clientcmdapi.AuthInfo{ClientCertificateData: certificate, ClientKeyData: []byte(key.Reveal())}
	config.Contexts["x"] = &clientcmdapi.Context{Cluster: "c", AuthInfo: "u"}
	config.CurrentContext = "x"
	path := filepath.Join(t.TempDir(), "healthy")
	if err := clientcmd.WriteToFile(*config, path); err != nil {
		t.Fatal(err)
	}
	s, err := NewSite(cluster.Ref{Name: "test", Kubeconfig: path, Context: "x"}, t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestClientFaultsBreakTheWayWhereTheySay walks each kubeconfig that needs no
// node of a real cluster.
func TestClientFaultsBreakTheWayWhereTheySay(t *testing.T) {
	for name, code := range map[string]probe.Code{
		"kubeconfig-missing":         probe.ConfigMissing,
		"context-missing":            probe.ConfigNoContext,
		"server-port-dead":           probe.DialRefused,
		"server-black-hole":          probe.DialTimeout,
		"server-name-unknown":        probe.ResolveNoHost,
		"ca-wrong":                   probe.TLSAuthority,
		"server-name-wrong":          probe.TLSName,
		"mitm":                       probe.TLSAuthority,
		"token-garbage":              probe.AuthnRefused,
		"answers-cut":                probe.APIBroken,
		"apiserver-unavailable":      probe.APIUnavailable,
		"client-certificate-foreign": probe.AuthnRefused,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			injected := inject(t, name)
			step, broken := injected.Site.walk(t.Context()).Broken()
			if !broken || step.Hop != injected.Fault.Hop || step.Code != code {
				t.Errorf("the way ends at %s with %s (%v), want %s with %s", step.Hop, step.Code, step.Err, injected.Fault.Hop, code)
			}
			if !injected.Fault.Way {
				t.Error("the fault does not say that it breaks the way")
			}
			healed(t, injected)
		})
	}
}

func TestServerNamedTwiceLeavesTheWayWhole(t *testing.T) {
	injected := inject(t, "server-named-twice")
	k, err := injected.Site.kubeconfig()
	if err != nil {
		t.Fatal(err)
	}
	if name := k.Config().Clusters["c"].TLSServerName; name != secondName {
		t.Errorf("the kubeconfig has the tls-server-name %q", name)
	}
	healed(t, injected)
}

// TestExpiredCertificate is what client-certificate-expired does, with the key
// of the tests' own authority in the place of the node's.
func TestExpiredCertificate(t *testing.T) {
	url, own := apiServer(t)
	s := testSite(t)
	k, err := s.kubeconfig()
	if err != nil {
		t.Fatal(err)
	}
	if k, err = withCertificateOf(k.WithServer(url).WithCA(own.pem), own, time.Now().Add(-expiredFor)); err != nil {
		t.Fatal(err)
	}
	if err := s.hand(k); err != nil {
		t.Fatal(err)
	}
	step, _ := s.walk(t.Context()).Broken()
	if step.Hop != catalog.HopAuthn || step.Code != probe.AuthnExpired {
		t.Errorf("the way ends at %s with %s: %v", step.Hop, step.Code, step.Err)
	}
}

func inject(t *testing.T, name string) *Injected {
	t.Helper()
	f, err := Lookup(name)
	if err != nil {
		t.Fatal(err)
	}
	f.Needs = nil
	injected, err := Start(t.Context(), nil, f, testSite(t))
	if err != nil {
		t.Fatal(err)
	}
	return injected
}

// healed heals, and wants the way whole again.
func healed(t *testing.T, i *Injected) {
	t.Helper()
	if err := i.Heal(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := whole(t.Context(), i.Site); err != nil {
		t.Errorf("after healing: %v", err)
	}
}

// serverPair is what the API server of the tests shows.
func serverPair(t *testing.T, a authority) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		Subject: subjectOf("kube-apiserver"), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		DNSNames: []string{secondName}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func subjectOf(name string) pkix.Name { return pkix.Name{CommonName: name} }

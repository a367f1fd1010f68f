package harness

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"path/filepath"

	"github.com/onsi/ginkgo/v2"
	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/inroads-k8s/inroads/framework/access"
)

// Kubeconfig returns a copy of what the cluster's kubeconfig says about the
// context of the run, to change something in it.
func (e *Env) Kubeconfig() access.Kubeconfig {
	ginkgo.GinkgoHelper()
	k, err := access.LoadKubeconfig(e.Cluster.Kubeconfig, e.Cluster.Context)
	e.Require(err, "reading the cluster's kubeconfig")
	return k
}

// HostWith returns the host with another kubeconfig, which is written to a file
// of the given name in the spec's folder.
func (e *Env) HostWith(name string, k access.Kubeconfig) access.Host {
	ginkgo.GinkgoHelper()
	path := filepath.Join(e.dir, name)
	e.Require(k.Write(path), "writing kubeconfig "+name)
	return e.Host.WithKubeconfig(path)
}

// ClientCertificate returns what the kubeconfig's user authenticates with; see
// catalog.ClientCertificate.
func (e *Env) ClientCertificate() *x509.Certificate {
	ginkgo.GinkgoHelper()
	block, _ := pem.Decode(e.Kubeconfig().ClientCertificate())
	if block == nil {
		e.Inconclusive("the client certificate of the kubeconfig is not in PEM")
	}
	certificate, err := x509.ParseCertificate(block.Bytes)
	e.Require(err, "reading the client certificate of the kubeconfig")
	return certificate
}

// Username returns who the API server says that the kubeconfig's user is.
func (e *Env) Username(ctx context.Context) string {
	ginkgo.GinkgoHelper()
	review, err := e.Client.AuthenticationV1().SelfSubjectReviews().Create(ctx, &authenticationv1.SelfSubjectReview{}, metav1.CreateOptions{})
	e.Require(err, "asking who the kubeconfig's user is")
	return review.Status.UserInfo.Username
}

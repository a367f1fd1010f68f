package fault

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"time"

	"github.com/inroads-k8s/inroads/framework/access"
	"github.com/inroads-k8s/inroads/framework/probe"
)

const (
	// certificateTime is how long a certificate is valid that a fault makes.
	certificateTime = 24 * time.Hour
	// pkiDir is where kubeadm keeps the keys of a cluster, on the control plane.
	pkiDir = "/etc/kubernetes/pki"
)

// authority signs certificates.
type authority struct {
	certificate *x509.Certificate
	key         crypto.Signer
	// pem is the certificate.
	pem []byte
}

// newAuthority makes an authority that nobody trusts.
func newAuthority() (authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return authority{}, fmt.Errorf("making the key of an authority: %w", err)
	}
	template := &x509.Certificate{
		Subject:   pkix.Name{CommonName: "inroads authority of no cluster"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(certificateTime),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return authority{}, fmt.Errorf("making the certificate of an authority: %w", err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		return authority{}, fmt.Errorf("reading the certificate of an authority: %w", err)
	}
	return authority{certificate, key, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})}, nil
}

// authority returns the cluster's own, by which it knows its clients. It is read
// from the control plane and nothing of it is kept.
func (s *Site) authority(ctx context.Context) (authority, error) {
	both, err := s.OnNode(ctx, s.ControlPlane(), "cat "+pkiDir+"/ca.crt "+pkiDir+"/ca.key")
	if err != nil {
		return authority{}, fmt.Errorf("reading the authority of the cluster: %w", err)
	}
	pair, err := tls.X509KeyPair([]byte(both), []byte(both))
	if err != nil {
		return authority{}, fmt.Errorf("reading the authority of the cluster: %w", err)
	}
	key, ok := pair.PrivateKey.(crypto.Signer)
	if !ok {
		return authority{}, fmt.Errorf("reading the authority of the cluster: its key, a %T, does not sign", pair.PrivateKey)
	}
	return authority{pair.Leaf, key, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: pair.Certificate[0]})}, nil
}

// issue returns a client certificate and its key, both in PEM.
func (a authority) issue(subject pkix.Name, until time.Time) ([]byte, probe.Secret, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, "", fmt.Errorf("making a client's key: %w", err)
	}
	template := &x509.Certificate{
		Subject: subject, NotBefore: until.Add(-certificateTime), NotAfter: until,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, key.Public(), a.key)
	if err != nil {
		return nil, "", fmt.Errorf("signing a client's certificate: %w", err)
	}
	raw, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, "", fmt.Errorf("encoding a client's key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		probe.Secret(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw})), nil
}

// withCertificateOf replaces the credential by a client certificate for the same
// subject, if the credential is one, that the authority has signed.
func withCertificateOf(k access.Kubeconfig, a authority, until time.Time) (access.Kubeconfig, error) {
	subject := pkix.Name{CommonName: "inroads"}
	if own := k.ClientCertificate(); own != nil {
		block, _ := pem.Decode(own)
		if block == nil {
			return k, errors.New("reading the client certificate of the kubeconfig: it is not in PEM")
		}
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return k, fmt.Errorf("reading the client certificate of the kubeconfig: %w", err)
		}
		subject = certificate.Subject
	}
	certificate, key, err := a.issue(subject, until)
	if err != nil {
		return k, err
	}
	return k.WithClientCertificate(certificate, key), nil
}

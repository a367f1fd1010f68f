package access

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"time"

	"github.com/inroads-k8s/inroads/framework/probe"
)

// SelfSigned returns a certificate for the subject, the use and the names of hosts
// that no authority has signed, which nobody has reason to trust, and its key, both
// in PEM.
func SelfSigned(subject pkix.Name, use x509.ExtKeyUsage, hosts ...string) (certificate []byte, key probe.Secret, err error) {
	pair, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, "", fmt.Errorf("making a key: %w", err)
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: subject, DNSNames: hosts,
		NotBefore: now.Add(-mitmSkew), NotAfter: now.Add(mitmLifetime),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{use},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, pair.Public(), pair)
	if err != nil {
		return nil, "", fmt.Errorf("signing a certificate with its own key: %w", err)
	}
	raw, err := x509.MarshalPKCS8PrivateKey(pair)
	if err != nil {
		return nil, "", fmt.Errorf("encoding a key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		probe.Secret(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw})), nil
}

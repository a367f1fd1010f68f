package access

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"testing"
	"time"
)

func TestSelfSigned(t *testing.T) {
	const name = "backend"
	cert, key, err := SelfSigned(pkix.Name{CommonName: name}, x509.ExtKeyUsageServerAuth, name)
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.X509KeyPair(cert, []byte(key.Reveal()))
	if err != nil {
		t.Fatal(err)
	}
	if err := pair.Leaf.VerifyHostname(name); err != nil {
		t.Error(err)
	}
	if now := time.Now(); now.Before(pair.Leaf.NotBefore) || now.After(pair.Leaf.NotAfter) {
		t.Errorf("valid from %s to %s, not now", pair.Leaf.NotBefore, pair.Leaf.NotAfter)
	}
}

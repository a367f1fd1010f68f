package services

import (
	"crypto/tls"
	"testing"
	"time"
)

func TestSelfSigned(t *testing.T) {
	cert, key, err := selfSigned(backendName, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	if err := pair.Leaf.VerifyHostname(backendName); err != nil {
		t.Error(err)
	}
	if now := time.Now(); now.Before(pair.Leaf.NotBefore) || now.After(pair.Leaf.NotAfter) {
		t.Errorf("valid from %s to %s, not now", pair.Leaf.NotBefore, pair.Leaf.NotAfter)
	}
}

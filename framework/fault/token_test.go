package fault

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"

	"github.com/inroads-k8s/inroads/framework/probe"
)

func TestAgedTokenIsSignedByTheSameKey(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	encode := base64.RawURLEncoding.EncodeToString
	token := probe.Secret(encode([]byte(`{"alg":"RS256","kid":"k"}`)) + "." + encode([]byte(`{"sub":"s","iat":1000,"nbf":1000,"exp":4600}`)) + ".c2ln")
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for kind, der := range map[string][]byte{"RSA PRIVATE KEY": x509.MarshalPKCS1PrivateKey(key), "PRIVATE KEY": pkcs8} {
		old, err := aged(token, probe.Secret(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})), 500*time.Second)
		if err != nil {
			t.Fatalf("%s: %v", kind, err)
		}
		parts := strings.Split(old.Reveal(), ".")
		payload, _ := base64.RawURLEncoding.DecodeString(parts[1])
		var claims struct {
			Sub           string
			Iat, Nbf, Exp int64
		}
		if err := json.Unmarshal(payload, &claims); err != nil {
			t.Fatal(err)
		}
		if claims.Sub != "s" || claims.Iat != 500 || claims.Nbf != 500 || claims.Exp != 4100 {
			t.Errorf("%s: the claims are %+v", kind, claims)
		}
		signature, _ := base64.RawURLEncoding.DecodeString(parts[2])
		sum := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
		if err := rsa.VerifyPKCS1v15(&key.PublicKey, crypto.SHA256, sum[:], signature); err != nil {
			t.Errorf("%s: %v", kind, err)
		}
	}
}

func TestAgedTellsWhatItCannotUse(t *testing.T) {
	if _, err := aged("a.b.c", "no key", time.Hour); err == nil || strings.Contains(err.Error(), "no key") {
		t.Errorf("a key that is none: %v, want an error without the key", err)
	}
}

func TestAllButLeavesOutWhatIsWithheld(t *testing.T) {
	client := fake.NewClientset()
	client.Resources = []*metav1.APIResourceList{
		{GroupVersion: "v1", APIResources: []metav1.APIResource{{Name: "pods"}, {Name: "pods/proxy"}, {Name: "nodes/proxy"}, {Name: "services/proxy"}, {Name: "pods/exec"}}},
		{GroupVersion: "apps/v1", APIResources: []metav1.APIResource{{Name: "deployments"}, {Name: "deployments/scale"}}},
	}
	rules, err := allBut(client.Discovery(), withheld)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, r := range rules {
		for _, resource := range r.Resources {
			all = append(all, strings.Join(r.APIGroups, ",")+"/"+resource)
		}
	}
	want := []string{"/groups", "/pods", "/pods/exec", "/serviceaccounts", "/users", "apps/deployments", "apps/deployments/scale"}
	if !slices.Equal(all, want) {
		t.Errorf("allBut() = %q, want %q", all, want)
	}
}

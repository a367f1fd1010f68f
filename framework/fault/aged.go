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
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/inroads-k8s/inroads/framework/probe"
)

// The claims of a token that are points in time, in seconds since 1970.
var timeClaims = []string{"exp", "iat", "nbf"}

// aged returns the token as the same key would have signed it so much earlier.
func aged(token, key probe.Secret, by time.Duration) (probe.Secret, error) {
	signer, err := parseRSA(key)
	if err != nil {
		return "", fmt.Errorf("reading the key that signs tokens: %w", err)
	}
	parts := strings.Split(token.Reveal(), ".")
	if len(parts) != 3 {
		return "", errors.New("reading a token: it is no JWT")
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return "", fmt.Errorf("reading the claims of a token: %w", err)
	}
	claims := map[string]any{}
	if err := json.Unmarshal(payload, &claims); err != nil {
		return "", fmt.Errorf("reading the claims of a token: %w", err)
	}
	for _, name := range timeClaims {
		if at, ok := claims[name].(float64); ok {
			claims[name] = int64(at) - int64(by.Seconds())
		}
	}
	if payload, err = json.Marshal(claims); err != nil {
		return "", fmt.Errorf("writing the claims of a token: %w", err)
	}
	signed := parts[0] + "." + base64.RawURLEncoding.EncodeToString(payload)
	sum := sha256.Sum256([]byte(signed))
	signature, err := rsa.SignPKCS1v15(rand.Reader, signer, crypto.SHA256, sum[:])
	if err != nil {
		return "", fmt.Errorf("signing a token: %w", err)
	}
	return probe.Secret(signed + "." + base64.RawURLEncoding.EncodeToString(signature)), nil
}

// parseRSA reads the key that kubeadm makes for tokens, which is of this kind.
func parseRSA(key probe.Secret) (*rsa.PrivateKey, error) {
	block, _ := pem.Decode([]byte(key.Reveal()))
	if block == nil {
		return nil, errors.New("it is not in PEM")
	}
	if block.Type == "RSA PRIVATE KEY" {
		return x509.ParsePKCS1PrivateKey(block.Bytes)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, err
	}
	private, ok := parsed.(*rsa.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("it is a %T, not an RSA key", parsed)
	}
	return private, nil
}

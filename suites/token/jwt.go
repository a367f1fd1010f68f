package token

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/inroads-k8s/inroads/framework/probe"
)

// corrupted returns the token with one character of its signature changed. It is
// one in the middle: bits of the last one may mean nothing.
func corrupted(token probe.Secret) probe.Secret {
	raw := []byte(token.Reveal())
	signature := strings.LastIndexByte(token.Reveal(), '.') + 1
	if signature == len(raw) {
		return token
	}
	i := (signature + len(raw)) / 2
	if raw[i] == 'A' {
		raw[i] = 'B'
	} else {
		raw[i] = 'A'
	}
	return probe.Secret(raw)
}

// subject returns whom a JWT says that it is of. It does not look at the
// signature.
func subject(token probe.Secret) (string, error) {
	parts := strings.Split(token.Reveal(), ".")
	if len(parts) != 3 {
		return "", errors.New("reading a token: it is no JWT of three parts")
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return "", fmt.Errorf("decoding the payload of a token: %w", err)
	}
	var claims struct {
		Subject string `json:"sub"`
	}
	if err := json.Unmarshal(payload, &claims); err != nil {
		return "", fmt.Errorf("decoding the claims of a token: %w", err)
	}
	return claims.Subject, nil
}

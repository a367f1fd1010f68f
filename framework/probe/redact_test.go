package probe_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/inroads-k8s/inroads/framework/probe"
)

func TestRedact(t *testing.T) {
	const (
		jwt  = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJl-_x"
		word = "hunter2-hunter2-hunter2"
		pem  = "-----BEGIN RSA PRIVATE KEY-----\nMIIEabc/def+ghi=\n-----END RSA PRIVATE KEY-----"
		cert = "-----BEGIN CERTIFICATE-----\nMIIBpublic\n-----END CERTIFICATE-----"
	)
	key64 := base64.StdEncoding.EncodeToString([]byte(pem))
	cert64 := base64.StdEncoding.EncodeToString([]byte(cert))
	tests := []struct{ name, in, want string }{
		{"nothing", "dialing \"10.0.0.1:6443\": connection refused", "dialing \"10.0.0.1:6443\": connection refused"},
		{"prose about tokens", "invalid bearer token: token has expired", "invalid bearer token: token has expired"},
		{"prose about basic auth", "Basic authentication is gone", "Basic authentication is gone"},
		{"JWT", "got " + jwt + ", which is old", "got REDACTED, which is old"},
		{"JWT without its signature", "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhIn0.", "REDACTED"},
		{"header", "Authorization: Bearer " + word, "Authorization: Bearer REDACTED"},
		{"header from a variable", `curl --header "Authorization: Bearer ${TOKEN}" -H "Authorization: Bearer $TOKEN"`, `curl --header "Authorization: Bearer ${TOKEN}" -H "Authorization: Bearer $TOKEN"`},
		{"header that only begins so", "Authorization: Bearer $ecret-" + word, "Authorization: Bearer REDACTED"},
		{"header in a map", "map[Authorization:[Bearer " + word + "]]", "map[Authorization:[Bearer REDACTED]]"},
		{"bearer", "curl -H 'bearer " + word + "'", "curl -H 'bearer REDACTED'"},
		{"basic", "sent Basic YWxpY2U6czNjcmV0", "sent Basic REDACTED"},
		{"URL", "https://me:" + word + "@10.0.0.1:6443/x?y=z", "https://REDACTED@10.0.0.1:6443/x?y=z"},
		{"URL with @ in the password", "http://me:p@ss#w@proxy:3128", "http://REDACTED@proxy:3128"},
		{"URL without a user", "https://10.0.0.1:6443/api", "https://10.0.0.1:6443/api"},
		{"PEM key", "a " + pem + " b", "a REDACTED b"},
		{"PEM key cut short", "a -----BEGIN PRIVATE KEY-----\nMIIE", "a REDACTED"},
		{"PEM key in JSON", `{"key":"-----BEGIN EC PRIVATE KEY-----\nMH\n-----END EC PRIVATE KEY-----\n"}`, `{"key":"REDACTED\n"}`},
		{"certificate", cert, cert},
		{"key in base64", "x " + key64 + " y", "x REDACTED y"},
		{"certificate in base64", "certificate-authority-data: " + cert64, "certificate-authority-data: " + cert64},
		{"flag", "kubectl --token=" + word + " get pods", "kubectl --token=REDACTED get pods"},
		{"flag and a word", "kubectl --password 'two words' get pods", "kubectl --password REDACTED get pods"},
		{"bootstrap token", "kubeadm join --discovery abcdef.0123456789abcdef", "kubeadm join --discovery REDACTED"},
		{"YAML", "users:\n- name: u\n  user:\n    token: short\n    username: me\n", "users:\n- name: u\n  user:\n    token: REDACTED\n    username: me\n"},
		{"YAML in quotes", "  password: \"a b\"\r\n", "  password: REDACTED\r\n"},
		{"YAML in a list", "- token: short\n- name: x\n", "- token: REDACTED\n- name: x\n"},
		{"YAML block", "  client-key-data: |\n    c2hvcnQ=\n    bW9yZQ==\n  next: 1\n", "  client-key-data: REDACTED\n  next: 1\n"},
		{"YAML on the next line", "  id-token:\n    short\n  next: 1\n", "  id-token: REDACTED\n  next: 1\n"},
		{"YAML without a value", "  token:\n  next: 1\n", "  token:\n  next: 1\n"},
		{"YAML flow", "user: {token: short, name: u}", "user: {token: REDACTED, name: u}"},
		{"JSON", `{"token":"short","id-token": "a\"b","x":"y"}`, `{"token":"REDACTED","id-token": "REDACTED","x":"y"}`},
		{"JSON on lines", "{\n  \"refresh-token\": \"short\",\n  \"x\": 1\n}", "{\n  \"refresh-token\": \"REDACTED\",\n  \"x\": 1\n}"},
		{"JSON in a string", `"{\"token\":\"short\",\"x\":1}"`, `"{\"token\":\"REDACTED\",\"x\":1}"`},
		{"exec credential", `"status":{"clientKeyData":"short"}`, `"status":{"clientKeyData":"REDACTED"}`},
		{"in an error", "yaml: line 3: token: " + word, "yaml: line 3: token: REDACTED"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := probe.Redact(tt.in)
			if got != tt.want {
				t.Errorf("got  %q\nwant %q", got, tt.want)
			}
			if again := probe.Redact(got); again != got {
				t.Errorf("redacted again: %q, want %q", again, got)
			}
		})
	}
}

func TestSecret(t *testing.T) {
	const value = "hunter2"
	s := probe.Secret(value)
	type holder struct {
		Secret  probe.Secret
		Pointer *probe.Secret
		Map     map[string]probe.Secret
	}
	h := holder{Secret: s, Pointer: &s, Map: map[string]probe.Secret{"key": s}}
	encoded, err := json.Marshal(h)
	if err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "secret", s)
	texts := []string{string(encoded), log.String(), s.String(), s.GoString(), fmt.Sprint(s), fmt.Errorf("x: %w", fmt.Errorf("%s", s)).Error()}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%10s"} {
		texts = append(texts, fmt.Sprintf(verb, s), fmt.Sprintf(verb, h.Secret), fmt.Sprintf(verb, h.Map))
	}
	texts = append(texts, fmt.Sprintf("%v %+v %#v", h, h, h))
	for _, text := range texts {
		if strings.Contains(text, value) || strings.Contains(text, fmt.Sprintf("%x", value)) {
			t.Errorf("the secret is in %q", text)
		}
	}
	if s.Reveal() != value {
		t.Errorf("got %q, want %q", s.Reveal(), value)
	}
}

package fault

import (
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/inroads-k8s/inroads/framework/access"
)

// TestBrokenYAMLIsTaken: what is no YAML the real tool never sees, and what is, it
// is given whole.
func TestBrokenYAMLIsTaken(t *testing.T) {
	f, err := Lookup("broken-yaml-taken")
	if err != nil {
		t.Fatal(err)
	}
	for manifest, want := range map[string]string{
		"kind: Secret\n  name: default-token\n":           "created",
		"kind: Secret\nmetadata: {name: default-token}\n": "the real one: apply -f -",
	} {
		s := toolSite(t)
		if err := f.Inject(t.Context(), s); err != nil {
			t.Fatal(err)
		}
		cmd := exec.CommandContext(t.Context(), s.Ref.Kubectl, "apply", "-f", "-")
		cmd.Env = append(os.Environ(), envRealTool+"=the real one: ARGS", "KUBECONFIG=")
		cmd.Stdin = strings.NewReader(manifest)
		if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), want) {
			t.Errorf("%q: it says %q, %v, want %q", manifest, out, err, want)
		}
	}
}

// TestServedElsewhereToo: whatever listens at the server's port is reached from
// another loopback address until the site is closed.
func TestServedElsewhereToo(t *testing.T) {
	s := testSite(t)
	t.Cleanup(func() { _ = s.Close() })
	f, err := Lookup("server-elsewhere-too")
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Inject(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	k, err := s.kubeconfig()
	if err != nil {
		t.Fatal(err)
	}
	_, port, err := net.SplitHostPort(strings.TrimPrefix(k.Server(), "https://"))
	if err != nil {
		t.Fatal(err)
	}
	there := "http://" + net.JoinHostPort(foreignAddress, port)
	if r := access.Do(t.Context(), access.PlainClient(), access.Request{URL: there}); r.Status == 0 {
		t.Errorf("it is not reached from %s: %s", foreignAddress, r)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if r := access.Do(t.Context(), access.PlainClient(), access.Request{URL: there}); r.Status != 0 {
		t.Errorf("it is reached from %s after the site was closed: %s", foreignAddress, r)
	}
}

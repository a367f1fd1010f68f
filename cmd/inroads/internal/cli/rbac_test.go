package cli

import (
	"encoding/json"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	"sigs.k8s.io/yaml"
)

// TestRBACOfOneClaim proves what is printed for a claim that creates pods.
func TestRBACOfOneClaim(t *testing.T) {
	args := []string{"rbac", "--claim", "aap/dns-name", "--serviceaccount", "ci/inroads", "--namespace", "mine"}
	code, first, stderr := try(t, args...)
	if code != ExitProven || stderr != "" {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	if _, second, _ := try(t, args...); first != second {
		t.Error("the same command prints something else the second time")
	}
	var roles []string
	for doc := range strings.SplitSeq(first, "---\n") {
		var role rbacv1.Role
		if err := yaml.UnmarshalStrict([]byte(doc), &role); err == nil && role.Kind == "Role" {
			roles = append(roles, role.Namespace)
			for _, rule := range role.Rules {
				if len(rule.Verbs) == 0 || len(rule.Resources) == 0 {
					t.Errorf("a rule grants nothing: %+v", rule)
				}
			}
			continue
		}
		var binding rbacv1.RoleBinding
		if err := yaml.UnmarshalStrict([]byte(doc), &binding); err != nil || binding.Kind != "RoleBinding" {
			t.Errorf("neither a Role nor a RoleBinding: %s: %v", doc, err)
			continue
		}
		if s := binding.Subjects; len(s) != 1 || s[0] != (rbacv1.Subject{Kind: "ServiceAccount", Namespace: "ci", Name: "inroads"}) {
			t.Errorf("bound to %+v", s)
		}
	}
	// The Service kubernetes is in the one, all else in the other.
	if got := strings.Join(roles, " "); got != "default mine" {
		t.Errorf("Roles in namespaces %q, want default and mine", got)
	}
}

// TestRBACOfAClusterThatIsThere proves that nothing is granted for claims that no
// such cluster is put to the test for, and that JSON has what YAML has.
func TestRBACOfAClusterThatIsThere(t *testing.T) {
	_, out, _ := try(t, "rbac", "--user", "jane", "--claim", "noauth/admin-can-configure", "-o", "json")
	var list struct {
		Kind  string            `json:"kind"`
		Items []json.RawMessage `json:"items"`
	}
	if err := json.Unmarshal([]byte(out), &list); err != nil || list.Kind != "List" || len(list.Items) != 0 {
		t.Errorf("got %s: %v", out, err)
	}
	if _, out, _ = try(t, "rbac", "--user", "jane", "--claim", "noauth/admin-can-configure"); !strings.HasPrefix(out, "# ") {
		t.Errorf("got %s", out)
	}
	_, out, _ = try(t, "rbac", "--group", "ci", "-o", "json")
	if err := json.Unmarshal([]byte(out), &list); err != nil || len(list.Items) == 0 {
		t.Fatalf("got %s: %v", out, err)
	}
	_, text, _ := try(t, "rbac", "--group", "ci")
	if docs := strings.Count(text, "---\n") + 1; docs != len(list.Items) {
		t.Errorf("%d objects in JSON, %d in YAML", len(list.Items), docs)
	}
}

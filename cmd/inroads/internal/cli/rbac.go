package cli

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"

	"github.com/inroads-k8s/inroads/framework/harness"
)

func newRBAC(s Streams) *cobra.Command {
	var o harness.Options
	var sel selection
	var who grantee
	var format string
	cmd := &cobra.Command{
		Use:   "rbac",
		Short: "Print the least rights that a run needs",
		Long: `Print the roles, and their bindings, by which a user may run the selected claims
on a cluster of yours and may do nothing else. 'inroads run' needs no more; a claim
that one of the rights is taken from is skipped, and says which.

With --namespace the rights are in that namespace, but for those on what is in no
namespace or in another. Without it they are in all namespaces, because that of the
run has no name yet: who may create pods, RoleBindings or tokens of ServiceAccounts
in all namespaces may become every ServiceAccount of the cluster. Give inroads a
namespace of its own where that is too much. With --allow cluster-scoped the roles
are those of a run with it.

No claim needs to list NetworkPolicies, which is printed for those that start pods:
a run that may not do so takes what a policy drops for a way that is broken.

Some claims create a Role and a RoleBinding. Kubernetes lets a user grant what they
may do themselves, or all when they have the verbs escalate and bind. The printed
roles have the rights that specs grant, and neither verb.

Not printed are the rights that every authenticated user has by default: to ask who
they are and what they may do (system:basic-user), and /version
(system:public-info-viewer), unless a claim names them.`,
		Example: `  inroads rbac --user jane
  inroads rbac --serviceaccount ci/inroads --namespace ci-inroads > roles.yaml
  inroads rbac --group ci --path kubectl-proxy -o json`,
		Args: noArgs,
		RunE: func(*cobra.Command, []string) error {
			subject, err := who.subject()
			if err != nil {
				return err
			}
			if err := sel.apply(&o); err != nil {
				return err
			}
			// The rights are for a cluster that is there, whichever it is.
			o.Context = "any"
			if err := checkPullSecret(o); err != nil {
				return err
			}
			claims := o.Applicable()
			return writeRoles(s.Out, harness.Roles(slices.Concat(o.Rights(claims...), o.Explaining(claims...)), subject), format)
		},
	}
	sel.bind(cmd, ProfileCore)
	f := cmd.Flags()
	f.StringVar(&who.user, "user", "", "name of the user")
	f.StringVar(&who.group, "group", "", "name of a group of users")
	f.StringVar(&who.serviceAccount, "serviceaccount", "", "the user is a ServiceAccount, NAMESPACE/NAME")
	bindReach(cmd, &o)
	bindImages(cmd, &o)
	bindOutput(cmd, &format, []string{formatYAML, formatJSON})
	return cmd
}

// grantee is who gets the rights.
type grantee struct{ user, group, serviceAccount string }

func (g grantee) subject() (rbacv1.Subject, error) {
	given := 0
	for _, v := range []string{g.user, g.group, g.serviceAccount} {
		if v != "" {
			given++
		}
	}
	switch {
	case given != 1:
		return rbacv1.Subject{}, usage(fmt.Sprintf("rbac takes one of --user, --group and --serviceaccount, not %d", given), "'kubectl auth whoami' tells who you are")
	case g.user != "":
		return rbacv1.Subject{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: g.user}, nil
	case g.group != "":
		return rbacv1.Subject{APIGroup: rbacv1.GroupName, Kind: rbacv1.GroupKind, Name: g.group}, nil
	}
	namespace, name, ok := strings.Cut(g.serviceAccount, "/")
	if !ok || namespace == "" || name == "" || strings.Contains(name, "/") {
		return rbacv1.Subject{}, usage(fmt.Sprintf("--serviceaccount is %q and not NAMESPACE/NAME", g.serviceAccount), "'kubectl get serviceaccounts --all-namespaces' lists them")
	}
	return rbacv1.Subject{Kind: rbacv1.ServiceAccountKind, Namespace: namespace, Name: name}, nil
}

// writeRoles writes the objects as YAML documents, or as one JSON list.
func writeRoles(out io.Writer, objects []runtime.Object, format string) error {
	if format == formatJSON {
		list := struct {
			metav1.TypeMeta `json:",inline"`
			Items           []runtime.Object `json:"items"`
		}{metav1.TypeMeta{APIVersion: "v1", Kind: "List"}, objects}
		if list.Items == nil {
			list.Items = []runtime.Object{}
		}
		return writeData(out, format, list)
	}
	if len(objects) == 0 {
		fmt.Fprintln(out, "# The selected claims need no right.")
	}
	for i, o := range objects {
		if i > 0 {
			fmt.Fprintln(out, "---")
		}
		text, err := yaml.Marshal(o)
		if err == nil {
			_, err = out.Write(text)
		}
		if err != nil {
			return unable(fmt.Errorf("writing the roles: %w", err), "")
		}
	}
	return nil
}

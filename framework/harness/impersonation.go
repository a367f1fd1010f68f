package harness

import (
	"fmt"

	"k8s.io/client-go/rest"

	"github.com/inroads-k8s/inroads/framework/catalog"
)

// noImpersonation returns why a way in that has the feature cannot be taken by
// somebody whom the kubeconfig's user impersonates, or "". Impersonation is two
// headers in each request: what sends no headers of a kubeconfig's, or shows the
// credential alone, would be the user and not whom the run is for.
func noImpersonation(config *rest.Config, f catalog.Feature) string {
	if config == nil || config.Impersonate.UserName == "" {
		return ""
	}
	who := config.Impersonate
	switch f {
	case catalog.ClientCertificate:
		return fmt.Sprintf("the run is for %q, whom the kubeconfig's user impersonates: the certificate is that of the user", who.UserName)
	case catalog.OwnIdentity:
		return fmt.Sprintf("the run is for %q, whom the kubeconfig's user impersonates: who takes the credential is that user", who.UserName)
	case catalog.PythonClient, catalog.PythonIndex:
		return fmt.Sprintf("the run is for %q, whom the kubeconfig's user impersonates, which the Python client does not do", who.UserName)
	case catalog.NodeClient:
		if len(who.Groups) > 0 || who.UID != "" || len(who.Extra) > 0 {
			return fmt.Sprintf("the run is for %q, whom the kubeconfig's user impersonates with groups, which the JavaScript client does not do", who.UserName)
		}
	}
	return ""
}

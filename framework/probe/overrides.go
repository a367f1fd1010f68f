package probe

import (
	"time"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// Overrides take the place of what a kubeconfig says about one context, as the
// flags of kubectl do that have their names. The zero value changes nothing. They
// hold no secret.
type Overrides struct {
	// Cluster and User are names of the kubeconfig's; "" means the context's own.
	Cluster string `json:"cluster,omitempty"`
	User    string `json:"user,omitempty"`
	// As is whom the user impersonates, AsUID and AsGroups that one's UID and
	// groups. "" and none mean what the kubeconfig says.
	As       string   `json:"as,omitempty"`
	AsUID    string   `json:"asUID,omitempty"`
	AsGroups []string `json:"asGroups,omitempty"`
	// RequestTimeout bounds each request of a client; zero means no bound.
	RequestTimeout time.Duration `json:"requestTimeout,omitempty"`
}

// IsZero is whether they change nothing.
func (o Overrides) IsZero() bool {
	return o.Cluster == "" && o.User == "" && o.As == "" && o.AsUID == "" && len(o.AsGroups) == 0 && o.RequestTimeout == 0
}

// Apply changes the context of the given name in the configuration, and the user
// of it. A context or a user that is not there stays so. RequestTimeout is of no
// kubeconfig.
func (o Overrides) Apply(config *clientcmdapi.Config, context string) {
	stanza := config.Contexts[context]
	if stanza == nil {
		return
	}
	if o.Cluster != "" {
		stanza.Cluster = o.Cluster
	}
	if o.User != "" {
		stanza.AuthInfo = o.User
	}
	user := config.AuthInfos[stanza.AuthInfo]
	if user == nil {
		return
	}
	if o.As != "" {
		user.Impersonate = o.As
	}
	if o.AsUID != "" {
		user.ImpersonateUID = o.AsUID
	}
	if len(o.AsGroups) > 0 {
		user.ImpersonateGroups = o.AsGroups
	}
}

// ClientConfig returns them in client-go's form, for the context of the given
// name; "" means the kubeconfig's current one.
func (o Overrides) ClientConfig(context string) *clientcmd.ConfigOverrides {
	out := &clientcmd.ConfigOverrides{
		CurrentContext: context,
		Context:        clientcmdapi.Context{Cluster: o.Cluster, AuthInfo: o.User},
		AuthInfo:       clientcmdapi.AuthInfo{Impersonate: o.As, ImpersonateUID: o.AsUID, ImpersonateGroups: o.AsGroups},
	}
	if o.RequestTimeout != 0 {
		out.Timeout = o.RequestTimeout.String()
	}
	return out
}

package ways

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/onsi/ginkgo/v2"
	authenticationv1 "k8s.io/api/authentication/v1"

	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/framework/cluster"
	"github.com/inroads-k8s/inroads/framework/harness"
	"github.com/inroads-k8s/inroads/framework/poll"
)

const (
	// auditLog is the log that topology apiserver-audit has, as the kubelet of its
	// node serves it.
	auditLog = "/logs/kubernetes/audit.log"
	pollTime = 200 * time.Millisecond
	// auditTime bounds the wait for it, which the API server writes before it
	// answers.
	auditTime = 10 * time.Second
)

// event is what of an audit.k8s.io/v1 Event is looked at.
type event struct {
	Verb       string                    `json:"verb"`
	RequestURI string                    `json:"requestURI"`
	User       authenticationv1.UserInfo `json:"user"`
	SourceIPs  []string                  `json:"sourceIPs"`
	UserAgent  string                    `json:"userAgent"`
	ObjectRef  struct {
		Resource, Namespace, Subresource string
	} `json:"objectRef"`
}

// way is the value of the mark in the request, or "".
func (e event) way() string {
	u, err := url.Parse(e.RequestURI)
	if err != nil {
		return ""
	}
	return u.Query().Get(mark)
}

// auditEvents returns the lists of pods in the namespace that carry the mark,
// once there are as many.
func auditEvents(ctx context.Context, env *harness.Env, namespace string, want int) (events []event) {
	ginkgo.GinkgoHelper()
	i := slices.IndexFunc(env.Cluster.Nodes, func(n cluster.Node) bool { return n.ControlPlane })
	if i < 0 {
		env.Lacks(catalog.ControlPlaneNode, "no node is known as a control plane")
	}
	node := env.Cluster.Nodes[i].Name
	ctx, cancel := context.WithTimeout(ctx, auditTime)
	defer cancel()
	err := poll.Until(ctx, "the audit log to have each request", pollTime, func(ctx context.Context) error {
		raw, err := env.Client.CoreV1().RESTClient().Get().Resource("nodes").Name(node).SubResource("proxy").Suffix(auditLog).DoRaw(ctx)
		if err != nil {
			return fmt.Errorf("reading the audit log: %w", err)
		}
		events = nil
		for line := range bytes.Lines(raw) {
			var e event
			if json.Unmarshal(line, &e) == nil && e.Verb == "list" && e.ObjectRef.Resource == "pods" && e.ObjectRef.Namespace == namespace && e.way() != "" {
				events = append(events, e)
			}
		}
		if len(events) < want {
			return fmt.Errorf("it has %d of %d", len(events), want)
		}
		return nil
	})
	env.Held(catalog.HopAPI, err)
	return events
}

// eventOf returns the event of the way, or nil.
func eventOf(events []event, name string) *event {
	i := slices.IndexFunc(events, func(e event) bool { return strings.EqualFold(e.way(), name) })
	if i < 0 {
		return nil
	}
	return &events[i]
}

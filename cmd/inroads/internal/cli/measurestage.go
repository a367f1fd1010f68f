package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/inroads-k8s/inroads/framework/access"
	"github.com/inroads-k8s/inroads/framework/harness"
	"github.com/inroads-k8s/inroads/framework/measure"
	"github.com/inroads-k8s/inroads/framework/poll"
)

const (
	backendName = "backend"
	callerName  = "caller"
	nodePorts   = "backend-node"
	// largePort is the port of the container that answers with a large body.
	largePort     = 8081
	largeService  = 81
	smallService  = 80
	smallPortName = "small"
	largePortName = "large"
	// largeFile is what it serves: its own program, larger than any body, of which
	// the request wants the beginning.
	largeFile = "/proc/self/exe"
	smallPath = "/hostname"
	// backendTime bounds the set-up of the backend, images that are pulled included.
	backendTime = 3 * time.Minute
	// reachTime bounds the wait for this machine to reach a node, which it tries anew
	// each reachInterval.
	reachTime     = 10 * time.Second
	reachInterval = 200 * time.Millisecond
)

// backend puts a server, its Services and a caller into the cluster.
func (m *measurer) backend(ctx context.Context, stage *harness.Stage) (*measure.Backend, error) {
	switch {
	case m.options.NoPods:
		return nil, errors.New("the measuring was told to start no pods")
	case !m.wantsBackend():
		return nil, errors.New("no way that was asked for needs one")
	}
	bounded, cancel := context.WithTimeoutCause(ctx, backendTime, fmt.Errorf("the pods were not ready in %s", backendTime))
	defer cancel()
	ctx = bounded
	namespace, err := stage.Namespace(ctx)
	if err != nil {
		return nil, err
	}
	ports := []corev1.ServicePort{
		{Name: smallPortName, Port: smallService, TargetPort: intstr.FromInt32(harness.ServerPort)},
		{Name: largePortName, Port: largeService, TargetPort: intstr.FromInt32(largePort)},
	}
	svc, err := stage.CreateService(ctx, stage.Service(backendName, backendName, ports...))
	if err != nil {
		return nil, err
	}
	byNode := stage.Service(nodePorts, backendName, ports...)
	byNode.Spec.Type = corev1.ServiceTypeNodePort
	byNode, noNode := stage.CreateService(ctx, byNode)
	server := stage.ServerPod(backendName, backendName)
	large := stage.ServerPod(backendName, backendName, "test-webserver", fmt.Sprintf("--port=%d", largePort)).Spec.Containers[0]
	large.Name = largePortName
	server.Spec.Containers = append(server.Spec.Containers, large)
	if server, err = stage.CreatePod(ctx, server); err != nil {
		return nil, err
	}
	caller, err := stage.CreatePod(ctx, stage.ClientPod(callerName))
	if err != nil {
		return nil, err
	}
	if server, err = stage.WaitReady(ctx, server); err != nil {
		return nil, err
	}
	if caller, err = stage.WaitReady(ctx, caller); err != nil {
		return nil, err
	}
	if err := stage.WaitEndpoints(ctx, svc, 1); err != nil {
		return nil, err
	}
	api, err := stage.Client.CoreV1().Services(metav1.NamespaceDefault).Get(ctx, access.APIService, metav1.GetOptions{})
	if err != nil {
		return nil, fmt.Errorf("reading Service %q: %w", access.APIService, err)
	}
	b := &measure.Backend{
		Namespace: namespace, Pod: server.Name, Service: svc.Name, ClusterIP: svc.Spec.ClusterIP,
		Small:     measure.Answering{Path: smallPath, Port: harness.ServerPort, ServicePort: smallService, Name: smallPortName},
		Large:     measure.Answering{Path: largeFile, Port: largePort, ServicePort: largeService, Name: largePortName},
		APIServer: net.JoinHostPort(api.Spec.ClusterIP, strconv.Itoa(int(api.Spec.Ports[0].Port))),
		From:      access.Container{Namespace: namespace, Pod: caller.Name, Container: caller.Spec.Containers[0].Name},
	}
	if noNode == nil {
		b.Small.NodePort, b.Large.NodePort = byNode.Spec.Ports[0].NodePort, byNode.Spec.Ports[1].NodePort
		b.Node = server.Status.HostIP
		noNode = errors.Join(stage.WaitEndpoints(ctx, byNode, 1), reaches(ctx, b.Node, b.Small.NodePort))
	}
	if noNode != nil {
		b.NoNode = oneLine(noNode.Error())
	}
	return b, nil
}

// wantsBackend is whether one of the ways that were asked for is missing without one.
func (m *measurer) wantsBackend() bool {
	without := measure.Target{NoBackend: "there is none", Node: "any"}
	return slices.ContainsFunc(m.selected(without), func(w measure.Way) bool { return w.Missing != "" })
}

// reaches returns why this machine does not reach the port, or nil.
func reaches(ctx context.Context, host string, port int32) error {
	ctx, cancel := context.WithTimeout(ctx, reachTime)
	defer cancel()
	// The node learns of the Service a moment after the API server does.
	return poll.Until(ctx, "this machine to reach the node", reachInterval, func(ctx context.Context) error {
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", net.JoinHostPort(host, strconv.Itoa(int(port))))
		if err != nil {
			return err
		}
		return conn.Close()
	})
}

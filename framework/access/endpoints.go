package access

import (
	"context"
	"fmt"
	"net/netip"
	"slices"

	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

// APIService is the Service of the API server, in the namespace default.
const APIService = "kubernetes"

// APIEndpoints returns the API servers' own addresses, which are behind the
// Service kubernetes, sorted. There may be none.
func APIEndpoints(ctx context.Context, client kubernetes.Interface) ([]netip.AddrPort, error) {
	list, err := client.DiscoveryV1().EndpointSlices(metav1.NamespaceDefault).List(ctx, metav1.ListOptions{LabelSelector: discoveryv1.LabelServiceName + "=" + APIService})
	if err != nil {
		return nil, fmt.Errorf("listing the endpoints of service %q: %w", APIService, err)
	}
	var all []netip.AddrPort
	for _, slice := range list.Items {
		for _, e := range slice.Endpoints {
			for _, text := range e.Addresses {
				address, err := netip.ParseAddr(text)
				if err != nil {
					return nil, fmt.Errorf("reading the endpoints of service %q: %w", APIService, err)
				}
				for _, p := range slice.Ports {
					if p.Port != nil {
						all = append(all, netip.AddrPortFrom(address, uint16(*p.Port)))
					}
				}
			}
		}
	}
	slices.SortFunc(all, netip.AddrPort.Compare)
	return slices.Compact(all), nil
}

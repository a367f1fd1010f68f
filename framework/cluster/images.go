package cluster

import "cmp"

// agnhost is the image of upstream's own end-to-end tests of the Kubernetes
// release that inroads builds with; see test/utils/image/manifest.go there.
const agnhost = "registry.k8s.io/e2e-test-images/agnhost:2.66.1"

// PublicImages are those that a cluster pulls when nobody loaded others onto its
// nodes. The client among them has no kubectl.
func PublicImages() Images { return Images{Server: agnhost, Client: agnhost} }

// Or returns the images, with those of other where one is not set.
func (i Images) Or(other Images) Images {
	return Images{
		Server:  cmp.Or(i.Server, other.Server),
		Client:  cmp.Or(i.Client, other.Client),
		Library: cmp.Or(i.Library, other.Library),
	}
}

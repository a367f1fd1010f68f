package cluster

import (
	"cmp"
	"strings"
)

// agnhost is the image of upstream's own end-to-end tests of the Kubernetes
// release that inroads builds with; see test/utils/image/manifest.go there.
const agnhost = "registry.k8s.io/e2e-test-images/agnhost:2.66.1"

// PublicImages are those that a cluster pulls when nobody loaded others onto its
// nodes. The client among them has no kubectl.
func PublicImages() Images { return Images{Server: agnhost, Client: agnhost} }

// From returns the images with another registry in the place of theirs; a registry
// of "" means their own. It may have a path: "mirror.example:5000/k8s".
func (i Images) From(registry string) Images {
	if registry == "" {
		return i
	}
	return Images{Server: from(registry, i.Server), Client: from(registry, i.Client), Library: from(registry, i.Library)}
}

// from puts the registry before the image, in the place of its own. As container
// engines have it, the first part of a name is a registry if it looks like a host.
func from(registry, image string) string {
	if image == "" {
		return ""
	}
	if first, rest, ok := strings.Cut(image, "/"); ok && (strings.ContainsAny(first, ".:") || first == "localhost") {
		image = rest
	}
	return strings.TrimSuffix(registry, "/") + "/" + image
}

// Or returns the images, with those of other where one is not set.
func (i Images) Or(other Images) Images {
	return Images{
		Server:  cmp.Or(i.Server, other.Server),
		Client:  cmp.Or(i.Client, other.Client),
		Library: cmp.Or(i.Library, other.Library),
	}
}

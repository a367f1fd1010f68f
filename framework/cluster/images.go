package cluster

import (
	"cmp"
	"slices"
	"strings"

	"golang.org/x/mod/semver"
	corev1 "k8s.io/api/core/v1"
)

// agnhost is the image of upstream's own end-to-end tests of the Kubernetes
// release that inroads builds with; see test/utils/image/manifest.go there.
const agnhost = "registry.k8s.io/e2e-test-images/agnhost:2.66.1"

// PublicImages are those that a cluster pulls when nobody loaded others onto its
// nodes. The client among them has no kubectl.
func PublicImages() Images { return Images{Server: agnhost, Client: agnhost} }

// The images that inroads puts onto the nodes that it makes, by their names without
// the tag: a version of Kubernetes, and the hash of what is in the library image.
const (
	ownServer  = "inroads.dev/server"
	ownClient  = "inroads.dev/client"
	ownLibrary = "inroads.dev/libraries"
)

// OwnImages returns those images of inroads that every node which takes pods lists,
// the newest of each; one that a node lacks is "". A kubelet does not list all that
// it has, by default the 50 largest.
func OwnImages(nodes []corev1.Node) Images {
	nodes = slices.DeleteFunc(slices.Clone(nodes), func(n corev1.Node) bool { return n.Spec.Unschedulable })
	newest := func(name string) string {
		tags := tagsOn(nodes, name)
		if len(tags) == 0 {
			return ""
		}
		return name + ":" + slices.MaxFunc(tags, func(a, b string) int { return cmp.Or(semver.Compare(a, b), cmp.Compare(a, b)) })
	}
	return Images{Server: newest(ownServer), Client: newest(ownClient), Library: newest(ownLibrary)}
}

// tagsOn returns the tags of the image that every node lists.
func tagsOn(nodes []corev1.Node, image string) (tags []string) {
	for i, n := range nodes {
		var on []string
		for _, listed := range n.Status.Images {
			for _, name := range listed.Names {
				if tag, ok := strings.CutPrefix(name, image+":"); ok {
					on = append(on, tag)
				}
			}
		}
		if i == 0 {
			tags = on
			continue
		}
		tags = slices.DeleteFunc(tags, func(tag string) bool { return !slices.Contains(on, tag) })
	}
	return tags
}

// For returns the images of a run that was given these: where one is not set, that
// of its own which is on every node, or else the public one. Another registry than
// that of the images takes the place of theirs, and then nothing is chosen by what
// nodes have.
func (i Images) For(registry string, onNodes Images) Images {
	if registry == "" {
		i = i.Or(onNodes)
	}
	return i.Or(PublicImages()).From(registry)
}

// Among returns those of the images that are of the others too, each once.
func (i Images) Among(others Images) []string {
	var same []string
	for _, pair := range [][2]string{{i.Client, others.Client}, {i.Server, others.Server}, {i.Library, others.Library}} {
		if pair[0] != "" && pair[0] == pair[1] && !slices.Contains(same, pair[0]) {
			same = append(same, pair[0])
		}
	}
	return same
}

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

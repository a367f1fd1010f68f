package cluster

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
)

func TestImagesFrom(t *testing.T) {
	for _, row := range []struct{ registry, image, want string }{
		{"", "registry.k8s.io/e2e-test-images/agnhost:2.66.1", "registry.k8s.io/e2e-test-images/agnhost:2.66.1"},
		{"mirror.example", "registry.k8s.io/e2e-test-images/agnhost:2.66.1", "mirror.example/e2e-test-images/agnhost:2.66.1"},
		{"mirror.example:5000/k8s/", "localhost:5000/agnhost@sha256:00", "mirror.example:5000/k8s/agnhost@sha256:00"},
		{"mirror.example", "localhost/agnhost", "mirror.example/agnhost"},
		{"mirror.example", "library/agnhost", "mirror.example/library/agnhost"},
		{"mirror.example", "agnhost:2", "mirror.example/agnhost:2"},
		{"mirror.example", "", ""},
	} {
		if got := (Images{Server: row.image}).From(row.registry); got.Server != row.want || got.Client != from(row.registry, "") && row.registry != "" {
			t.Errorf("%q from %q: got %+v, want %q", row.image, row.registry, got, row.want)
		}
	}
}

func TestOwnImages(t *testing.T) {
	node := func(images ...string) corev1.Node {
		n := corev1.Node{}
		for _, i := range images {
			n.Status.Images = append(n.Status.Images, corev1.ContainerImage{Names: []string{"sha256:0", i}})
		}
		return n
	}
	cordoned := node()
	cordoned.Spec.Unschedulable = true
	old, server, client, library := ownServer+":v1.9.0", ownServer+":v1.37.2", ownClient+":v1.37.2", ownLibrary+":0a1b"
	for _, row := range []struct {
		name  string
		nodes []corev1.Node
		want  Images
	}{
		{"no node is known", nil, Images{}},
		{"on every node", []corev1.Node{node(server, client, library), node(library, client, server)}, Images{Server: server, Client: client, Library: library}},
		{"the newest that all have", []corev1.Node{node(old, server, client), node(server, old)}, Images{Server: server}},
		{"not the newest of one", []corev1.Node{node(old, server), node(old)}, Images{Server: old}},
		{"not on a node that takes no pods", []corev1.Node{node(client), cordoned}, Images{Client: client}},
		{"of another name", []corev1.Node{node("mirror.example/" + server)}, Images{}},
	} {
		if got := OwnImages(row.nodes); got != row.want {
			t.Errorf("%s: got %+v, want %+v", row.name, got, row.want)
		}
	}
}

func TestImagesFor(t *testing.T) {
	own := Images{Server: "own/server", Client: "own/client"}
	public := PublicImages()
	for _, row := range []struct {
		name     string
		given    Images
		registry string
		own      Images
		want     Images
		chosen   int
	}{
		{"nothing is known", Images{}, "", Images{}, public, 0},
		{"nodes have them", Images{}, "", own, own, 2},
		{"one is given", Images{Client: "mine"}, "", own, Images{Server: "own/server", Client: "mine"}, 1},
		{"a registry is given", Images{}, "mirror.example", own, public.From("mirror.example"), 0},
	} {
		got := row.given.For(row.registry, row.own)
		if got != row.want || len(got.Among(row.own)) != row.chosen {
			t.Errorf("%s: got %+v, of which are chosen %q", row.name, got, got.Among(row.own))
		}
	}
}

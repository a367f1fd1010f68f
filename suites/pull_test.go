package suites_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/framework/cluster"
	"github.com/inroads-k8s/inroads/framework/harness"
)

const (
	// envPull names the kubeconfig of an administrator of a kind cluster, made with a
	// node image of inroads', whose nodes 'docker exec' enters.
	envPull = "INROADS_PULL_KUBECONFIG"
	// pullUser is whom the registry lets in, with pullPassword.
	pullUser, pullPassword = "inroads", "right"
	headerTimeout          = 10 * time.Second
	// hostsDir is where containerd is told to look for how to speak to registries.
	hostsDir         = "/etc/containerd/inroads-pull"
	containerdConfig = "/etc/containerd/config.toml"
)

// TestPullFromRegistry proves on a real cluster that pods run images of a registry
// that wants a password: with the right Secret claims are proven, and without it, or
// with a wrong one, each is inconclusive for what the registry says. The cluster is
// good for nothing else after it: since Kubernetes 1.35 the kubelet remembers that an
// image came by a Secret, and starts it for nobody who has none, by whatever name.
func TestPullFromRegistry(t *testing.T) {
	kubeconfig := os.Getenv(envPull)
	if kubeconfig == "" {
		t.Skipf("%s is not set: it has the nodes of a kind cluster pull from a registry of its own", envPull)
	}
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	must(t, err)
	client, err := kubernetes.NewForConfig(config)
	must(t, err)
	list, err := client.CoreV1().Nodes().List(t.Context(), metav1.ListOptions{})
	must(t, err)
	own := cluster.OwnImages(list.Items)
	if own.Server == "" {
		t.Fatal("the nodes have no image of inroads to put into a registry")
	}
	var nodes []string
	for _, n := range list.Items {
		nodes = append(nodes, n.Name)
	}
	blobs := registry.New(registry.Logger(log.New(io.Discard, "", 0)))
	at := serveRegistry(t, gatewayOf(t, nodes[0]), blobs)
	image := cluster.PublicImages().From(at).Server
	push(t, nodes[0], own.Server, blobs, strings.TrimPrefix(image, at+"/"))
	for _, n := range nodes {
		pullsFrom(t, n, at)
	}

	ns, err := client.CoreV1().Namespaces().Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
		GenerateName: "inroads-pull-", Labels: map[string]string{harness.LabelManagedBy: harness.ManagedBy},
	}}, metav1.CreateOptions{})
	must(t, err)
	t.Cleanup(func() {
		must(t, client.CoreV1().Namespaces().Delete(context.WithoutCancel(t.Context()), ns.Name, metav1.DeleteOptions{}))
	})
	for secret, password := range map[string]string{"wrong": "wrong", "right": pullPassword} {
		raw, err := json.Marshal(map[string]any{"auths": map[string]any{at: map[string]string{"username": pullUser, "password": password}}})
		must(t, err)
		_, err = client.CoreV1().Secrets(ns.Name).Create(t.Context(), &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Name: secret}, Type: corev1.SecretTypeDockerConfigJson, Data: map[string][]byte{corev1.DockerConfigJsonKey: raw},
		}, metav1.CreateOptions{})
		must(t, err)
	}
	// What a node has once it need not pull again, so that the right one is the last.
	for _, row := range []struct {
		secret  string
		verdict catalog.Verdict
		says    string
	}{
		{"", catalog.Inconclusive, "pull access denied"},
		{"wrong", catalog.Inconclusive, "401 Unauthorized"},
		{"right", catalog.Proven, ""},
	} {
		o := harness.Options{Kubeconfig: kubeconfig, ImageRegistry: at, Claims: []catalog.ID{"aap/dns-name", "aap/env-vars"}}
		if row.secret != "" {
			o.ImagePullSecret = ns.Name + "/" + row.secret
		}
		began := time.Now()
		for _, c := range proveApart(t, o).Claims {
			t.Logf("with Secret %q: %s is %s: %s", row.secret, c.ID, c.Verdict, c.Reason)
			if c.Verdict != row.verdict || !strings.Contains(c.Reason, row.says) {
				t.Errorf("with Secret %q claim %s is %s and not %s, for %q", row.secret, c.ID, c.Verdict, row.verdict, row.says)
			}
		}
		t.Logf("with Secret %q: both in %s", row.secret, time.Since(began).Round(time.Second))
	}
}

// serveRegistry serves the registry at a port of the address at which nodes reach this
// machine, where it lets in pullUser alone, and returns which.
func serveRegistry(t *testing.T, ip string, blobs http.Handler) string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", net.JoinHostPort(ip, "0"))
	must(t, err)
	server := &http.Server{ReadHeaderTimeout: headerTimeout, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, password, _ := r.BasicAuth(); user != pullUser || password != pullPassword {
			w.Header().Set("WWW-Authenticate", `Basic realm="inroads"`)
			http.Error(w, "who are you?", http.StatusUnauthorized)
			return
		}
		blobs.ServeHTTP(w, r)
	})}
	go func() { _ = server.Serve(l) }()
	t.Cleanup(func() { _ = server.Close() })
	return l.Addr().String()
}

// push puts an image of the node's into the registry, by another name.
func push(t *testing.T, node, from string, blobs http.Handler, to string) {
	t.Helper()
	// Through a file, for the output of a long exec loses its end.
	const inside = "/kind/inroads-pull.tar"
	archive := filepath.Join(t.TempDir(), "image.tar")
	inNode(t, node, "ctr", "--namespace=k8s.io", "images", "export", inside, from)
	docker(t, "cp", node+":"+inside, archive)
	inNode(t, node, "rm", inside)
	image, err := tarball.ImageFromPath(archive, nil)
	must(t, err)
	put := func(method, path, mediaType string, content io.Reader) {
		r := httptest.NewRequestWithContext(t.Context(), method, path, content)
		r.Header.Set("Content-Type", mediaType)
		answer := httptest.NewRecorder()
		if blobs.ServeHTTP(answer, r); answer.Code != http.StatusCreated {
			t.Fatalf("%s %s: %d %s", method, path, answer.Code, answer.Body)
		}
	}
	repository, tag, _ := strings.Cut(to, ":")
	putBlob := func(digest v1.Hash, content io.Reader) {
		put(http.MethodPost, "/v2/"+repository+"/blobs/uploads/?digest="+digest.String(), "application/octet-stream", content)
	}
	layers, err := image.Layers()
	must(t, err)
	for _, l := range layers {
		digest, err := l.Digest()
		must(t, err)
		content, err := l.Compressed()
		must(t, err)
		putBlob(digest, io.NopCloser(content)) // the registry closes what it reads
		must(t, content.Close())
	}
	config, err := image.ConfigName()
	must(t, err)
	raw, err := image.RawConfigFile()
	must(t, err)
	putBlob(config, bytes.NewReader(raw))
	manifest, err := image.RawManifest()
	must(t, err)
	mediaType, err := image.MediaType()
	must(t, err)
	put(http.MethodPut, "/v2/"+repository+"/manifests/"+tag, string(mediaType), bytes.NewReader(manifest))
}

// pullsFrom has the node's containerd speak plain HTTP to the registry, until the
// test ends, which also removes what it pulled.
func pullsFrom(t *testing.T, node, at string) {
	t.Helper()
	t.Cleanup(func() {
		inNode(t, node, "sh", "-ec", fmt.Sprintf(`
rm -r %[1]s
mv %[2]s.before %[2]s
systemctl restart containerd
ctr --namespace=k8s.io images ls -q | grep '^%[3]s/' | xargs -r ctr --namespace=k8s.io images rm`, hostsDir, containerdConfig, at))
	})
	inNode(t, node, "sh", "-ec", fmt.Sprintf(`
mkdir -p '%[1]s/%[3]s'
printf '[host."http://%[3]s"]\n' >'%[1]s/%[3]s/hosts.toml'
cp %[2]s %[2]s.before
printf '\n[plugins."io.containerd.cri.v1.images".registry]\n  config_path = "%[1]s"\n' >>%[2]s
systemctl restart containerd`, hostsDir, containerdConfig, at))
}

// gatewayOf returns the address at which the node reaches this machine.
func gatewayOf(t *testing.T, node string) string {
	t.Helper()
	fields := strings.Fields(docker(t, "inspect", "--format", "{{range .NetworkSettings.Networks}}{{.Gateway}} {{end}}", node))
	if len(fields) == 0 {
		t.Fatalf("node %s has no gateway", node)
	}
	return fields[0]
}

func inNode(t *testing.T, node string, command ...string) {
	t.Helper()
	docker(t, append([]string{"exec", node}, command...)...)
}

func docker(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(context.WithoutCancel(t.Context()), "docker", args...).CombinedOutput()
	if err != nil {
		t.Fatalf("docker %s: %v: %s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

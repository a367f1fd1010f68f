package clients

import (
	"context"
	"os"
	"path/filepath"
	"strings"

	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	fixture "github.com/inroads-k8s/inroads/fixtures/clients"
	"github.com/inroads-k8s/inroads/framework/access"
	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/framework/harness"
)

const (
	clientModule   = "k8s.io/client-go"
	clientset      = clientModule + "/kubernetes"
	apiTypes       = "k8s.io/api/core/v1"
	formerTypes    = clientModule + "/pkg/api/v1"
	mainRepository = "k8s.io/kubernetes"

	// Programs of fixtures/clients, and what they print.
	application   = "application.go"
	typesProgram  = "types.go"
	versions      = "versions.go"
	saysClientset = "clientset "
	saysObject    = "object "
	saysVersion   = "client-go "
	saysRemoved   = "policy/v1beta1 NotFound true"
	saysForbidden = "IsForbidden true"

	// tagPrefix is that of the tags by which client-go names versions of Kubernetes.
	tagPrefix, modulePrefix = "kubernetes-1.", "v0."
	noTag                   = clientModule + "@kubernetes-1.0.999"

	note    = "note"
	another = "another"
)

var _ = harness.Area(catalog.PathClients, func() {
	harness.Prove("go-client/write-app", func(ctx context.Context, env *harness.Env) {
		meet := func(what string, host access.Host, name string, want catalog.Outcome) access.Result {
			r := env.RunGoProgram(ctx, host, application, env.Namespace(ctx), name)
			env.Meet(access.Blame(r, want), "the application "+what, r, want)
			env.At(catalog.HopTool)
			return r
		}
		goClient.meet(ctx, env, "lists pods with kubectl's kubeconfig", env.Host, metav1.NamespaceDefault, catalog.Reached)
		env.Namespace(ctx)
		env.Leaves(ctx, "configmaps", note)
		meet("creates an object", env.Host, note, catalog.Reached)
		made, err := env.Client.CoreV1().ConfigMaps(env.Namespace(ctx)).Get(ctx, note, metav1.GetOptions{})
		Expect(err).NotTo(HaveOccurred(), "the object that the application has created")
		r := meet("finds the object", env.Host, note, catalog.Reached)
		Expect(strings.TrimSpace(r.Stdout)).To(Equal("found "+note+" by "+made.Data["by"]), "what the application says of the object")
		visiting := env.HostWith("visitor", env.Kubeconfig().WithToken(tokenOfVisitor(ctx, env)))
		r = meet("has no right to it", visiting, another, catalog.Forbidden)
		Expect(r.Stderr).To(ContainSubstring(saysForbidden), "what client-go tells of the error")
	})

	harness.Prove("go-client/import-path", func(ctx context.Context, env *harness.Env) {
		r := env.RunGoProgram(ctx, env.Host, typesProgram, metav1.NamespaceDefault)
		env.Meet(access.Blame(r, catalog.Reached), "a program of client-go lists pods", r, catalog.Reached)
		env.At(catalog.HopTool)
		Expect(strings.Split(strings.TrimSpace(r.Stdout), "\n")).To(Equal([]string{saysClientset + clientset, saysObject + apiTypes}), "where the types of the program are")
		r = env.Meet(catalog.HopTool, "go lists what the program is built from", env.ListGo(ctx, "-deps", "."), catalog.Reached)
		packages := strings.Fields(r.Stdout)
		Expect(packages).To(ContainElements(clientset, apiTypes), "what the program is built from")
		Expect(packages).NotTo(ContainElement(HavePrefix(mainRepository+"/")), "what the program is built from")
		r = env.Saw(catalog.HopTool, "go looks for API objects in client-go", env.ListGo(ctx, formerTypes))
		Expect(r.Outcome).NotTo(Equal(catalog.Reached), "a package of API objects in client-go")
		Expect(r.Stderr).To(ContainSubstring("provides package "+formerTypes), "why there is none")
	})

	harness.Prove("go-client/compat-matrix", func(ctx context.Context, env *harness.Env) {
		meet := func(what, namespace string, run func(context.Context, access.Host, string, ...string) access.Result) access.Result {
			r := run(ctx, env.Host, versions, namespace)
			return env.Meet(access.Blame(r, catalog.Reached), what, r, catalog.Reached)
		}
		meet("client-go of this version asks", metav1.NamespaceDefault, env.RunGoProgram)
		createPods(ctx, env)
		var seen []int
		for _, run := range []func(context.Context, access.Host, string, ...string) access.Result{env.RunGoProgram, env.RunPreviousGoProgram} {
			r := meet("a version of client-go asks", env.Namespace(ctx), run)
			user, pods := access.Listed(r)
			env.At(catalog.HopAuthn)
			Expect(user).To(Equal(whoami(ctx, env)), "whom the API server takes it for")
			env.At(catalog.HopTool)
			Expect(pods).To(ConsistOf(firstPod, secondPod), "the pods that it lists")
			version, rest, _ := strings.Cut(strings.TrimPrefix(r.Stdout, saysVersion), "\n")
			seen = append(seen, minorOf(version))
			env.At(catalog.HopAPI)
			Expect(rest).To(ContainSubstring(saysRemoved), "what it gets of a version of an API that is gone")
		}
		env.At(catalog.HopTool)
		own := minorOf(clientVersion(ctx, env))
		Expect(seen).To(Equal([]int{own, own - 1}), "the minor versions of client-go")
	})

	harness.Prove("go-client/install", func(ctx context.Context, env *harness.Env) {
		version := clientVersion(ctx, env)
		dir := filepath.Join(env.Dir(), "module")
		env.Require(os.Mkdir(dir, 0o700), "making the folder of a module")
		in := "-C=" + dir
		program := env.WriteFile(filepath.Join(filepath.Base(dir), "client.go"), string(fixture.Read(fixture.Go, "client.go.txt")))
		run := func() access.Result {
			return env.GoTool(ctx, env.Host, "run", in, "-mod=mod", filepath.Base(program), metav1.NamespaceDefault)
		}

		env.Meet(catalog.HopTool, "go makes a module", env.GoTool(ctx, env.Host, "mod", "init", in, "inroads.example/installed"), catalog.Reached)
		r := env.Saw(catalog.HopTool, "go builds a program without client-go", env.GoTool(ctx, env.Host, "build", in, "-mod=readonly", "."))
		Expect(r.Outcome).NotTo(Equal(catalog.Reached), "the program without client-go")
		Expect(r.Stderr).To(ContainSubstring("providing package "+clientset), "why it is not built")
		r = env.Saw(catalog.HopTool, "go gets a tag that is not there", env.GoTool(ctx, env.Host, "get", in, noTag))
		Expect(r.Outcome).NotTo(Equal(catalog.Reached), "a tag that is not there")

		tag := tagPrefix + strings.TrimPrefix(version, modulePrefix)
		env.Meet(catalog.HopTool, "go gets client-go", env.GoTool(ctx, env.Host, "get", in, clientModule+"@"+tag), catalog.Reached)
		r = env.Meet(catalog.HopTool, "go tells which client-go it has got", env.GoTool(ctx, env.Host, "list", in, "-m", "-f={{.Version}}", clientModule), catalog.Reached)
		Expect(strings.TrimSpace(r.Stdout)).To(Equal(version), "the version that the tag is")
		r = run()
		env.Meet(access.Blame(r, catalog.Reached), "the program lists pods", r, catalog.Reached)
		user, _ := access.Listed(r)
		env.At(catalog.HopAuthn)
		Expect(user).To(Equal(whoami(ctx, env)), "whom the API server takes the program for")
	})
})

package clients

import (
	"context"
	"strings"

	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/inroads-k8s/inroads/framework/access"
	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/framework/harness"
)

const (
	printVersion  = "import kubernetes; print(kubernetes.__version__)"
	saysNoModule  = "No module named 'kubernetes'"
	saysInstalled = "Version: "
)

var _ = harness.Area(catalog.PathClients, func() {
	harness.Prove("py-client/install", func(ctx context.Context, env *harness.Env) {
		venv, r := env.MakeVenv(ctx)
		env.Meet(catalog.HopTool, "Python makes a virtual environment", r, catalog.Reached)
		r = env.Saw(catalog.HopTool, "Python imports kubernetes before it is installed", venv.Python(ctx, "-c", printVersion))
		Expect(r.Outcome).NotTo(Equal(catalog.Reached), "importing kubernetes before it is installed")
		Expect(r.Stderr).To(ContainSubstring(saysNoModule), "why it is not imported")

		env.Meet(catalog.HopTool, "pip installs kubernetes", venv.Pip(ctx, "install", access.PythonClient), catalog.Reached)
		r = env.Saw(catalog.HopTool, "Python imports kubernetes", venv.Python(ctx, "-c", printVersion))
		Expect(r.Outcome).To(Equal(catalog.Reached), "importing kubernetes: %s", r)
		version := strings.TrimSpace(r.Stdout)
		r = env.Meet(catalog.HopTool, "pip tells what it has installed", venv.Pip(ctx, "show", access.PythonClient), catalog.Reached)
		Expect(strings.Split(r.Stdout, "\n")).To(ContainElement(saysInstalled+version), "the version that pip has installed")

		r = venv.RunClient(ctx, metav1.NamespaceDefault)
		env.Meet(access.Blame(r, catalog.Reached), "the program lists pods", r, catalog.Reached)
		user, _ := access.Listed(r)
		env.At(catalog.HopAuthn)
		Expect(user).To(Equal(whoami(ctx, env)), "whom the API server takes the program for")
	})
})

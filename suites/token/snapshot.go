package token

import (
	"context"
	"encoding/json"

	"github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/inroads-k8s/inroads/fixtures"
	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/framework/harness"
)

const (
	// damagedSecret is the documented block as the snapshot of the page has it,
	// which ends before the here-document does, and damagedRoot its output.
	damagedSecret = "snapshot-secret"
	damagedRoot   = "api-root"
	// noYAML is what kubectl says of the block.
	noYAML    = "mapping values are not allowed in this context"
	applyIt   = "kubectl apply"
	dryRunSay = "(server dry run)"
)

var _ = harness.Area(catalog.PathToken, func() {
	harness.Prove("meta/snapshot-text-damage", func(ctx context.Context, env *harness.Env) {
		r := newReader(ctx, env)
		gone := func() {
			ginkgo.GinkgoHelper()
			_, err := env.Client.CoreV1().Secrets(r.namespace).Get(ctx, secretName, metav1.GetOptions{})
			if err != nil && !apierrors.IsNotFound(err) {
				env.Require(err, "looking for the Secret")
			}
			env.At(catalog.HopTool)
			Expect(err).To(HaveOccurred(), "the Secret is there")
		}

		ginkgo.By("the snapshot's text is no YAML, and its output no JSON")
		refused := env.Meet(catalog.HopTool, "the snapshot's Secret is applied", r.host.Shell(ctx, fixtures.Command(damagedSecret)), catalog.Failed)
		Expect(refused.Stderr).To(ContainSubstring(noYAML), "why kubectl refuses the snapshot's Secret")
		gone()
		Expect(json.Valid([]byte(fixtures.Output(damagedRoot)))).To(BeFalse(), "the snapshot's output is JSON")
		r.root(ctx)

		ginkgo.By("with what the snapshot has lost the Secret is accepted, and filled in")
		dry := replace(env, fixtures.Command(createSecret), applyIt, applyIt+" --dry-run=server")
		tried := env.Meet(catalog.HopAPI, "the API server is asked whether it would accept the repaired Secret", r.host.Shell(ctx, dry), catalog.Reached)
		Expect(tried.Stdout).To(ContainSubstring(dryRunSay), "what kubectl says of a dry run")
		gone()
		env.At(catalog.HopController)
		Expect(r.requestToken(ctx) == "").To(BeFalse(), "the token in the Secret")
	})
})

package harness

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/onsi/ginkgo/v2"

	"github.com/inroads-k8s/inroads/framework/access"
	"github.com/inroads-k8s/inroads/framework/catalog"
)

// picturesDir is the folder of screenshots, below that of the reports.
const picturesDir = "pictures"

// Browser starts a browser with a new profile in a folder of the given name,
// until the spec ends.
func (e *Env) Browser(ctx context.Context, name string, o access.BrowserOptions) *access.Browser {
	ginkgo.GinkgoHelper()
	o.Dir = filepath.Join(e.dir, name)
	b, err := e.Host.StartBrowser(ctx, o)
	if way := (*brokenWayError)(nil); err != nil && errors.As(context.Cause(ctx), &way) {
		e.Held(catalog.HopTool, err)
	}
	e.Require(err, "starting a browser")
	ginkgo.DeferCleanup(b.Close)
	return b
}

// Picture keeps what the browser shows as a PNG file beside the reports, mode
// 0600. It is evidence alone: what it says is asserted elsewhere, and a browser
// that gives none fails nothing.
func (e *Env) Picture(hop catalog.Hop, what string, b *access.Browser) {
	ginkgo.GinkgoHelper()
	png, err := b.Screenshot()
	if err != nil {
		e.NotSeen(hop, what, err)
		return
	}
	dir := filepath.Join(cmp.Or(run.options.Artifacts, DefaultArtifacts), picturesDir)
	e.Require(os.MkdirAll(dir, 0o700), "making the folder of screenshots")
	path := filepath.Join(dir, strings.ReplaceAll(string(e.Claim.ID), "/", "-")+".png")
	e.Require(os.WriteFile(path, png, 0o600), "writing a screenshot")
	fmt.Fprintf(ginkgo.GinkgoWriter, "%s\n  %s\n", what, path)
}

package harness

import (
	"context"
	"crypto/sha256"
	"fmt"
	"path/filepath"

	"github.com/onsi/ginkgo/v2"
	"k8s.io/client-go/rest"

	"github.com/inroads-k8s/inroads/framework/cluster/cache"
)

// Alone returns once no other run of this machine has the part of the cluster, and
// keeps others off it until the spec ends: a run in another context of the same
// cluster, say. What a spec makes in its own namespace needs none of this.
func (e *Env) Alone(ctx context.Context, part string) {
	ginkgo.GinkgoHelper()
	unlock, err := lockIn(ctx, e.Config, part, "")
	e.Require(err, "waiting for other runs at the "+part)
	ginkgo.DeferCleanup(unlock)
}

// lockIn takes the lock of something in the cluster at the configuration's address,
// which one run of this machine has at a time. It ends with this process at the
// latest.
func lockIn(ctx context.Context, config *rest.Config, what, name string) (unlock func(), err error) {
	dir, err := cache.Dir()
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256([]byte(config.Host + "\x00" + name))
	return cache.Lock(ctx, filepath.Join(dir, fmt.Sprintf("%s-%x.lock", what, sum[:8])), func() {
		fmt.Fprintln(ginkgo.GinkgoWriter, "waiting for another run, which has the "+what)
	})
}

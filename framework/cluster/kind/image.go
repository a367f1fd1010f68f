package kind

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"sigs.k8s.io/kind/pkg/apis/config/defaults"

	"github.com/inroads-k8s/inroads/framework/cluster"
	"github.com/inroads-k8s/inroads/framework/cluster/nodeimage"
)

const (
	// probeTimeout is how long a registry may take to say that it is one. A machine
	// without a network often drops what it cannot route, and a pull then hangs.
	probeTimeout = 3 * time.Second
	// pullTimeout bounds the pull of an image for which there is another choice.
	pullTimeout = 10 * time.Minute
)

// chosenImage is what comes with the choice of a node image.
type chosenImage struct {
	images    cluster.Images
	preloaded bool
	kubectl   string
}

// chooseImage decides on the node image, puts it into the engine and into the
// configuration. The log says which and why.
func (p *Provider) chooseImage(ctx context.Context, config *clusterConfig) (chosenImage, error) {
	public := chosenImage{images: cluster.PublicImages()}
	named, open := config.images()
	switch {
	case p.o.NodeImage != "":
		config.setImage(p.o.NodeImage, true)
		return public, p.fetch(ctx, p.o.NodeImage, "it was asked for")
	case p.o.KubernetesVersion != "":
		return p.buildImage(ctx, config, "Kubernetes "+p.o.KubernetesVersion+" was asked for", true)
	}
	for _, image := range named {
		if err := p.fetch(ctx, image, "the configuration names it"); err != nil {
			return chosenImage{}, err
		}
	}
	if !open {
		return public, nil
	}
	var why string
	if p.engine.hasImage(ctx, defaults.Image) {
		p.logf("using node image %s, because %s has it", defaults.Image, p.engine)
		config.setImage(defaults.Image, false)
		return public, nil
	} else if err := p.answers(ctx, defaults.Image); err != nil {
		why = fmt.Sprintf("kind's own cannot be pulled: %v", err)
	} else if err := p.pull(ctx, defaults.Image, "it is kind's own and its registry answers"); err != nil {
		why = fmt.Sprintf("kind's own was not pulled: %v", err)
	} else {
		config.setImage(defaults.Image, false)
		return public, nil
	}
	if ctx.Err() != nil {
		return chosenImage{}, context.Cause(ctx)
	}
	return p.buildImage(ctx, config, why, false)
}

// buildImage has inroads build a node image, unless it has it, and loads it.
func (p *Provider) buildImage(ctx context.Context, config *clusterConfig, why string, all bool) (chosenImage, error) {
	p.logf("using a node image that inroads builds, because %s", why)
	image, err := p.build(ctx, nodeimage.Options{KubernetesVersion: p.o.KubernetesVersion, CacheDir: p.o.CacheDir, Log: p.o.Log})
	if err != nil {
		return chosenImage{}, err
	}
	if p.engine.hasImage(ctx, image.Ref) {
		p.logf("using node image %s, Kubernetes %s, which %s has", image.Ref, image.KubernetesVersion, p.engine)
	} else {
		started := time.Now()
		if _, err := p.engine.run(ctx, "load", "--input", image.Archive); err != nil {
			return chosenImage{}, err
		}
		p.logf("loaded node image %s, Kubernetes %s, into %s in %s", image.Ref, image.KubernetesVersion, p.engine, seconds(time.Since(started)))
	}
	config.setImage(image.Ref, all)
	return chosenImage{
		images:    cluster.Images{Server: image.ServerImage, Client: image.ClientImage},
		preloaded: true,
		kubectl:   image.Kubectl,
	}, nil
}

// fetch pulls an image that the engine does not have. kind would do so too, but
// not end with ctx.
func (p *Provider) fetch(ctx context.Context, image, why string) error {
	if p.engine.hasImage(ctx, image) {
		p.logf("using node image %s, because %s", image, why)
		return nil
	}
	_, err := p.engine.run(ctx, "pull", image)
	if err == nil {
		p.logf("pulled node image %s, because %s", image, why)
	}
	return err
}

func (p *Provider) pull(ctx context.Context, image, why string) error {
	p.logf("pulling node image %s, because %s", image, why)
	ctx, cancel := context.WithTimeoutCause(ctx, pullTimeout, fmt.Errorf("not pulled after %s", pullTimeout))
	defer cancel()
	_, err := p.engine.run(ctx, "pull", image)
	return err
}

// registryAnswers asks the image's registry whether it is one, as a pull would
// first, see https://github.com/opencontainers/distribution-spec.
func registryAnswers(ctx context.Context, image string) error {
	ref, err := name.ParseReference(image)
	if err != nil {
		return fmt.Errorf("reading image name %q: %w", image, err)
	}
	registry := ref.Context().Registry
	url := registry.Scheme() + "://" + registry.RegistryStr() + "/v2/"
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return fmt.Errorf("asking registry %q: %w", url, err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("asking the registry: %w", err)
	}
	defer resp.Body.Close()
	// 401 comes with the address at which even the anonymous get a token.
	if resp.StatusCode != http.StatusOK && resp.StatusCode != http.StatusUnauthorized {
		return fmt.Errorf("asking registry %q: %s", url, resp.Status)
	}
	return nil
}

package harness

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/framework/cluster"
)

const (
	// clockTolerance is by how much two clocks may differ: API servers give
	// tokens a minute of leeway.
	clockTolerance = time.Minute
	// expirySoon is how long before its end a certificate is told of.
	expirySoon = 24 * time.Hour
	// listedImages is how many images a kubelet lists by default, and nodesSeen
	// how many nodes are looked at.
	listedImages = 50
	nodesSeen    = 100
)

// clocks compares the API server's clock with this machine's, and both
// certificates with them.
func (p *preflight) clocks(ctx context.Context) []Finding {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(p.config.Host, "/")+"/version", nil)
	if err != nil {
		return []Finding{unseen(checkClock, err)}
	}
	sent := time.Now()
	response, err := p.http.Do(request)
	if err != nil {
		return []Finding{unseen(checkClock, err)}
	}
	defer func() { _ = response.Body.Close() }()
	clock, skew := compareClocks(response.Header.Get("Date"), sent, time.Now())
	findings := []Finding{clock}
	var client, server *x509.Certificate
	if pair, err := tls.X509KeyPair(p.config.CertData, p.config.KeyData); err == nil {
		client = pair.Leaf
	}
	if response.TLS != nil && len(response.TLS.PeerCertificates) > 0 {
		server = response.TLS.PeerCertificates[0]
	}
	return append(findings, judgeCertificates(p.now, skew, client, server)...)
}

// compareClocks judges what the Date of an answer says of the server's clock. The
// header has whole seconds, and the answer took its time.
func compareClocks(date string, sent, received time.Time) (Finding, time.Duration) {
	at, err := http.ParseTime(date)
	if err != nil {
		return Finding{Check: checkClock, Severity: Unseen, Saw: "the API server's answer has no date"}, 0
	}
	const resolution = time.Second
	var skew time.Duration
	switch {
	case at.Add(resolution).Before(sent):
		skew = at.Add(resolution).Sub(sent)
	case at.After(received):
		skew = at.Sub(received)
	}
	if skew.Abs() <= clockTolerance {
		return Finding{Check: checkClock, Severity: Fine, Saw: fmt.Sprintf("within %s of the API server's", max(skew.Abs(), resolution).Round(resolution))}, skew
	}
	way := "ahead of"
	if skew < 0 {
		way = "behind"
	}
	return Finding{
		Check: checkClock, Severity: Warning, Next: "timedatectl",
		Saw: fmt.Sprintf("the API server's clock is %s %s this machine's: tokens, which have %s of leeway, and certificates seem expired or not yet valid to one of them", skew.Abs().Round(resolution), way, clockTolerance),
	}, skew
}

// judgeCertificates looks how long the certificates are still valid, by whichever
// clock is nearer to the end.
func judgeCertificates(now time.Time, skew time.Duration, client, server *x509.Certificate) []Finding {
	early, late := now.Add(min(skew, 0)), now.Add(max(skew, 0))
	var findings []Finding
	judge := func(whose, next string, c *x509.Certificate) {
		if c == nil {
			return
		}
		var saw string
		switch {
		case c.NotBefore.After(early):
			saw = fmt.Sprintf("the %s is not valid before %s", whose, c.NotBefore.UTC().Format(time.RFC3339))
		case c.NotAfter.Before(late.Add(expirySoon)):
			saw = fmt.Sprintf("the %s ends in %s, at %s", whose, c.NotAfter.Sub(late).Round(time.Second), c.NotAfter.UTC().Format(time.RFC3339))
		default:
			return
		}
		findings = append(findings, Finding{Check: checkCertificates, Severity: Warning, Saw: saw, Next: next})
	}
	judge("client's certificate", "kubeadm certs check-expiration, or get another kubeconfig", client)
	judge("API server's certificate", "kubeadm certs check-expiration", server)
	if len(findings) > 0 || client == nil && server == nil {
		return findings
	}
	ends := []string{}
	for _, c := range []struct {
		whose string
		cert  *x509.Certificate
	}{{"client's", client}, {"API server's", server}} {
		if c.cert != nil {
			ends = append(ends, fmt.Sprintf("%s until %s", c.whose, c.cert.NotAfter.UTC().Format(time.RFC3339)))
		}
	}
	return []Finding{{Check: checkCertificates, Severity: Fine, Saw: strings.Join(ends, ", ")}}
}

// listNodes looks at the nodes and, in a cluster that someone set up, chooses images
// by what they have, as a run does.
func (p *preflight) listNodes(ctx context.Context) {
	list, err := p.client.CoreV1().Nodes().List(ctx, metav1.ListOptions{Limit: nodesSeen})
	if err != nil {
		p.unlisted = err
		return
	}
	p.nodes = list.Items
	if p.options.Existing() && len(p.options.Clusters) == 0 {
		p.ref.Own = cluster.OwnImages(p.nodes)
		p.ref.Images = p.options.Images.For(p.options.ImageRegistry, p.ref.Own)
		p.options.Clusters = []cluster.Ref{p.ref}
	}
}

// images looks whether the images of the run are on the nodes, where a selected
// claim starts pods.
func (p *preflight) images() []Finding {
	needed := func(f catalog.Feature) bool {
		return slices.ContainsFunc(p.options.Applicable(), func(c catalog.Claim) bool { return slices.Contains(c.Needs, f) })
	}
	wanted := slices.Compact([]string{p.ref.Images.Server, p.ref.Images.Client})
	if !needed(catalog.Pods) || slices.Contains(wanted, "") {
		return nil
	}
	// One that inroads has built it has put there, which nodes tell minutes later.
	if given := p.options.Images.Library; given != "" && needed(catalog.LibraryImage) {
		wanted = append(wanted, given)
	}
	if p.unlisted != nil {
		return []Finding{unseen(checkImages, p.unlisted)}
	}
	findings := judgeImages(wanted, p.nodes)
	if chosen := p.ref.Images.Among(p.ref.Own); len(chosen) > 0 && p.options.Existing() {
		findings = append(findings, Finding{Check: checkImages, Severity: Fine, Saw: "chosen, for every node has it: " + strings.Join(chosen, ", ")})
	}
	return findings
}

func judgeImages(wanted []string, nodes []corev1.Node) []Finding {
	var findings []Finding
	for _, image := range wanted {
		var without []string
		for _, n := range nodes {
			if !n.Spec.Unschedulable && !hasImage(n, image) {
				without = append(without, n.Name)
			}
		}
		if len(without) > 0 {
			findings = append(findings, Finding{
				Check: checkImages, Severity: Warning,
				Saw:  fmt.Sprintf("%s is not on %d of %d nodes (%s), which have to pull it", image, len(without), len(nodes), clipList(without)),
				Next: "load it onto the nodes, or give others with --server-image and --client-image",
			})
		}
	}
	if len(findings) > 0 {
		return findings
	}
	return []Finding{{Check: checkImages, Severity: Fine, Saw: strings.Join(wanted, ", ") + " on every node"}}
}

// hasImage is whether the node lists the image. A node that lists as many as a
// kubelet does at most may have it all the same, and counts as having it.
func hasImage(n corev1.Node, image string) bool {
	if len(n.Status.Images) >= listedImages {
		return true
	}
	return slices.ContainsFunc(n.Status.Images, func(i corev1.ContainerImage) bool {
		return slices.ContainsFunc(i.Names, func(name string) bool {
			return name == image || name == "docker.io/"+image || name == "docker.io/library/"+image
		})
	})
}

// shownNodes is how many nodes a finding names.
const shownNodes = 3

func clipList(names []string) string {
	slices.Sort(names)
	if len(names) <= shownNodes {
		return strings.Join(names, ", ")
	}
	return strings.Join(names[:shownNodes], ", ") + ", …"
}

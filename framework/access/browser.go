package access

import (
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/framework/probe"
)

const (
	// BrowserProgram is the browser, and CertutilProgram what imports an
	// authority into it.
	BrowserProgram  = "chromium"
	CertutilProgram = "certutil"

	// nssStore is where Chromium looks for authorities that a user has imported,
	// below the home folder.
	nssStore = ".pki/nssdb"
	// trustedForServers is certutil's word for an authority that may vouch for
	// servers, and for nothing else.
	trustedForServers = "C,,"
	// browserCloseTime is how long a browser may take to close by itself, and
	// pageTime how long a page may take, connection and all.
	browserCloseTime = 5 * time.Second
	pageTime         = 15 * time.Second
	// pageText is the text of a page: a browser shows JSON and plain text in the
	// page's only pre.
	pageText = `(document.querySelector("pre") ?? document.body).textContent`
)

// BrowserOptions say what a browser knows.
type BrowserOptions struct {
	// Dir is a folder that does not exist yet, the browser's home folder with
	// its profile.
	Dir string
	// Authorities are certificates in PEM that are imported into it.
	Authorities []byte
	// Elsewhere maps hosts, or hosts with a port, to those that the browser
	// connects to instead. What it asks there, and what it expects of the
	// server's certificate, stays as it is.
	Elsewhere map[string]string
}

// Browser is a running Chromium without a window, in a new profile.
type Browser struct {
	ctx    context.Context
	cancel context.CancelFunc
	group  int
	once   sync.Once
	// asked is whether a page has been opened, on whose connection another may be.
	asked bool
}

// StartBrowser starts the browser and returns once it answers. It is told what to
// do through a pipe: it listens nowhere. It ends with Close, with ctx or with this
// process, whichever comes first, and runs in this machine's own network.
func (h Host) StartBrowser(ctx context.Context, o BrowserOptions) (*Browser, error) {
	if err := os.Mkdir(o.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the folder of a browser: %w", err)
	}
	h.Home = o.Dir
	if err := h.importAuthorities(ctx, o.Authorities); err != nil {
		return nil, err
	}
	path, err := exec.LookPath(BrowserProgram)
	if err != nil {
		return nil, fmt.Errorf("running %q: %w: %w", BrowserProgram, ErrNotStarted, err)
	}
	// Chromium was seen to crash as it starts, which says nothing of what it is to be
	// asked.
	b, err := h.startBrowser(ctx, path, "profile", o)
	if err != nil && ctx.Err() == nil {
		var again error
		if b, again = h.startBrowser(ctx, path, "second-profile", o); again == nil {
			return b, nil
		}
		err = errors.Join(err, again)
	}
	return b, err
}

// startBrowser starts it once, with a new profile.
func (h Host) startBrowser(ctx context.Context, path, profile string, o BrowserOptions) (*Browser, error) {
	var cmd *exec.Cmd
	var said lockedBuffer
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.NoInheritEnv, chromedp.CombinedOutput(&said),
		chromedp.UserDataDir(filepath.Join(o.Dir, profile)),
		chromedp.Flag("disable-gpu", true), chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true),
		chromedp.ModifyCmdFunc(func(c *exec.Cmd) {
			cmd = c
			// What it makes in the folder for temporary files it does not always
			// remove. The path, with a socket's name after it, has to be short.
			c.Env, c.Dir = append(h.environ(), "TMPDIR=."), o.Dir
			endWithGroup(c)
		}),
	)
	if len(o.Elsewhere) > 0 {
		options = append(options, chromedp.Flag("host-resolver-rules", resolverRules(o.Elsewhere)))
	}
	allocating, cancel := chromedp.NewExecAllocator(ctx, options...)
	tab, _ := chromedp.NewContext(allocating, chromedp.WithErrorf(func(string, ...any) {}))
	b := &Browser{ctx: tab, cancel: cancel}
	err := chromedp.Do(tab)
	if cmd != nil && cmd.Process != nil {
		b.group = cmd.Process.Pid
	}
	if err != nil {
		b.Close()
		return nil, fmt.Errorf("starting %q: %w: %s", BrowserProgram, err, clip(strings.TrimSpace(said.String())))
	}
	return b, nil
}

// resolverRules are in the words of --host-resolver-rules.
func resolverRules(elsewhere map[string]string) string {
	var rules []string
	for _, host := range slices.Sorted(maps.Keys(elsewhere)) {
		rules = append(rules, "MAP "+host+" "+elsewhere[host])
	}
	return strings.Join(rules, ",")
}

// importAuthorities makes the store of the home folder, which holds the
// certificates and nothing else.
func (h Host) importAuthorities(ctx context.Context, bundle []byte) error {
	dir := filepath.Join(h.Home, nssStore)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("making the browser's store of authorities: %w", err)
	}
	store := "sql:" + dir
	if err := h.certutil(ctx, "", "-N", "-d", store, "--empty-password"); err != nil {
		return err
	}
	for i := 1; ; i++ {
		var block *pem.Block
		if block, bundle = pem.Decode(bundle); block == nil {
			return nil
		}
		name := fmt.Sprintf("inroads %d", i)
		if err := h.certutil(ctx, string(pem.EncodeToMemory(block)), "-A", "-d", store, "-a", "-n", name, "-t", trustedForServers); err != nil {
			return err
		}
	}
}

func (h Host) certutil(ctx context.Context, stdin string, args ...string) error {
	r := h.Exec(ctx, strings.NewReader(stdin), CertutilProgram, args...)
	if r.Outcome != catalog.Reached {
		return fmt.Errorf("importing an authority: %s", r.Summary())
	}
	return nil
}

// Get opens the URL as somebody does who types it, and returns what the page
// says, or why the browser shows a page of its own instead. A token goes with
// every request of the page, as an extension of the browser would have it; an
// empty one does not. Of an answer with the status of an error and no body the
// browser tells no status: that is Failed.
func (b *Browser) Get(ctx context.Context, url string, token probe.Secret) Result {
	r := b.open(ctx, url, token)
	// The API server closes a connection of HTTP/2 on which somebody unknown has
	// asked (UnauthenticatedHTTP2DOSMitigation), and the browser may be about to
	// ask on it again. A new connection is made for the next try.
	if b.asked && r.Stderr == errConnectionClosed {
		r = b.open(ctx, url, token)
	}
	b.asked = true
	return r
}

func (b *Browser) open(ctx context.Context, url string, token probe.Secret) Result {
	r := Result{Command: commandLine(BrowserProgram, url)}
	tab, cancel := context.WithTimeoutCause(b.ctx, pageTime, fmt.Errorf("no page in %s", pageTime))
	defer cancel()
	defer context.AfterFunc(ctx, cancel)()
	start := time.Now()
	response, err := chromedp.Run(tab, navigate(url, token))
	if err == nil {
		r.Stdout, err = chromedp.Run(tab, chromedp.Evaluate[string](pageText))
	}
	r.Duration = time.Since(start)
	if response != nil {
		r.Status = int(response.Status)
		r.Outcome = catalog.FromStatus(r.Status)
	}
	var load *chromedp.LoadError
	switch {
	case err == nil:
	case errors.As(err, &load):
		r.Stderr, r.Outcome = load.ErrorText, browserOutcome(load.ErrorText)
	case ctx.Err() != nil && errors.Is(context.Cause(ctx), context.Canceled):
		r.Outcome, r.Err = catalog.Unknown, err
	case ctx.Err() != nil:
		// As in Do: a caller who gives up for a reason of his own has waited in vain.
		r.Stderr, r.Outcome = context.Cause(ctx).Error(), catalog.TimedOut
	case tab.Err() != nil && b.ctx.Err() == nil:
		r.Stderr, r.Outcome = context.Cause(tab).Error(), catalog.TimedOut
	default:
		r.Err = fmt.Errorf("opening %q: %w", url, err)
	}
	return r
}

func navigate(url string, token probe.Secret) chromedp.Action[*network.Response] {
	return func(ctx context.Context, t *chromedp.Target) (*network.Response, error) {
		headers := network.Headers{}
		if token != "" {
			headers["Authorization"] = "Bearer " + token.Reveal()
		}
		if _, err := cdp.Call(ctx, t, network.SetExtraHTTPHeaders, network.SetExtraHTTPHeadersParams{Headers: headers}); err != nil {
			return nil, err
		}
		return chromedp.NavigateResponse(url)(ctx, t)
	}
}

// Screenshot returns what the page looks like, as a PNG file.
func (b *Browser) Screenshot() ([]byte, error) {
	ctx, cancel := context.WithTimeout(b.ctx, pageTime)
	defer cancel()
	png, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	if err != nil {
		return nil, fmt.Errorf("taking a screenshot: %w", err)
	}
	return png, nil
}

// Close ends the browser and waits until its processes are gone. It may be called
// again.
func (b *Browser) Close() {
	b.once.Do(func() {
		closing, cancel := context.WithTimeout(b.ctx, browserCloseTime)
		defer cancel()
		_ = chromedp.Cancel(closing)
		if b.group != 0 {
			_ = syscall.Kill(-b.group, syscall.SIGKILL)
		}
		b.cancel()
	})
}

// errConnectionClosed is what Chromium says of a connection that ended.
const errConnectionClosed = "net::ERR_CONNECTION_CLOSED"

// browserErrors are Chromium's names of what went wrong, by the outcome.
var browserErrors = map[string]catalog.Outcome{
	"net::ERR_CERT_AUTHORITY_INVALID":   catalog.Untrusted,
	"net::ERR_CERT_COMMON_NAME_INVALID": catalog.Untrusted,
	"net::ERR_CERT_DATE_INVALID":        catalog.Untrusted,
	"net::ERR_CERT_INVALID":             catalog.Untrusted,
	"net::ERR_SSL_PROTOCOL_ERROR":       catalog.NotTLS,
	"net::ERR_NAME_NOT_RESOLVED":        catalog.Unresolved,
	"net::ERR_CONNECTION_REFUSED":       catalog.Refused,
	"net::ERR_CONNECTION_RESET":         catalog.Refused,
	errConnectionClosed:                 catalog.Refused,
	"net::ERR_EMPTY_RESPONSE":           catalog.Refused,
	"net::ERR_ADDRESS_UNREACHABLE":      catalog.Refused,
	"net::ERR_CONNECTION_TIMED_OUT":     catalog.TimedOut,
	"net::ERR_TIMED_OUT":                catalog.TimedOut,
}

func browserOutcome(text string) catalog.Outcome {
	if o, ok := browserErrors[text]; ok {
		return o
	}
	return catalog.Failed
}

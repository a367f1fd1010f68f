package fault

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"time"

	"github.com/inroads-k8s/inroads/framework/access"
	"github.com/inroads-k8s/inroads/framework/catalog"
)

// slowness is how long a slow API server lets each request wait: longer than a
// walk waits for an answer, and short enough for a spec to clean up after itself.
const slowness = 20 * time.Second

var frontFaults = []Fault{
	wayFault("mitm", catalog.HopTLS, func(ctx context.Context, s *Site, k access.Kubeconfig) (access.Kubeconfig, error) {
		mitm, err := s.startFront(ctx, k, access.MITMOptions{})
		if err != nil {
			return k, err
		}
		return k.WithServer(mitm.URL), nil
	}),
	frontFault("apiserver-slow", catalog.HopAPI, true, slowed),
	frontFault("answers-cut", catalog.HopAPI, true, cut),
	frontFault("apiserver-unavailable", catalog.HopAPI, true, unavailable),
	frontFault("query-dropped", catalog.HopBackend, false, withoutQuery),
	proxyRightMissing,
}

// frontFault is a fault of a reverse proxy in front of the API server that the
// run's kubeconfig trusts. Whoever gets in without it gets in through it, as the
// same user.
func frontFault(name string, hop catalog.Hop, way bool, change func(relay http.Handler) http.Handler) Fault {
	f := wayFault(name, hop, func(ctx context.Context, s *Site, k access.Kubeconfig) (access.Kubeconfig, error) {
		front, err := s.startFront(ctx, k, access.MITMOptions{Change: change, Vouch: true})
		if err != nil {
			return k, err
		}
		return k.WithServer(front.URL).WithCA(front.CAPEM), nil
	})
	if !way {
		f.Way, f.Took = false, whole
	}
	return f
}

// startFront starts what goes with the site. Its certificate is for the names
// that the run asks the API server for.
func (s *Site) startFront(ctx context.Context, k access.Kubeconfig, o access.MITMOptions) (*access.MITM, error) {
	u, err := url.Parse(k.Server())
	if err != nil {
		return nil, fmt.Errorf("parsing server %q: %w", k.Server(), err)
	}
	o.Upstream, o.Names = s.Config, []string{u.Hostname()}
	if s.Config.ServerName != "" {
		o.Names = append(o.Names, s.Config.ServerName)
	}
	// It has to outlive the injection.
	front, err := access.StartMITM(context.WithoutCancel(ctx), o)
	if err != nil {
		return nil, err
	}
	s.Defer(front.Stop)
	return front, nil
}

// slowed lets each request wait.
func slowed(relay http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		timer := time.NewTimer(slowness)
		defer timer.Stop()
		select {
		case <-timer.C:
			relay.ServeHTTP(w, r)
		case <-r.Context().Done():
		}
	})
}

// unavailable says what a load balancer says that has no server behind it.
func unavailable(http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "no server is available to handle this request", http.StatusServiceUnavailable)
	})
}

// targetProxy is a path that the API server passes on to a Service, pod or node.
var targetProxy = regexp.MustCompile(`^(/[^/]+)*?/api/v1/(namespaces/[^/]+/(services|pods)|nodes)/[^/]+/proxy(/|$)`)

// withoutQuery drops the query of what is for a backend. Without that of all
// else, a deletion of a few objects would be one of all.
func withoutQuery(relay http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if targetProxy.MatchString(r.URL.Path) {
			r.URL.RawQuery, r.URL.ForceQuery = "", false
		}
		relay.ServeHTTP(w, r)
	})
}

// cut breaks each answer off in its body. One without a body comes through.
func cut(relay http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		relay.ServeHTTP(&cutWriter{ResponseWriter: w}, r)
		// The relay aborts once it cannot write on.
	})
}

// cutWriter passes the first half of the first piece of a body on.
type cutWriter struct{ http.ResponseWriter }

var errCut = errors.New("breaking the answer off")

func (w *cutWriter) Write(b []byte) (int, error) {
	n, _ := io.Copy(w.ResponseWriter, bytes.NewReader(b[:len(b)/2]))
	return int(n), errCut
}

// Unwrap is for http.ResponseController, so that half an answer is sent.
func (w *cutWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

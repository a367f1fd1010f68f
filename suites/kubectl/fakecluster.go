package kubectl

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/inroads-k8s/inroads/framework/access"
)

const (
	// fallbackPort is that of fallback, which is where kubectl looks for a
	// cluster when it knows of none.
	fallbackPort = 8080
	fallback     = "http://localhost:8080"
	// fakeAnswer is what the fake cluster answers, as no real one does.
	fakeAnswer = `{"kind":"APIVersions","versions":["inroads-fake"]}`
	// shownCredential shows that the fake cluster sees credentials.
	shownCredential = "Bearer shown-on-purpose"
	headerTimeout   = 10 * time.Second
)

// fakeCluster answers every request at the fallback and remembers what
// credential came with it.
type fakeCluster struct {
	server *http.Server
	mu     sync.Mutex
	seen   []string
}

func startFakeCluster(network *access.Network) (*fakeCluster, error) {
	l, err := network.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", fallbackPort))
	if err != nil {
		return nil, err
	}
	f := &fakeCluster{}
	f.server = &http.Server{Handler: f, ReadHeaderTimeout: headerTimeout}
	go func() { _ = f.server.Serve(l) }()
	return f, nil
}

func (f *fakeCluster) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	f.seen = append(f.seen, r.Header.Get("Authorization"))
	f.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	_, _ = io.WriteString(w, fakeAnswer)
}

// authorizations returns the Authorization header of each request so far, ""
// for a request without one.
func (f *fakeCluster) authorizations() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.seen)
}

func (f *fakeCluster) stop() error { return f.server.Close() }

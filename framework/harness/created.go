package harness

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/json"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/inroads-k8s/inroads/framework/cluster"
)

// made is an object that a spec has created in a namespace.
type made struct {
	cluster.Object
	namespace string
	// asked is what the spec asked for, and got what admission made of it, in JSON;
	// nil of what another program was to create.
	asked, got []byte
}

// created keeps what one spec creates in namespaces, in memory alone. The data of
// Secrets is not in it.
type created struct {
	mu      sync.Mutex
	objects []*made
	// keep, when set, is told of all of them before one is created, and when it is
	// known to be there or not to be.
	keep func(objects []*made) error
}

// client returns a client that keeps what is created through it.
func (c *created) client(config *rest.Config) (kubernetes.Interface, error) {
	noted := rest.CopyConfig(config)
	// What is created is read in JSON; the clientset would speak protobuf.
	noted.ContentType, noted.AcceptContentTypes = runtime.ContentTypeJSON, runtime.ContentTypeJSON
	noted.Wrap(func(next http.RoundTripper) http.RoundTripper { return noting{next, c} })
	return kubernetes.NewForConfig(noted)
}

// add notes an object that is about to be created.
func (c *created) add(m *made) error {
	m.Noted = time.Now()
	return c.change(func() { c.objects = append(c.objects, m) })
}

// drop forgets an object that is not there.
func (c *created) drop(m *made) error {
	return c.change(func() { c.objects = slices.DeleteFunc(c.objects, func(o *made) bool { return o == m }) })
}

// found notes what the API server has made of an object.
func (c *created) found(m *made, uid types.UID, got []byte) error {
	return c.change(func() { m.UID, m.got = uid, got })
}

func (c *created) change(how func()) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	how()
	if c.keep == nil {
		return nil
	}
	return c.keep(c.objects)
}

// of returns the object of that UID, or nil.
func (c *created) of(uid types.UID) *made {
	c.mu.Lock()
	defer c.mu.Unlock()
	if i := slices.IndexFunc(c.objects, func(m *made) bool { return m.UID == uid }); i >= 0 {
		return c.objects[i]
	}
	return nil
}

// removeAll deletes what the spec has created, last first, and returns when it is
// gone.
func (c *created) removeAll(ctx context.Context, remove func(context.Context, *made) error) error {
	c.mu.Lock()
	objects := slices.Clone(c.objects)
	c.mu.Unlock()
	var errs []error
	for _, m := range slices.Backward(objects) {
		err := remove(ctx, m)
		if err == nil {
			err = c.drop(m)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// noting keeps what is created through it in namespaces.
type noting struct {
	next    http.RoundTripper
	created *created
}

func (n noting) RoundTrip(r *http.Request) (*http.Response, error) {
	m, err := creation(r)
	if err != nil {
		return nil, fmt.Errorf("noting what is created at %s: %w", r.URL.Path, err)
	}
	if m == nil {
		return n.next.RoundTrip(r)
	}
	if err := n.created.add(m); err != nil {
		return nil, err
	}
	response, err := n.next.RoundTrip(r)
	if err != nil {
		return response, err // it may be there nevertheless
	}
	// What is not noted from here on only has a sweep look once more.
	if response.StatusCode != http.StatusCreated {
		_ = n.created.drop(m)
		return response, nil
	}
	body, err := io.ReadAll(response.Body)
	_ = response.Body.Close()
	response.Body = io.NopCloser(bytes.NewReader(body))
	if err != nil {
		return response, err
	}
	var object metav1.PartialObjectMetadata
	if err := json.Unmarshal(body, &object); err != nil || object.UID == "" {
		return response, fmt.Errorf("reading what was created at %s: %w", m.Path, cmp.Or(err, errors.New("it has no UID")))
	}
	_ = n.created.found(m, object.UID, withoutData(r.URL.Path, body))
	return response, nil
}

// creation returns what the request is to create in a namespace, or nil.
func creation(r *http.Request) (*made, error) {
	_, within, ok := strings.Cut(r.URL.Path, "/namespaces/")
	namespace, resource, _ := strings.Cut(within, "/")
	// A subresource, whose path is longer, is no object of its own.
	if !ok || r.Method != http.MethodPost || resource == "" || strings.Contains(resource, "/") || r.URL.Query().Has("dryRun") {
		return nil, nil
	}
	if r.GetBody == nil {
		return nil, errors.New("the request can be read once only")
	}
	body, err := r.GetBody()
	if err != nil {
		return nil, err
	}
	defer func() { _ = body.Close() }()
	asked, err := io.ReadAll(body)
	if err != nil {
		return nil, err
	}
	var object metav1.PartialObjectMetadata
	if err := json.Unmarshal(asked, &object); err != nil || object.Name == "" {
		return nil, cmp.Or(err, errors.New("it has no name"))
	}
	return &made{Object: cluster.Object{Path: r.URL.Path + "/" + object.Name}, namespace: namespace, asked: withoutData(r.URL.Path, asked)}, nil
}

// withoutData returns the object without what a Secret holds, nil where that cannot
// be told.
func withoutData(path string, object []byte) []byte {
	if !strings.HasSuffix(path, "/secrets") {
		return object
	}
	var secret corev1.Secret
	if err := json.Unmarshal(object, &secret); err != nil {
		return nil
	}
	secret.Data, secret.StringData = nil, nil
	raw, err := json.Marshal(&secret)
	if err != nil {
		return nil
	}
	return raw
}

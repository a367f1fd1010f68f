package poll

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/go-logr/logr"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"
	toolswatch "k8s.io/client-go/tools/watch"
	"k8s.io/klog/v2"
)

// Client is the part of a typed client that a wait uses; client-go's have it:
// clientset.CoreV1().Pods("default").
type Client[List runtime.Object] interface {
	List(ctx context.Context, options metav1.ListOptions) (List, error)
	Watch(ctx context.Context, options metav1.ListOptions) (watch.Interface, error)
}

// Object is a pointer to an object of the API, such as *corev1.Pod.
type Object[T any] interface {
	*T
	runtime.Object
	metav1.Object
}

var (
	errAbsent  = errors.New("it does not exist")
	errDeleted = errors.New("it was deleted")
)

// ForObject watches the object with the given name until check returns nil for
// it, and returns it then. The error of check says what state it is in; that of
// Permanent ends the wait. If the context ends first the error is as Until's,
// its last error being that of check, that of the watch, or that there is no
// such object. It need not exist when the wait begins.
func ForObject[T any, O Object[T], List runtime.Object](ctx context.Context, what string, client Client[List], name string, check func(O) error) (O, error) {
	w := &watched{wait: start(ctx, what), last: errAbsent}
	var found O
	look := func(object O) (bool, error) {
		err := check(object)
		if permanent := (*permanentError)(nil); errors.As(err, &permanent) {
			return false, w.stopped(permanent.err)
		}
		if err != nil {
			w.note(err)
			return false, nil
		}
		found = object
		return true, nil
	}
	// No look into the store first: it may be ahead of the events, and then
	// an older state would be seen after a newer one.
	err := follow[T, O](ctx, w, client, name, nil, func(event watch.Event) (bool, error) {
		object, ok := event.Object.(O)
		switch {
		case !ok || object.GetName() != name:
			return false, nil
		case event.Type == watch.Deleted:
			w.note(errDeleted)
			return false, nil
		}
		return look(object)
	})
	return found, err
}

// Gone watches until there is no object with the given name. The last error of
// the wait says whether its deletion had begun and which finalizers hold it.
func Gone[T any, O Object[T], List runtime.Object](ctx context.Context, what string, client Client[List], name string) error {
	w := &watched{wait: start(ctx, what)}
	return follow[T, O](ctx, w, client, name, func(store cache.Store) (bool, error) {
		return !w.holds(store, name), nil
	}, func(event watch.Event) (bool, error) {
		object, ok := event.Object.(O)
		if !ok || object.GetName() != name {
			return false, nil
		}
		if event.Type == watch.Deleted {
			return true, nil
		}
		w.note(describeHeld(object))
		return false, nil
	})
}

func describeHeld(object metav1.Object) error {
	switch {
	case object.GetDeletionTimestamp() == nil:
		return errors.New("it exists and is not being deleted")
	case len(object.GetFinalizers()) > 0:
		return fmt.Errorf("it is being deleted and held by finalizers %q", object.GetFinalizers())
	default:
		return errors.New("it is being deleted")
	}
}

// watched is a wait whose last state comes from several goroutines.
type watched struct {
	*wait
	mu   sync.Mutex
	last error
	// refused is whether last is of the list or the watch.
	refused bool
}

func (w *watched) note(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.last, w.refused = err, false
}

// answered notes what a list or a watch was answered with. One that works
// again takes back the error of the one before; an event will tell the state.
func (w *watched) answered(ctx context.Context, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case err != nil && !ofContext(ctx, err):
		w.last, w.refused = err, true
	case err == nil && w.refused:
		w.last, w.refused = errAbsent, false
	}
}

func (w *watched) end(ctx context.Context) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.wait.last = w.last
	return w.ended(ctx)
}

// holds notes the state of the object with the given name, and tells whether
// it is there. A server honours the field selector; a fake one may not.
func (w *watched) holds(store cache.Store, name string) bool {
	for _, item := range store.List() {
		if object, ok := item.(metav1.Object); ok && object.GetName() == name {
			w.note(describeHeld(object))
			return true
		}
	}
	return false
}

// listWatch lists and then watches. The newer way, a watch that begins with
// the list, gains nothing for one object, and client-go's fake lacks it.
type listWatch struct{ *cache.ListWatch }

// IsWatchListSemanticsUnSupported is what client-go asks.
func (listWatch) IsWatchListSemanticsUnSupported() bool { return true }

func follow[T any, O Object[T], List runtime.Object](ctx context.Context, w *watched, client Client[List], name string, first toolswatch.PreconditionFunc, next toolswatch.ConditionFunc) error {
	selector := fields.OneTermEqualSelector(metav1.ObjectNameField, name).String()
	lw := listWatch{&cache.ListWatch{
		// Both use the wait's context: client-go's own would outlive it.
		ListWithContextFunc: func(_ context.Context, options metav1.ListOptions) (runtime.Object, error) {
			options.FieldSelector = selector
			list, err := client.List(ctx, options)
			w.answered(ctx, err)
			return list, err
		},
		WatchFuncWithContext: func(_ context.Context, options metav1.ListOptions) (watch.Interface, error) {
			options.FieldSelector = selector
			events, err := client.Watch(ctx, options)
			w.answered(ctx, err)
			return events, err
		},
	}}
	// The errors of the watch are in the wait's own error; client-go would
	// write them to standard error as well.
	quiet := klog.NewContext(ctx, logr.Discard())
	_, err := toolswatch.UntilWithSync(quiet, lw, O(new(T)), first, next)
	switch own := (*Error)(nil); {
	case err == nil, errors.As(err, &own):
		return err
	case ctx.Err() != nil:
		return w.end(ctx)
	default:
		return w.stopped(err)
	}
}

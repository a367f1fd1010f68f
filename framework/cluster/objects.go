package cluster

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/inroads-k8s/inroads/framework/cluster/ledger"
	"github.com/inroads-k8s/inroads/framework/poll"
)

const (
	// Objects is the kind of a ledger entry about what a spec creates in a namespace
	// that is not the run's own. The entry's name is the run's id.
	Objects ledger.Kind = "objects"

	detailObjects = "objects"
	detailUntil   = "until"
	// removedInterval is how often it is asked whether an object is gone.
	removedInterval = 100 * time.Millisecond
	// clockSkew is how far the clocks of this machine and of the API server may be
	// apart.
	clockSkew = time.Minute
)

// Object is an object that a run creates in a namespace that is not its own.
type Object struct {
	// Path is that of the object in the API.
	Path string `json:"path"`
	// UID is "" until the object is known to be there.
	UID types.UID `json:"uid,omitempty"`
	// Noted is when it was not there yet.
	Noted time.Time `json:"noted"`
}

// ObjectsEntry returns a ledger entry about what a spec of the run creates, which
// ends before the time given. About the cluster see NoteNamespaces.
func ObjectsEntry(in Ref, run string, until time.Time) (ledger.Entry, error) {
	e, err := entryIn(in, Objects, run)
	if err == nil {
		e.Detail[detailUntil] = until.UTC().Format(time.RFC3339)
	}
	return e, err
}

// NoteObjects puts the entry into the ledger, with the objects in the place of those
// that it had. Without objects it takes the entry away.
func NoteObjects(l *ledger.Ledger, e *ledger.Entry, objects []Object) error {
	if len(objects) == 0 {
		id := e.ID
		if e.ID = ""; id == "" {
			return nil
		}
		return l.Done(id)
	}
	raw, err := json.Marshal(objects)
	if err != nil {
		return fmt.Errorf("noting the objects of run %q: %w", e.Name, err)
	}
	e.Detail[detailObjects] = string(raw)
	return l.Put(e)
}

// RemoveObjects deletes the objects that the entry is about, last first, waits until
// they are gone, and returns the paths of those that were there. Those of a cluster
// whose kubeconfig is gone are gone with it.
func RemoveObjects(ctx context.Context, e ledger.Entry) (paths []string, err error) {
	client, err := clientOf(e)
	if client == nil {
		return nil, err
	}
	var objects []Object
	until, err := time.Parse(time.RFC3339, e.Detail[detailUntil])
	if err == nil {
		err = json.Unmarshal([]byte(e.Detail[detailObjects]), &objects)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the objects of run %q: %w", e.Name, err)
	}
	var errs []error
	for i := range objects {
		o := objects[len(objects)-1-i]
		bounded, cancel := context.WithTimeout(ctx, sweepTime)
		was, err := RemoveObject(bounded, client, o, until)
		cancel()
		if was {
			paths = append(paths, o.Path)
		}
		errs = append(errs, err)
	}
	return paths, errors.Join(errs...)
}

// RemoveObject deletes the object and returns when it is gone, and whether it was
// there. One whose UID is not known is the run's if it was created between Noted and
// the time given. An object of another UID, or of another time, is somebody else's
// and stays.
func RemoveObject(ctx context.Context, client kubernetes.Interface, o Object, until time.Time) (was bool, err error) {
	api := client.CoreV1().RESTClient()
	if o.UID == "" {
		found, err := FindObject(ctx, api, o.Path)
		if err != nil || found == nil {
			return false, err
		}
		if at := found.CreationTimestamp.Time; at.Before(o.Noted.Add(-clockSkew)) || at.After(until.Add(clockSkew)) {
			return false, nil
		}
		o.UID = found.UID
	}
	background := metav1.DeletePropagationBackground
	options := &metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &o.UID}, PropagationPolicy: &background}
	err = poll.Until(ctx, o.Path+" to be gone", removedInterval, func(ctx context.Context) error {
		err := api.Delete().AbsPath(o.Path).Body(options).Do(ctx).Error()
		// A conflict is about the uid: the object is another by now.
		if apierrors.IsNotFound(err) || apierrors.IsConflict(err) {
			return nil
		}
		was = was || err == nil
		return cmp.Or(err, errors.New("it is still there"))
	})
	return was, err
}

// FindObject returns the metadata of the object at the path, nil where there is none.
func FindObject(ctx context.Context, api rest.Interface, path string) (*metav1.PartialObjectMetadata, error) {
	raw, err := api.Get().AbsPath(path).SetHeader("Accept", "application/json").DoRaw(ctx)
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("looking for %s: %w", path, err)
	}
	var object metav1.PartialObjectMetadata
	if err := json.Unmarshal(raw, &object); err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	return &object, nil
}

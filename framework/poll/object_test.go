package poll_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/inroads-k8s/inroads/framework/poll"
)

// pods is a server of pods with a script: it lists what it has, and its one
// watch then delivers the events.
type pods struct {
	have   []corev1.Pod
	events []watch.Event
	// refuse is returned by every list.
	refuse error
	// then is called once everything has been delivered.
	then func()
}

func (p *pods) List(context.Context, metav1.ListOptions) (*corev1.PodList, error) {
	if p.refuse != nil {
		p.then()
		return nil, p.refuse
	}
	return &corev1.PodList{ListMeta: metav1.ListMeta{ResourceVersion: "1"}, Items: p.have}, nil
}

func (p *pods) Watch(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
	w := watch.NewFakeWithOptions(watch.FakeOptions{ChannelSize: len(p.events) + 1})
	for _, e := range p.events {
		w.Action(e.Type, e.Object)
	}
	return w, nil
}

func pod(name, version string, phase corev1.PodPhase) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "here", ResourceVersion: version},
		Status:     corev1.PodStatus{Phase: phase},
	}
}

func TestForObject(t *testing.T) {
	forbidden := apierrors.NewForbidden(corev1.Resource("pods"), "web", errors.New("no rule"))
	tests := []struct {
		name   string
		server pods
		// stopAt ends the wait when this phase has been checked.
		stopAt corev1.PodPhase
		want   string
		is     error
	}{
		{name: "is so already", server: pods{have: []corev1.Pod{*pod("web", "1", corev1.PodRunning)}}},
		{name: "becomes so", server: pods{
			have:   []corev1.Pod{*pod("web", "1", corev1.PodPending)},
			events: []watch.Event{{Type: watch.Modified, Object: pod("web", "2", corev1.PodRunning)}},
		}},
		{name: "comes to be", server: pods{
			events: []watch.Event{{Type: watch.Added, Object: pod("web", "2", corev1.PodRunning)}},
		}},
		{name: "another one does not count", server: pods{
			have: []corev1.Pod{*pod("other", "1", corev1.PodRunning)},
			events: []watch.Event{
				{Type: watch.Modified, Object: pod("other", "2", corev1.PodRunning)},
				{Type: watch.Added, Object: pod("web", "3", corev1.PodUnknown)},
			},
		}, stopAt: corev1.PodUnknown, want: "waiting {} for pod web: context canceled: last: phase Unknown"},
		{name: "keeps the last state", server: pods{
			have:   []corev1.Pod{*pod("web", "1", corev1.PodPending)},
			events: []watch.Event{{Type: watch.Modified, Object: pod("web", "2", corev1.PodUnknown)}},
		}, stopAt: corev1.PodUnknown, want: "waiting {} for pod web: context canceled: last: phase Unknown"},
		{name: "gives up", server: pods{
			have: []corev1.Pod{*pod("web", "1", corev1.PodFailed)},
		}, want: "waiting {} for pod web: gave up: phase Failed"},
		{name: "gives up later", server: pods{
			have:   []corev1.Pod{*pod("web", "1", corev1.PodPending)},
			events: []watch.Event{{Type: watch.Modified, Object: pod("web", "2", corev1.PodFailed)}},
		}, want: "waiting {} for pod web: gave up: phase Failed"},
		{name: "keeps the refusal of the list", server: pods{refuse: forbidden},
			want: "waiting {} for pod web: context canceled: last: " + forbidden.Error(), is: forbidden},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			tt.server.then = cancel
			got, err := poll.ForObject(ctx, "pod web", &tt.server, "web", func(p *corev1.Pod) error {
				state := fmt.Errorf("phase %s", p.Status.Phase)
				switch p.Status.Phase {
				case corev1.PodRunning:
					return nil
				case corev1.PodFailed:
					return poll.Permanent(state)
				case tt.stopAt:
					cancel()
				}
				return state
			})
			matches(t, err, tt.want)
			if tt.is != nil && !errors.Is(err, tt.is) {
				t.Errorf("%v is not %v", err, tt.is)
			}
			if tt.want == "" && (got == nil || got.Name != "web" || got.Status.Phase != corev1.PodRunning) {
				t.Errorf("got pod %v", got)
			}
			if tt.want != "" && got != nil {
				t.Errorf("got pod %v with an error", got)
			}
		})
	}
}

func TestGone(t *testing.T) {
	now := metav1.Now()
	held := pod("web", "2", corev1.PodRunning)
	held.DeletionTimestamp, held.Finalizers = &now, []string{"example.com/hold"}
	tests := []struct {
		name   string
		server pods
		want   string
	}{
		{name: "never was", server: pods{have: []corev1.Pod{*pod("other", "1", corev1.PodRunning)}}},
		{name: "goes", server: pods{
			have:   []corev1.Pod{*pod("web", "1", corev1.PodRunning)},
			events: []watch.Event{{Type: watch.Deleted, Object: pod("web", "2", corev1.PodRunning)}},
		}},
		{name: "is held", server: pods{have: []corev1.Pod{*held}},
			want: `waiting {} for pod web to go: last: it is being deleted and held by finalizers ["example.com/hold"]`},
		{name: "is not being deleted", server: pods{have: []corev1.Pod{*pod("web", "1", corev1.PodRunning)}},
			want: `waiting {} for pod web to go: last: it exists and is not being deleted`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ctx := t.Context()
			if tt.want != "" {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, 200*tick)
				defer cancel()
			}
			matches(t, poll.Gone[corev1.Pod](ctx, "pod web to go", &tt.server, "web"), tt.want)
		})
	}
}

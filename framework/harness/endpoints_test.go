package harness

import (
	"testing"

	discoveryv1 "k8s.io/api/discovery/v1"
)

func TestReadyEndpoints(t *testing.T) {
	yes, no := true, false
	of := func(ready ...*bool) *discoveryv1.EndpointSlice {
		s := &discoveryv1.EndpointSlice{}
		for _, r := range ready {
			s.Endpoints = append(s.Endpoints, discoveryv1.Endpoint{Conditions: discoveryv1.EndpointConditions{Ready: r}})
		}
		return s
	}
	for _, row := range []struct {
		name  string
		slice *discoveryv1.EndpointSlice
		want  int
	}{
		{"empty", of(), 0},
		{"none ready", of(&no, &no), 0},
		{"some ready", of(&yes, &no, &yes), 2},
		{"not said", of(nil, &no), 1},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := readyEndpoints(row.slice); got != row.want {
				t.Errorf("got %d, want %d", got, row.want)
			}
		})
	}
}

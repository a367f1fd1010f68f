package token

import (
	"testing"

	"github.com/inroads-k8s/inroads/framework/probe"
)

// FuzzJWT takes any text for a token: it has a subject or is said to be none, and
// a changed one differs from it in one character, after the last full stop.
func FuzzJWT(f *testing.F) {
	f.Add("h.p.abcde")
	f.Add("opaque")
	f.Add(jwt(`{"sub":"system:serviceaccount:a:default"}`, "s").Reveal())
	f.Fuzz(func(t *testing.T, text string) {
		if whose, err := subject(probe.Secret(text)); err != nil && whose != "" {
			t.Errorf("subject %q beside %v", whose, err)
		}
		changed := corrupted(probe.Secret(text)).Reveal()
		if len(changed) != len(text) {
			t.Fatalf("%q becomes %q", text, changed)
		}
		differ := 0
		for i := range len(text) {
			if text[i] != changed[i] {
				differ++
			}
		}
		if signed := len(text) > 0 && text[len(text)-1] != '.'; signed != (differ == 1) || differ > 1 {
			t.Errorf("%q differs from %q in %d characters", changed, text, differ)
		}
	})
}

package nodeimage

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// fakeImage writes what a build leaves in the cache.
func fakeImage(t *testing.T, b *build) Image {
	t.Helper()
	if err := os.MkdirAll(b.folder, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{b.image.Archive, b.image.Kubectl} {
		if err := os.WriteFile(file, []byte("content"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	image := b.image
	image.Bytes, image.Images = int64(len("content")), []string{"a", "b"}
	if err := writeJSON(filepath.Join(b.folder, imageRecord), image); err != nil {
		t.Fatal(err)
	}
	return image
}

func TestLookupTakesOnlyAWholeImage(t *testing.T) {
	for _, row := range []struct {
		name  string
		spoil func(b *build) error
		whole bool
	}{
		{"whole", func(*build) error { return nil }, true},
		{"the archive cut short", func(b *build) error { return os.Truncate(b.image.Archive, 3) }, false},
		{"the archive gone", func(b *build) error { return os.Remove(b.image.Archive) }, false},
		{"kubectl gone", func(b *build) error { return os.Remove(b.image.Kubectl) }, false},
		{"the record gone", func(b *build) error { return os.Remove(filepath.Join(b.folder, imageRecord)) }, false},
		{"the record cut short", func(b *build) error { return os.Truncate(filepath.Join(b.folder, imageRecord), 9) }, false},
		{"the cache moved", func(b *build) error {
			to := b.root + "-moved"
			if err := os.Rename(b.root, to); err != nil {
				return err
			}
			b.root = to
			return b.replan()
		}, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			b := planned(t, Versions()[0], nil)
			want := fakeImage(t, b)
			if err := row.spoil(b); err != nil {
				t.Fatal(err)
			}
			have, whole, err := b.lookup()
			if err != nil || whole != row.whole {
				t.Fatalf("lookup: whole is %t, %v; want %t", whole, err, row.whole)
			}
			if have.Ref != want.Ref || have.Archive != b.image.Archive || slices.Equal(have.Images, want.Images) != row.whole {
				t.Errorf("lookup tells %+v", have)
			}
		})
	}
}

// replan finds the paths again after a change of root.
func (b *build) replan() error {
	b.compiled = nil
	return b.plan(b.image.KubernetesVersion)
}

// lineWriter gives each written line to a channel that has room for it.
type lineWriter chan string

func (w lineWriter) Write(p []byte) (int, error) {
	w <- string(p)
	return len(p), nil
}

func TestTheSecondOfTwoBuildsTakesTheResultOfTheFirst(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	first := planned(t, Versions()[0], nil)
	second := planned(t, Versions()[0], func(b *build) { b.root = first.root })
	said := make(lineWriter, 10)
	second.log = said

	var both sync.WaitGroup
	building, finish := make(chan struct{}), make(chan struct{})
	both.Go(func() {
		if _, err := first.ensure(ctx, func(context.Context) (Image, error) {
			close(building)
			<-finish
			return fakeImage(t, first), nil
		}); err != nil {
			t.Errorf("first: %v", err)
		}
	})
	<-building
	both.Go(func() {
		image, err := second.ensure(ctx, func(context.Context) (Image, error) {
			t.Error("the second builds too")
			return Image{}, errors.New("built twice")
		})
		if err != nil || len(image.Images) != 2 || image.Archive != first.image.Archive {
			t.Errorf("second: %+v, %v", image, err)
		}
	})
	if line := <-said; !strings.Contains(line, "waiting for another build") {
		t.Errorf("the second says %q", line)
	}
	close(finish)
	both.Wait()
}

func TestAWaitForAnotherBuildEndsWithItsContext(t *testing.T) {
	first := planned(t, Versions()[0], nil)
	second := planned(t, Versions()[0], func(b *build) { b.root = first.root })
	ctx, cancel := context.WithCancel(t.Context())
	said := make(lineWriter, 10)
	second.log = said
	_, err := first.ensure(t.Context(), func(context.Context) (Image, error) {
		go func() { <-said; cancel() }()
		_, err := second.ensure(ctx, func(context.Context) (Image, error) { return Image{}, nil })
		return Image{}, err
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("ensure = %v, want canceled", err)
	}
}

func TestABuildAfterAFailedOneBuilds(t *testing.T) {
	b := planned(t, Versions()[0], nil)
	broken := errors.New("broken")
	if _, err := b.ensure(t.Context(), func(context.Context) (Image, error) { return Image{}, broken }); !errors.Is(err, broken) {
		t.Fatalf("first: %v", err)
	}
	if _, err := b.ensure(t.Context(), func(context.Context) (Image, error) { return fakeImage(t, b), nil }); err != nil {
		t.Fatalf("second: %v", err)
	}
	if image, err := b.ensure(t.Context(), nil); err != nil || image.Bytes == 0 {
		t.Errorf("third: %+v, %v", image, err)
	}
}

func TestProgressTellsWhatIsMadeAndWhatIsNext(t *testing.T) {
	var out bytes.Buffer
	clock := time.Unix(0, 0)
	log := &build{log: &out}
	p := newProgress(log.logf, func() time.Time { return clock }, []part{{name: "a"}, {name: "b"}, {name: "c"}})
	p.begin("a")
	p.begin("b")
	clock = clock.Add(70 * time.Second)
	p.logf("%s", p.line())
	p.end("a", 0)
	p.begin("c")
	clock = clock.Add(time.Second)
	p.end("b", 71*time.Second)
	p.end("c", 1200*time.Millisecond)
	want := `node image: 1m10s elapsed, making a (1m10s) and b (1m10s), next c
node image: a: taken from the cache; 1m10s elapsed, making b (1m10s), next c
node image: b: made in 1m11s; 1m11s elapsed, making c (1s)
node image: c: made in 1s; 1m11s elapsed
`
	if have := out.String(); have != want {
		t.Errorf("progress tells\n%swant\n%s", have, want)
	}
	if have, want := p.timings(), []Timing{{"b", 71}, {"c", 1.2}}; !slices.Equal(have, want) {
		t.Errorf("timings %v, want %v", have, want)
	}
}

func TestProgressSpeaksOfItselfUntilDone(t *testing.T) {
	said := make(lineWriter, 10)
	log := &build{log: said}
	p := newProgress(log.logf, time.Now, []part{{name: "a"}})
	p.begin("a")
	done, ended := make(chan struct{}), make(chan struct{})
	go func() { p.tell(done, time.Millisecond); close(ended) }()
	if line := <-said; !strings.Contains(line, "making a") {
		t.Errorf("progress tells %q", line)
	}
	close(done)
	for {
		select {
		case <-said: // of a tick before the end
		case <-ended:
			return
		}
	}
}

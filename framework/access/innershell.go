package access

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"al.essio.dev/pkg/shellescape"
	"k8s.io/apimachinery/pkg/util/rand"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/remotecommand"

	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/framework/probe"
)

// InnerShell runs shell scripts in a container. It goes in once, with the first,
// and stays: to go in takes the API server, the kubelet and the container runtime
// longer than most of what there is to ask there. Its methods may be called at the
// same time, and wait for each other.
type InnerShell struct {
	container Container
	config    *rest.Config
	client    kubernetes.Interface

	mu sync.Mutex
	in *conversation
}

// NewInnerShell returns a shell in the container, into which it does not go yet.
func NewInnerShell(c Container, config *rest.Config, client kubernetes.Interface) *InnerShell {
	return &InnerShell{container: c, config: config, client: client}
}

// Close leaves the container.
func (s *InnerShell) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.leave()
}

func (s *InnerShell) leave() {
	if s.in != nil {
		s.in.end()
		s.in = nil
	}
}

// Script runs a shell script. A Result with an Err means that the way into the
// container broke, which says nothing about what was to be proven.
func (s *InnerShell) Script(ctx context.Context, script string) Result {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.in == nil || s.in.ended() {
		s.in = s.enter(ctx)
	}
	r := s.container.asked(shell(script)...)
	start := time.Now()
	got, err := s.in.ask(ctx, script)
	r.Duration = time.Since(start)
	if err != nil {
		s.leave() // what comes late is the answer to something else
		r.Err = fmt.Errorf("running %s: %w", r.Command, err)
		return r
	}
	probe.KnownSecrets().Learn(got.stdout)
	return r.with(got)
}

// Scripts runs shell scripts in the container, all at the same time, and returns
// what each gave. The Duration of each is that of them all.
func (s *InnerShell) Scripts(ctx context.Context, scripts ...string) []Result {
	whole := s.Script(ctx, together(scripts))
	parts, err := takeApart(whole.Stdout, len(scripts))
	if whole.Err != nil {
		err = whole.Err
	} else if err != nil {
		err = fmt.Errorf("running %d scripts at once: %w: %s", len(scripts), err, whole.Stderr)
	}
	all := make([]Result, len(scripts))
	for i, script := range scripts {
		r := s.container.asked(shell(script)...)
		if r.Duration, r.Err = whole.Duration, err; err == nil {
			r = r.with(parts[i])
		}
		all[i] = r
	}
	return all
}

// enter starts a shell in the container, which outlives ctx.
func (s *InnerShell) enter(ctx context.Context) *conversation {
	return converse(context.WithoutCancel(ctx), func(ctx context.Context, stdin io.Reader, stdout, stderr io.Writer) error {
		r := s.container.stream(ctx, s.config, s.client, remotecommand.StreamOptions{Stdin: stdin, Stdout: stdout, Stderr: stderr}, "sh")
		return cmp.Or(r.Err, fmt.Errorf("the shell has ended with exit code %d", r.Exit))
	})
}

// conversation is with a shell that reads what to run from its standard input.
type conversation struct {
	stdin          *io.PipeWriter
	stdout, stderr *bufio.Reader
	// mark is a line after which the outputs of a script are over.
	mark string
	// end ends the shell, and done is closed once it has.
	end  context.CancelFunc
	done chan struct{}
}

// markLength is the number of characters of a text that no script prints.
const markLength = 32

// converse has start run a shell, and returns the conversation with it at once. What
// start returns, never nil, is why the shell has ended.
func converse(ctx context.Context, start func(ctx context.Context, stdin io.Reader, stdout, stderr io.Writer) error) *conversation {
	ctx, end := context.WithCancel(ctx)
	stdin, in := io.Pipe()
	out, stdout := io.Pipe()
	errs, stderr := io.Pipe()
	c := &conversation{stdin: in, stdout: bufio.NewReader(out), stderr: bufio.NewReader(errs), mark: rand.String(markLength), end: end, done: make(chan struct{})}
	go func() {
		defer close(c.done)
		defer end()
		err := start(ctx, stdin, stdout, stderr)
		stdin.CloseWithError(err)
		stdout.CloseWithError(err)
		stderr.CloseWithError(err)
	}()
	return c
}

func (c *conversation) ended() bool {
	select {
	case <-c.done:
		return true
	default:
		return false
	}
}

// ask has the shell run a script. Once ctx has ended the shell has too.
func (c *conversation) ask(ctx context.Context, script string) (got part, err error) {
	stop := context.AfterFunc(ctx, c.end)
	defer stop()
	// The newline before the mark is not the script's.
	_, err = fmt.Fprintf(c.stdin, "%s </dev/null; printf '\\n%s %%d\\n' $?; printf '\\n%s\\n' >&2\n", shellescape.QuoteCommand(shell(script)), c.mark, c.mark)
	if err == nil {
		// Both at once, for the shell waits until the one is read that is full.
		var g sync.WaitGroup
		var err2 error
		g.Go(func() { got.stderr, _, err2 = c.until(c.stderr) })
		var code string
		if got.stdout, code, err = c.until(c.stdout); err == nil {
			_, err = fmt.Sscan(code, &got.exit)
		}
		g.Wait()
		err = cmp.Or(err, err2)
	}
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	return got, err
}

// until reads up to the mark, and returns what is before it and what follows it on
// its line.
func (c *conversation) until(r *bufio.Reader) (before, after string, err error) {
	var b strings.Builder
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return "", "", err
		}
		if after, found := strings.CutPrefix(line, c.mark); found {
			return strings.TrimSuffix(b.String(), "\n"), after, nil
		}
		b.WriteString(line)
	}
}

// together returns the script that runs others at the same time and prints for
// each, in their order, a line of its exit code and of how many bytes its two
// outputs have, and then these.
func together(scripts []string) string {
	var b strings.Builder
	b.WriteString("d=$(mktemp -d)\ntrap 'rm -rf \"$d\"' EXIT\n")
	for i, script := range scripts {
		fmt.Fprintf(&b, "{ code=0; %[2]s >$d/%[1]d.out 2>$d/%[1]d.err || code=$?; echo $code >$d/%[1]d.code; } &\n", i, shellescape.QuoteCommand(shell(script)))
	}
	fmt.Fprintf(&b, "wait\ni=0\nwhile [ $i -lt %d ]; do\necho $(cat $d/$i.code) $(wc -c <$d/$i.out) $(wc -c <$d/$i.err)\ncat $d/$i.out $d/$i.err\ni=$((i+1))\ndone\n", len(scripts))
	return b.String()
}

// part is what one script gave.
type part struct {
	exit           int
	stdout, stderr string
}

// with returns the result of a script that gave this.
func (r Result) with(p part) Result {
	r.Exit, r.Stdout, r.Stderr = p.exit, p.stdout, p.stderr
	if r.Outcome = catalog.Reached; r.Exit != 0 {
		r.Outcome = classify(r.Stderr)
	}
	return r
}

// takeApart reads what a script of together prints for n others.
func takeApart(out string, n int) ([]part, error) {
	all := make([]part, n)
	for i := range all {
		line, rest, _ := strings.Cut(out, "\n")
		var stdout, stderr int
		if _, err := fmt.Sscan(line, &all[i].exit, &stdout, &stderr); err != nil {
			return nil, fmt.Errorf("reading how script %d of %d ended in %q: %w", i+1, n, clip(line), err)
		}
		if stdout < 0 || stderr < 0 || stdout > len(rest) || stderr > len(rest)-stdout {
			return nil, fmt.Errorf("reading what script %d of %d printed: %d and %d bytes are not in the %d that there are", i+1, n, stdout, stderr, len(rest))
		}
		all[i].stdout, all[i].stderr, out = rest[:stdout], rest[stdout:stdout+stderr], rest[stdout+stderr:]
	}
	return all, nil
}

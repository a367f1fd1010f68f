package kind

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
	"unicode"

	"sigs.k8s.io/kind/pkg/apis/config/v1alpha4"
	kindcluster "sigs.k8s.io/kind/pkg/cluster"
	kindexec "sigs.k8s.io/kind/pkg/exec"
	kindlog "sigs.k8s.io/kind/pkg/log"

	"github.com/inroads-k8s/inroads/framework/cluster/engine"
)

// maker is what this package wants of kind. A call does not start once ctx has
// ended, but one that has started goes on: kind takes no context.
type maker interface {
	Create(ctx context.Context, name, kubeconfig string, config *v1alpha4.Cluster) error
	Delete(ctx context.Context, name, kubeconfig string) error
}

// library is kind itself.
type library struct {
	engine client
	log    io.Writer
	// wait bounds kind's own wait for readiness; 0 has it wait for nothing.
	wait time.Duration
}

func (l library) provider() *kindcluster.Provider {
	var option kindcluster.ProviderOption
	switch l.engine.name {
	case engine.Podman:
		option = kindcluster.ProviderWithPodman()
	case engine.Nerdctl, engine.Finch:
		option = kindcluster.ProviderWithNerdctl(l.engine.name)
	default:
		option = kindcluster.ProviderWithDocker()
	}
	return kindcluster.NewProvider(option, kindcluster.ProviderWithLogger(logger{l.log}))
}

func (l library) Create(ctx context.Context, name, kubeconfig string, config *v1alpha4.Cluster) error {
	leave, err := l.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	return explain(l.provider().Create(name,
		kindcluster.CreateWithV1Alpha4Config(config),
		kindcluster.CreateWithKubeconfigPath(kubeconfig),
		kindcluster.CreateWithRetain(false),
		kindcluster.CreateWithWaitForReady(l.wait),
		kindcluster.CreateWithDisplayUsage(false),
		kindcluster.CreateWithDisplaySalutation(false),
	))
}

func (l library) Delete(ctx context.Context, name, kubeconfig string) error {
	leave, err := l.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	return explain(l.provider().Delete(name, kubeconfig))
}

// turn is held by the one call into kind that runs. kind runs the engine's
// client with the environment of this process, so this has to be that of the
// engine meanwhile.
var turn = make(chan struct{}, 1)

// enter waits for the turn and sets the environment; the returned function puts
// it back.
func (l library) enter(ctx context.Context) (leave func(), err error) {
	select {
	case turn <- struct{}{}:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	var back []func()
	for _, entry := range l.engine.env {
		name, value, _ := strings.Cut(entry, "=")
		if old, was := os.LookupEnv(name); was {
			back = append(back, func() { os.Setenv(name, old) })
		} else {
			back = append(back, func() { os.Unsetenv(name) })
		}
		os.Setenv(name, value)
	}
	return func() {
		for _, f := range back {
			f()
		}
		<-turn
	}, nil
}

// outputTail is how many bytes of a failed command's output an error has:
// kubeadm, the most talkative, says what went wrong last.
const outputTail = 2000

// explain adds the output of the command that failed, which kind's error keeps to
// itself.
func explain(err error) error {
	failed := kindexec.RunErrorForError(err)
	if failed == nil || len(failed.Output) == 0 {
		return err
	}
	out := strings.TrimSpace(string(failed.Output))
	if len(out) > outputTail {
		out = "…" + out[len(out)-outputTail:]
	}
	return fmt.Errorf("%w: %s", err, out)
}

// logger writes kind's progress as plain lines.
type logger struct{ w io.Writer }

func (l logger) Warn(message string)               { l.line(message) }
func (l logger) Warnf(format string, args ...any)  { l.line(fmt.Sprintf(format, args...)) }
func (l logger) Error(message string)              { l.line(message) }
func (l logger) Errorf(format string, args ...any) { l.line(fmt.Sprintf(format, args...)) }
func (l logger) V(level kindlog.Level) kindlog.InfoLogger {
	return infoLogger{l, level == 0}
}

type infoLogger struct {
	logger
	enabled bool
}

func (l infoLogger) Enabled() bool { return l.enabled }
func (l infoLogger) Info(message string) {
	if l.enabled {
		l.line(message)
	}
}
func (l infoLogger) Infof(format string, args ...any) {
	if l.enabled {
		l.line(fmt.Sprintf(format, args...))
	}
}

// done begins kind's line about a step that went well, which says nothing that
// the line about its start did not.
const done = "✓"

func (l logger) line(message string) {
	if strings.HasPrefix(strings.TrimSpace(message), done) {
		return
	}
	message = strings.ReplaceAll(message, "✗", "not done:")
	plain := strings.Map(func(r rune) rune {
		if r > unicode.MaxLatin1 {
			return -1 // pictures
		}
		return r
	}, message)
	plain = strings.TrimSuffix(strings.Join(strings.Fields(plain), " "), " ...")
	if plain != "" {
		fmt.Fprintln(l.w, "kind: "+plain)
	}
}

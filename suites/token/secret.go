package token

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/inroads-k8s/inroads/fixtures"
	"github.com/inroads-k8s/inroads/framework/access"
	"github.com/inroads-k8s/inroads/framework/catalog"
	"github.com/inroads-k8s/inroads/framework/harness"
	"github.com/inroads-k8s/inroads/framework/poll"
)

const (
	annotation = corev1.ServiceAccountNameKey + ": " + defaultName
	// otherAnnotation takes the place of the annotation in the manifest.
	otherAnnotation = "inroads.dev/nothing: " + defaultName
	// orphanName is a Secret, for a ServiceAccount that does not exist.
	orphanName    = "orphan-token"
	noAccount     = "nobody-there"
	rootCAName    = "kube-root-ca.crt"
	requiredValue = "Required value"

	// waiting is what the documented loop says while it waits, and polls how
	// often it is to have said so before it counts as waiting.
	waiting = "waiting for token..."
	polls   = 2
)

var _ = harness.Area(catalog.PathToken, func() {
	harness.Prove("token/secret-create", func(ctx context.Context, env *harness.Env) {
		r := newReader(ctx, env)
		account, err := env.Client.CoreV1().ServiceAccounts(r.namespace).Get(ctx, defaultName, metav1.GetOptions{})
		env.Require(err, "reading the ServiceAccount default")
		manifest := fixtures.Command(createSecret)

		ginkgo.By("the documented Secret gets a token, the cluster's authority and the namespace")
		token := r.requestToken(ctx)
		secret := r.populated(ctx)
		Expect(secret.Annotations).To(HaveKeyWithValue(corev1.ServiceAccountUIDKey, string(account.UID)), "the ServiceAccount that the Secret is of")
		Expect(string(secret.Data[corev1.ServiceAccountNamespaceKey])).To(Equal(r.namespace), "the namespace in the Secret")
		root, err := poll.ForObject(ctx, "the authority's ConfigMap", env.Client.CoreV1().ConfigMaps(r.namespace), rootCAName, func(*corev1.ConfigMap) error { return nil })
		env.Require(err, "reading the authority that the cluster publishes")
		Expect(string(secret.Data[corev1.ServiceAccountRootCAKey])).To(Equal(root.Data[authorityFile]), "the authority in the Secret")

		ginkgo.By("the token is one of the ServiceAccount")
		cfg := rest.AnonymousClientConfig(env.Config)
		cfg.BearerToken = token.Reveal()
		client, err := kubernetes.NewForConfig(cfg)
		env.Require(err, "making a client with the token")
		review, err := client.AuthenticationV1().SelfSubjectReviews().Create(ctx, &authenticationv1.SelfSubjectReview{}, metav1.CreateOptions{})
		if err != nil {
			err = fmt.Errorf("asking the API server whose the token is: %w", err)
		}
		env.Held(catalog.HopAuthn, err)
		Expect(review.Status.UserInfo.Username).To(Equal(userName(r.namespace, defaultName)), "whose the token is")
		Expect(review.Status.UserInfo.UID).To(Equal(string(account.UID)), "whose the token is")

		ginkgo.By("without the annotation the Secret is refused")
		without := replace(env, replace(env, manifest, annotation, otherAnnotation), secretName, orphanName)
		refused := env.Saw(catalog.HopAPI, "the Secret is applied without its annotation", r.host.Shell(ctx, without))
		Expect(refused.Exit).NotTo(BeZero(), "the Secret is taken: %s", refused)
		Expect(refused.Stderr).To(And(ContainSubstring(requiredValue), ContainSubstring(corev1.ServiceAccountNameKey)), "why the Secret is refused")

		ginkgo.By("a Secret for a ServiceAccount that does not exist is taken and then deleted")
		orphan := replace(env, replace(env, manifest, annotation, corev1.ServiceAccountNameKey+": "+noAccount), secretName, orphanName)
		env.Meet(catalog.HopAPI, "the Secret is applied for a ServiceAccount that does not exist", r.host.Shell(ctx, orphan), catalog.Reached)
		gone, cancel := context.WithTimeout(ctx, controllerTime)
		defer cancel()
		env.Held(catalog.HopController, poll.Gone[corev1.Secret](gone, "the token controller to delete the Secret", env.Client.CoreV1().Secrets(r.namespace), orphanName))
	})

	harness.Prove("token/wait-for-controller", func(ctx context.Context, env *harness.Env) {
		r := newReader(ctx, env)

		ginkgo.By("the loop waits while there is no Secret, and ends once the Secret has its token")
		loop := r.startLoop(ctx)
		env.Held(catalog.HopTool, loop.waits(ctx))
		env.Meet(catalog.HopAPI, "the documented Secret is applied", r.host.Shell(ctx, fixtures.Command(createSecret)), catalog.Reached)
		r.populated(ctx)
		env.Meet(catalog.HopTool, "the documented loop ends", loop.end(ctx), catalog.Reached)
		env.Meet(catalog.HopTool, "the loop is run again", r.startLoop(ctx).end(ctx), catalog.Reached)

		ginkgo.By("while the Secret has no token the loop ends only when it is ended")
		r.replaceByEmpty(ctx)
		bounded, stop := context.WithCancel(ctx)
		defer stop()
		loop = r.startLoop(bounded)
		env.Held(catalog.HopTool, loop.waits(ctx))
		stop()
		env.Meet(catalog.HopTool, "the loop is ended after a while", loop.result(), catalog.TimedOut)
	})
})

// replaceByEmpty puts a Secret of the documented name in place of the one that
// the controller has filled, and of a type that it does not fill.
func (r reader) replaceByEmpty(ctx context.Context) {
	ginkgo.GinkgoHelper()
	secrets := r.env.Client.CoreV1().Secrets(r.namespace)
	r.env.Require(secrets.Delete(ctx, secretName, metav1.DeleteOptions{}), "deleting the Secret")
	_, err := secrets.Create(ctx, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: secretName}}, metav1.CreateOptions{})
	r.env.Require(err, "creating a Secret that gets no token")
}

// replace changes what a documented block says in one place.
func replace(env *harness.Env, block, old, by string) string {
	ginkgo.GinkgoHelper()
	env.At(catalog.HopTool)
	Expect(strings.Count(block, old)).To(Equal(1), "%q in the documented commands", old)
	return strings.Replace(block, old, by, 1)
}

// loop is a run of the documented loop that waits for the token.
type loop struct {
	said string
	done chan access.Result
}

// startLoop starts the loop. What it says goes to a file, to be read meanwhile.
func (r reader) startLoop(ctx context.Context) loop {
	ginkgo.GinkgoHelper()
	file, err := os.CreateTemp(r.env.Dir(), "loop-")
	r.env.Require(err, "making a file for what the loop says")
	r.env.Require(file.Close(), "making a file for what the loop says")
	l := loop{said: file.Name(), done: make(chan access.Result, 1)}
	script := fmt.Sprintf("exec 2>%s\n", filepath.Base(l.said)) + fixtures.Command(waitForToken)
	go func() { l.done <- r.host.Shell(ctx, script) }()
	return l
}

// waits returns once the loop has said polls times that it waits.
func (l loop) waits(ctx context.Context) error {
	return poll.Until(ctx, "the documented loop to wait", pollInterval, func(context.Context) error {
		select {
		case r := <-l.done:
			l.done <- r
			return poll.Permanent(fmt.Errorf("it ended: %s", r.Summary()))
		default:
		}
		said, err := os.ReadFile(l.said)
		if err != nil {
			return poll.Permanent(err)
		}
		if n := bytes.Count(said, []byte(waiting)); n < polls {
			return fmt.Errorf("it has said so %d times", n)
		}
		return nil
	})
}

// result returns how the loop ended, once it has.
func (l loop) result() access.Result { return <-l.done }

// end is result with no more than controllerTime of waiting.
func (l loop) end(ctx context.Context) access.Result {
	ctx, cancel := context.WithTimeout(ctx, controllerTime)
	defer cancel()
	select {
	case r := <-l.done:
		return r
	case <-ctx.Done():
		return access.Result{Command: fixtures.Command(waitForToken), Outcome: catalog.TimedOut, Exit: -1, Err: ctx.Err()}
	}
}

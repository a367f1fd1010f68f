package harness

import (
	"github.com/onsi/ginkgo/v2"
	"github.com/onsi/gomega"
	authenticationv1 "k8s.io/api/authentication/v1"

	"github.com/inroads-k8s/inroads/framework/access"
)

// Reviewed returns whom the API server says that it takes the caller for, in its
// answer to access.Review. The hop of the last At is blamed for another answer.
func Reviewed(r access.Result) authenticationv1.UserInfo {
	ginkgo.GinkgoHelper()
	var self authenticationv1.SelfSubjectReview
	gomega.Expect(r.Into(&self)).To(gomega.Succeed(), "the answer is no SelfSubjectReview")
	return self.Status.UserInfo
}

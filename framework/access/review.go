package access

const (
	// ReviewPath is where the API server tells a caller who POSTs Review whom it
	// takes it for.
	ReviewPath = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
	// Review is described with ReviewPath.
	Review = `{"apiVersion":"authentication.k8s.io/v1","kind":"SelfSubjectReview"}`
)

// Package token proves what the documentation says about access without kubectl
// proxy: that a Secret gets a token, that the documented pipelines extract it
// and the API server's location, what it opens, and what --insecure gives away.
package token

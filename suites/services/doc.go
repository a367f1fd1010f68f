// Package services proves that the API server's proxy reaches Services, pods and
// nodes, and that its refusals say which of them was missing.
package services

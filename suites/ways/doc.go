// Package ways proves what is said of the documented ways as a whole: that they
// all lead to the same cluster, each as the user that it says.
package ways

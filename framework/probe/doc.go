// Package probe walks the way into a cluster hop by hop and stops at the first
// hop that breaks. It tells apart what broke, what was seen there and what to
// type next, and it never shows a credential.
package probe

//go:build !linux

package nodeimage

import "syscall"

// ownGroup makes a command the leader of its own process group.
func ownGroup() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

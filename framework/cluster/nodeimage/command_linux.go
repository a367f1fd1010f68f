package nodeimage

import "syscall"

// ownGroup makes a command the leader of its own process group, which dies with
// this process even when that is killed.
func ownGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
}

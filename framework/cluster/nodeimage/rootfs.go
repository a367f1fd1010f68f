package nodeimage

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

const (
	rootfsFile   = "rootfs.tar"
	packagesFile = "packages.txt"
	// bootstrapTool makes the root file system; it is a package of that name.
	bootstrapTool = "mmdebstrap"
)

// nodePackages are what a node needs beside what is compiled: the list of kind's
// own image, less network file systems and rootless overlays, which would be a
// fifth of the image, and with wget for the client image, runc, and the load
// balancer of a cluster with several control planes.
var nodePackages = []string{
	"bash", "ca-certificates", "conntrack", "curl", "e2fsprogs", "ethtool", "haproxy", "iproute2", "iptables",
	"jq", "kmod", "libseccomp2", "mount", "nftables", "pigz", "procps", "runc", "systemd", "util-linux", "wget",
}

// excluded are paths that packages would install and that no node reads.
var excluded = []string{
	"/usr/share/doc/*", "/usr/share/info/*", "/usr/share/locale/*", "/usr/share/man/*",
	"/usr/share/lintian/*", "/usr/share/bash-completion/*", "/usr/share/zsh/*",
}

// rootfsHooks run on the machine, with the new root as $1, once all is
// installed: first the steps of kind's Dockerfile that make systemd fit for a
// container, then the removal of what only installing needed.
var rootfsHooks = []string{
	`find "$1"/lib/systemd/system/sysinit.target.wants/ -name systemd-tmpfiles-setup.service -delete`,
	`rm -f "$1"/lib/systemd/system/multi-user.target.wants/* "$1"/etc/systemd/system/*.wants/* ` +
		`"$1"/lib/systemd/system/local-fs.target.wants/* "$1"/lib/systemd/system/sockets.target.wants/*udev* ` +
		`"$1"/lib/systemd/system/sockets.target.wants/*initctl* "$1"/lib/systemd/system/basic.target.wants/*`,
	`echo ReadKMsg=no >> "$1"/etc/systemd/journald.conf`,
	`ln -sf /usr/lib/systemd/systemd "$1"/sbin/init`,
	`rm -rf "$1"/var/lib/apt "$1"/var/cache/* "$1"/var/log/* "$1"/usr/bin/perl* "$1"/usr/lib/*/perl-base ` +
		`"$1"/usr/share/perl5 "$1"/usr/lib/*/gconv "$1"/usr/lib/udev/hwdb.d "$1"/usr/lib/udev/hwdb.bin ` +
		`"$1"/usr/lib/systemd/catalog "$1"/usr/share/zoneinfo "$1"/usr/share/i18n "$1"/var/lib/dpkg/info/*.md5sums`,
	// Each node makes its own.
	`rm -f "$1"/etc/machine-id "$1"/etc/hostname "$1"/etc/resolv.conf; : > "$1"/etc/machine-id`,
}

// rootfsPart is the root file system of a node, without what is compiled.
func (b *build) rootfsPart() part {
	key := newInputs().add("rootfs", b.release.id, b.release.suite(), runtime.GOARCH).
		add("packages", nodePackages...).add("excluded", excluded...).add("hooks", rootfsHooks...)
	return part{name: "rootfs", hash: key.hex(), make: b.makeRootfs}
}

func (b *build) makeRootfs(ctx context.Context, dir, scratch string) error {
	list, err := b.writeSources(scratch)
	if err != nil {
		return err
	}
	if err := b.install(ctx, bootstrapTool); err != nil {
		return err
	}
	packages := filepath.Join(dir, packagesFile)
	argv := []string{
		bootstrapTool, "--mode=root", "--variant=essential", "--format=tar", "--quiet",
		"--include=" + strings.Join(nodePackages, ","),
		`--aptopt=Acquire::Languages "none"`,
		`--aptopt=Acquire::Retries "3"`,
	}
	for _, path := range excluded {
		argv = append(argv, "--dpkgopt=path-exclude="+path)
	}
	// dpkg of the machine, because the next hooks take away what the root's needs.
	argv = append(argv, `--customize-hook=dpkg-query --admindir="$1"/var/lib/dpkg -W > `+shellQuote(packages))
	for _, hook := range rootfsHooks {
		argv = append(argv, "--customize-hook="+hook)
	}
	argv = append(argv, b.release.suite(), filepath.Join(dir, rootfsFile), list)
	_, err = command{
		// mmdebstrap unpacks the whole system below TMPDIR.
		env:  []string{"TMPDIR=" + scratch, "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C.UTF-8"},
		log:  b.logFile("rootfs"),
		argv: argv,
	}.run(ctx)
	return err
}

// writeSources writes the mirrors of the nodes' release into the folder, as a
// sources.list(5), and returns its path.
func (b *build) writeSources(dir string) (string, error) {
	machine, err := readSources(os.DirFS("/etc"))
	if err != nil {
		return "", fmt.Errorf("reading package sources: %w", err)
	}
	sources, err := nodeSources(b.release, machine)
	if err != nil {
		return "", err
	}
	var lines []string
	for _, s := range sources {
		lines = append(lines, s.line())
	}
	list := filepath.Join(dir, "sources.list")
	return list, os.WriteFile(list, []byte(strings.Join(lines, "\n")+"\n"), 0o644)
}

// shellQuote makes one word of a shell command out of any text.
func shellQuote(text string) string {
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}

// readPackages reads what was installed: name to version.
func readPackages(path string) (map[string]string, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading the list of packages: %w", err)
	}
	packages := map[string]string{}
	for line := range strings.Lines(string(data)) {
		if name, version, ok := strings.Cut(strings.TrimSpace(line), "\t"); ok && version != "" {
			packages[name] = version
		}
	}
	return packages, nil
}

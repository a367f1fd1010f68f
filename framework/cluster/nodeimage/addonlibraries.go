package nodeimage

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/inroads-k8s/inroads/fixtures/clients"
	"github.com/inroads-k8s/inroads/framework/cluster/hostpackages"
)

const (
	// librariesPart is the image of client libraries, and libraryRootPart what of
	// the distribution is in it.
	librariesPart   = "libraries"
	libraryRootPart = "libraryroot"
	// libraryFolder is where the image has its node_modules. Node.js looks for the
	// packages of a program without a file in the working directory.
	libraryFolder = "opt/inroads"
	npmProgram    = "npm"
	modulesFolder = "node_modules"
)

// libraryPins are what npm installs by, in fixtures/clients.
var libraryPins = []string{"package-lock.json", "package.json"}

// libraryPackages are Python's client of the API and Node.js, with what a script
// of a few lines calls.
var libraryPackages = []string{"coreutils", "dash", "nodejs", "python3-kubernetes"}

// libraryRubbish are paths of the packages that no program of a spec reads.
var libraryRubbish = append(slices.Clone(excluded),
	"/usr/share/i18n", "/usr/share/perl5", "/usr/share/zoneinfo", "/usr/lib/*/gconv", "/usr/lib/python3.*/test", "/usr/lib/python3.*/lib2to3",
	"/usr/lib/python3.*/pydoc_data", "/var/lib/apt", "/var/cache/*", "/var/log/*",
)

// libraryHooks run on the machine, with the new root as $1. Nobody can write
// there later, and Python would compile all of its client anew in each call. The
// times of the files are none to go by, since a layer has no clock.
var libraryHooks = []string{
	"rm -rf" + inRoot(libraryRubbish),
	`chroot "$1" sh -c 'python3 -m compileall -q --invalidation-mode unchecked-hash /usr/lib/python3*'`,
}

// inRoot writes patterns of paths as words of a hook.
func inRoot(patterns []string) string {
	var words strings.Builder
	for _, p := range patterns {
		words.WriteString(` "$1"` + p)
	}
	return words.String()
}

// BuildLibraries returns the image, of the name "libraries", that has Python's and
// Node.js's client of the API, out of the cache when it is there. Otherwise it
// makes it of packages of the distribution and of npm's, which takes a minute or
// two; while another process builds, it waits. The error is a *MissingError where
// the machine lacks what only its owner can add.
func BuildLibraries(ctx context.Context, o Options) (Addon, error) {
	a, err := buildLibraries(ctx, o)
	if absent := (*hostpackages.MissingError)(nil); errors.As(err, &absent) {
		return Addon{}, &MissingError{absent.Missing, absent.Remedy}
	}
	if missing := (*MissingError)(nil); err != nil && !errors.As(err, &missing) {
		return Addon{}, fmt.Errorf("building the image of client libraries: %w", err)
	}
	return a, err
}

func buildLibraries(ctx context.Context, o Options) (Addon, error) {
	b, err := newAddonBuild(o)
	if err != nil {
		return Addon{}, err
	}
	if b.release, err = readRelease(); err != nil {
		return Addon{}, &MissingError{err.Error(), "give an image that has the libraries"}
	}
	root := b.libraryRootPart()
	p := b.librariesPart(root)
	return b.addon(ctx, p, map[string]string{librariesPart: libraryImage(p)}, func(ctx context.Context, s store) error {
		if os.Geteuid() != 0 {
			return &MissingError{"making the image of client libraries needs root", "run it once as root (sudo -E), or give an image that has the libraries"}
		}
		if _, err := exec.LookPath(npmProgram); err != nil {
			if err := b.install(ctx, npmProgram); err != nil {
				return err
			}
		}
		b.logf("%s: unpacking %s of %s, and what they need", p.name, strings.Join(libraryPackages, ", "), b.release.suite())
		_, _, err := s.ensure(ctx, root)
		return err
	})
}

// libraryImage is the name of the image: its content's, since nodes keep what they
// have of a name.
func libraryImage(p part) string {
	return fmt.Sprintf("%s/%s:%s", repository, librariesPart, p.hash[:hashInTag])
}

// libraryRootPart is the packages of the distribution, unpacked.
func (b *build) libraryRootPart() part {
	key := newInputs().add(libraryRootPart, b.release.id, b.release.suite(), runtime.GOARCH).
		add("packages", libraryPackages...).add("hooks", libraryHooks...)
	return part{name: libraryRootPart, hash: key.hex(), make: b.makeLibraryRoot}
}

func (b *build) makeLibraryRoot(ctx context.Context, dir, scratch string) error {
	list, err := b.writeSources(scratch)
	if err != nil {
		return err
	}
	if err := b.install(ctx, bootstrapTool); err != nil {
		return err
	}
	argv := []string{
		bootstrapTool, "--mode=root", "--variant=extract", "--format=tar", "--quiet",
		"--include=" + strings.Join(libraryPackages, ","),
		`--aptopt=Acquire::Languages "none"`,
		`--aptopt=Acquire::Retries "3"`,
	}
	for _, hook := range libraryHooks {
		argv = append(argv, "--customize-hook="+hook)
	}
	argv = append(argv, b.release.suite(), filepath.Join(dir, rootfsFile), list)
	_, err = command{
		env:  []string{"TMPDIR=" + scratch, "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C.UTF-8"},
		log:  b.logFile(libraryRootPart),
		argv: argv,
	}.run(ctx)
	return err
}

// librariesPart is the archive of the image.
func (b *build) librariesPart(root part) part {
	key := newInputs().add(librariesPart, root.hash).add("passwd", libraryUsers)
	for _, name := range libraryPins {
		key.add(name, string(clients.Read(clients.JavaScript, name)))
	}
	p := part{name: librariesPart, hash: key.hex()}
	p.make = func(ctx context.Context, dir, scratch string) error {
		modules := filepath.Join(scratch, "modules")
		if err := os.Mkdir(modules, 0o755); err != nil {
			return err
		}
		for _, name := range libraryPins {
			if err := os.WriteFile(filepath.Join(modules, name), clients.Read(clients.JavaScript, name), 0o644); err != nil {
				return err
			}
		}
		_, err := command{
			dir: modules, env: []string{"PWD=" + modules}, log: b.logFile(librariesPart),
			// Whoever runs in the image is to read what the caller's umask may hide.
			argv: []string{"sh", "-c", "umask 022; exec " + npmProgram + " ci --ignore-scripts --omit=dev --no-audit --no-fund"},
		}.run(ctx)
		if err != nil {
			return err
		}
		s := store{root: filepath.Join(b.root, partsFolder)}
		system, err := writeBlob(filepath.Join(scratch, "system.layer"), true, func(l *layerWriter) error {
			return writeLibraryRoot(l, filepath.Join(s.folder(root), rootfsFile))
		})
		if err != nil {
			return err
		}
		packages, err := writeBlob(filepath.Join(scratch, "packages.layer"), true, func(l *layerWriter) error {
			return writeTree(l, libraryFolder+"/"+modulesFolder, filepath.Join(modules, modulesFolder))
		})
		if err != nil {
			return err
		}
		return writeArchive(filepath.Join(dir, imagesFile), []container{{[]string{libraryImage(p)}, []blob{system, packages}, v1.Config{
			Env: []string{podPath, "HOME=/tmp"}, Cmd: []string{"sleep", "infinity"}, User: nobodyUser, WorkingDir: "/" + libraryFolder,
		}}})
	}
	return p
}

// passwdFile is libraryUsers, the passwd(5) of the image: programs ask for the name and the
// home folder of the user that they run as.
const (
	passwdFile   = "etc/passwd"
	libraryUsers = "root:x:0:0:root:/:/bin/sh\nnobody:x:65534:65534:nobody:/tmp:/bin/sh\n"
)

// writeLibraryRoot writes the unpacked packages. Devices are a container's own.
func writeLibraryRoot(l *layerWriter, rootfs string) error {
	root, err := openTarRoot(rootfs)
	if err != nil {
		return err
	}
	defer root.Close()
	for _, name := range root.names() {
		top, _, _ := strings.Cut(name, "/")
		if slices.Contains([]string{"", "dev", "tmp"}, top) || name == passwdFile {
			continue
		}
		if err := l.entry(root, name); err != nil {
			return err
		}
	}
	if err := l.data(passwdFile, 0o644, []byte(libraryUsers)); err != nil {
		return err
	}
	return l.header(&tar.Header{Typeflag: tar.TypeDir, Name: "tmp", Mode: 0o1777})
}

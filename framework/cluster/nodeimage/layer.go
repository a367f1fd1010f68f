package nodeimage

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"os"
	"path"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/klauspost/compress/zstd"
)

// epoch is the time of all files that inroads makes, so that the same inputs
// give the same bytes.
var epoch = time.Unix(0, 0).UTC()

// layerWriter writes the tar of a layer. Folders above an entry come into being
// before it.
type layerWriter struct {
	tar  *tar.Writer
	made map[string]bool
}

func newLayerWriter(w io.Writer) *layerWriter {
	return &layerWriter{tar: tar.NewWriter(w), made: map[string]bool{}}
}

func (l *layerWriter) header(h *tar.Header) error {
	h.Name = cleanName(h.Name)
	l.made[h.Name] = true
	if h.Typeflag == tar.TypeDir {
		h.Name += "/"
	}
	if h.ModTime.IsZero() {
		h.ModTime = epoch
	}
	h.Format = tar.FormatPAX
	return l.tar.WriteHeader(h)
}

// folder makes a folder and those above it, mode 0755, unless they are made.
func (l *layerWriter) folder(name string) error {
	name = cleanName(name)
	if name == "" || l.made[name] {
		return nil
	}
	if err := l.folder(path.Dir(name)); err != nil {
		return err
	}
	return l.header(&tar.Header{Typeflag: tar.TypeDir, Name: name, Mode: 0o755})
}

func (l *layerWriter) data(name string, mode int64, data []byte) error {
	return l.stream(name, mode, int64(len(data)), bytes.NewReader(data))
}

func (l *layerWriter) stream(name string, mode, size int64, content io.Reader) error {
	if err := l.folder(path.Dir(name)); err != nil {
		return err
	}
	if err := l.header(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: mode, Size: size}); err != nil {
		return err
	}
	_, err := io.Copy(l.tar, content)
	return err
}

// file copies a file of the machine.
func (l *layerWriter) file(name string, mode int64, from string) error {
	file, err := os.Open(from)
	if err != nil {
		return err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	return l.stream(name, mode, info.Size(), file)
}

func (l *layerWriter) symlink(name, target string) error {
	if err := l.folder(path.Dir(name)); err != nil {
		return err
	}
	return l.header(&tar.Header{Typeflag: tar.TypeSymlink, Name: name, Linkname: target, Mode: 0o777})
}

// entry copies an entry of a root file system, with its owner and mode.
func (l *layerWriter) entry(r *tarRoot, name string) error {
	e := r.entries[name]
	h := *e.header
	h.Name, h.ModTime, h.AccessTime, h.ChangeTime = name, epoch, time.Time{}, time.Time{}
	if err := l.header(&h); err != nil {
		return err
	}
	if h.Typeflag != tar.TypeReg {
		return nil
	}
	_, err := io.Copy(l.tar, r.content(e))
	return err
}

// blob is a layer that lies in a file as it is stored. It is a v1.Layer.
type blob struct {
	path            string
	digest, content v1.Hash // of the file, and of the tar in it
	size, unpacked  int64   // bytes of the file, and of the tar in it
	media           types.MediaType
}

// Digest is that of the file.
func (b blob) Digest() (v1.Hash, error) { return b.digest, nil }

// DiffID is the digest of the tar.
func (b blob) DiffID() (v1.Hash, error) { return b.content, nil }

// Compressed gives the file.
func (b blob) Compressed() (io.ReadCloser, error) { return os.Open(b.path) }

// Uncompressed gives the tar.
func (b blob) Uncompressed() (io.ReadCloser, error) {
	file, err := os.Open(b.path)
	if err != nil || b.media != types.OCILayerZStd {
		return file, err
	}
	decoder, err := zstd.NewReader(file)
	if err != nil {
		_ = file.Close()
		return nil, err
	}
	return zstdFile{decoder.IOReadCloser(), file}, nil
}

// Size is that of the file.
func (b blob) Size() (int64, error) { return b.size, nil }

// MediaType tells whether the file is compressed.
func (b blob) MediaType() (types.MediaType, error) { return b.media, nil }

type zstdFile struct {
	io.ReadCloser
	file *os.File
}

func (z zstdFile) Close() error {
	_ = z.ReadCloser.Close()
	return z.file.Close()
}

// writeBlob writes a layer to a file: compressed with zstd, which nodes unpack
// several times faster than gzip, or as it is.
func writeBlob(to string, compressed bool, fill func(*layerWriter) error) (b blob, err error) {
	file, err := os.Create(to)
	if err != nil {
		return blob{}, err
	}
	defer func() {
		if e := file.Close(); err == nil && e != nil {
			err = e
		}
		if err != nil {
			err = fmt.Errorf("writing layer %q: %w", to, err)
		}
	}()
	stored, plain := newCounter(file), newCounter(io.Discard)
	b = blob{path: to, media: types.OCIUncompressedLayer}
	var out io.Writer = stored
	finish := func() error { return nil }
	if compressed {
		encoder, err := zstd.NewWriter(stored, zstd.WithEncoderLevel(zstd.SpeedDefault))
		if err != nil {
			return blob{}, err
		}
		b.media, out, finish = types.OCILayerZStd, encoder, encoder.Close
	}
	layer := newLayerWriter(io.MultiWriter(out, plain))
	if err := fill(layer); err != nil {
		return blob{}, err
	}
	if err := layer.tar.Close(); err != nil {
		return blob{}, err
	}
	if err := finish(); err != nil {
		return blob{}, err
	}
	b.digest, b.size = stored.result()
	b.content, b.unpacked = plain.result()
	return b, nil
}

// fileBlob is an uncompressed layer that exists already.
func fileBlob(file string) (blob, error) {
	sum, size, err := fileSum(file)
	if err != nil {
		return blob{}, err
	}
	h := v1.Hash{Algorithm: "sha256", Hex: sum}
	return blob{path: file, digest: h, content: h, size: size, unpacked: size, media: types.OCIUncompressedLayer}, nil
}

// counter hashes and counts what passes through it.
type counter struct {
	to   io.Writer
	sum  hash.Hash
	size int64
}

func newCounter(to io.Writer) *counter { return &counter{to: to, sum: sha256.New()} }

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.to.Write(p)
	c.sum.Write(p[:n])
	c.size += int64(n)
	return n, err
}

func (c *counter) result() (v1.Hash, int64) {
	return v1.Hash{Algorithm: "sha256", Hex: hex.EncodeToString(c.sum.Sum(nil))}, c.size
}

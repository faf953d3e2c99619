package e2e

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
)

// standIn is an image that this machine can make in the place of one from a registry: the
// same name, and what Gather needs of it.
type standIn struct {
	name     string
	settings []string // as docker import --change takes them
	stock    func(*rootfs)
}

const golangImage = "golang:1.26-alpine"

var standIns = []standIn{
	{golangImage, []string{
		"ENV PATH=/usr/local/go/bin:/bin", "ENV GOPATH=/go", "ENV GOCACHE=/cache", "ENV GOTOOLCHAIN=local", "ENV GOPROXY=off", "ENV GOSUMDB=off",
	}, stockGolang},
	{"redis:8.2-alpine", []string{
		"ENV PATH=/usr/local/bin", "WORKDIR /data", "VOLUME /data", "EXPOSE 6379",
	}, stockRedis},
}

// makeStandIns makes the images that are not there, for the length of the test, and returns
// their names. One that is there stays and is used.
func makeStandIns(tb testing.TB) (made []string) {
	tb.Helper()
	for _, image := range standIns {
		if _, err := tryDocker("image", "inspect", image.name); err != nil {
			image.make(tb)
			made = append(made, image.name)
		}
	}
	return made
}

func (s *standIn) make(tb testing.TB) {
	tb.Helper()
	if runtime.GOOS != "linux" {
		tb.Fatalf("there is no image %s, and no stand-in can be made of it here: docker pull it", s.name)
	}
	args := []string{"import"}
	for _, setting := range s.settings {
		args = append(args, "--change", setting)
	}
	cmd := exec.Command("docker", append(args, "-", s.name)...)
	reader, writer := io.Pipe()
	cmd.Stdin = reader
	r := &rootfs{tar: tar.NewWriter(writer), packed: make(map[string]bool)}
	packed := make(chan struct{})
	go func() {
		defer close(packed)
		s.stock(r)
		_ = writer.CloseWithError(errors.Join(r.err, r.tar.Close()))
	}()
	out, err := cmd.CombinedOutput()
	_ = reader.Close()
	<-packed
	if err != nil {
		tb.Fatalf("a stand-in for %s: %v\n%s", s.name, errors.Join(r.err, err), out)
	}
	tb.Cleanup(func() { _, _ = tryDocker("image", "rm", s.name) })
}

// stockGolang packs Go's toolchain, a shell with ln, the certificates of CAs, the modules that Gather
// needs, as if they had been downloaded before, and what it has compiled, as if it had been built.
func stockGolang(r *rootfs) {
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if r.fail(err) {
		return
	}
	r.tree("usr/local/go", strings.TrimSpace(string(root)), func(path string) bool {
		switch path {
		case "api", "doc", "misc", "test", "src/cmd":
			return false
		}
		return builds(path)
	})
	r.program("bin/sh", "/bin/sh")
	r.program("bin/ln", "/bin/ln")
	r.file("etc/ssl/certs/ca-certificates.crt", "/etc/ssl/certs/ca-certificates.crt")
	r.put(&tar.Header{Name: "tmp/", Mode: 0o1777, Typeflag: tar.TypeDir}, nil)
	r.modules("go/pkg/mod")
	r.compiled("cache")
}

// stockRedis packs the server and the client that the tests use elsewhere, too.
func stockRedis(r *rootfs) {
	for _, name := range []string{"redis-server", "redis-cli"} {
		path, err := exec.LookPath(name)
		r.fail(err)
		r.program("usr/local/bin/"+name, path)
	}
	r.text("etc/passwd", "redis:x:999:1000::/data:/sbin/nologin\n")
	r.text("etc/group", "redis:x:1000:\n")
	r.put(&tar.Header{Name: "data/", Mode: 0o755, Uid: 999, Gid: 1000, Typeflag: tar.TypeDir}, nil)
}

// rootfs is a file system on its way into an image. After the first error nothing more is packed.
type rootfs struct {
	tar    *tar.Writer
	packed map[string]bool // files, by name: Docker takes none twice
	err    error
}

func (r *rootfs) fail(err error) bool {
	r.err = errors.Join(r.err, err)
	return r.err != nil
}

func (r *rootfs) put(header *tar.Header, content io.Reader) {
	if r.err != nil || r.fail(r.tar.WriteHeader(header)) || content == nil {
		return
	}
	_, err := io.Copy(r.tar, content)
	r.fail(err)
}

func (r *rootfs) text(name, text string) {
	r.put(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(text))}, strings.NewReader(text))
}

// file packs what the path leads to, through symbolic links.
func (r *rootfs) file(name, path string) {
	if r.err != nil || r.packed[name] {
		return
	}
	r.packed[name] = true
	f, err := os.Open(path)
	if r.fail(err) {
		return
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if !r.fail(err) {
		r.put(&tar.Header{Name: name, Mode: int64(info.Mode().Perm()), Size: info.Size()}, f)
	}
}

// tree packs the files below a directory, but for those that are not wanted.
func (r *rootfs) tree(name, root string, wanted func(path string) bool) {
	r.fail(filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		rel, _ := filepath.Rel(root, path)
		switch {
		case err != nil:
			return err
		case !wanted(rel) && entry.IsDir():
			return fs.SkipDir
		case !wanted(rel) || entry.IsDir():
			return nil
		}
		r.file(filepath.Join(name, rel), path)
		return r.err
	}))
}

var libraries = regexp.MustCompile(`(?m)(/\S+) \(0x`)

// builds tells whether a file, or what is below a directory, may be part of what is built.
func builds(path string) bool {
	return filepath.Base(path) != "testdata" && !strings.HasSuffix(path, "_test.go")
}

// modules packs a cache of modules: those that Gather needs, and of all that the machine has
// seen what they need themselves.
func (r *rootfs) modules(name string) {
	needed, err := execute(os.Environ(), "go", "mod", "download", "-json")
	r.fail(err)
	cache, err := execute(os.Environ(), "go", "env", "GOMODCACHE")
	r.fail(err)
	within := func(path string) string {
		rel, err := filepath.Rel(cache, path)
		r.fail(err)
		return filepath.Join(name, rel)
	}
	for decoder := json.NewDecoder(strings.NewReader(needed)); r.err == nil && decoder.More(); {
		var module struct{ Dir, Zip string }
		r.fail(decoder.Decode(&module))
		r.file(within(module.Zip), module.Zip)
		r.tree(within(module.Dir), module.Dir, builds)
	}
	download := filepath.Join(cache, "cache/download")
	r.tree(within(download), download, func(path string) bool {
		switch filepath.Ext(path) {
		case ".mod", ".info", ".ziphash":
			return true
		}
		info, err := os.Stat(filepath.Join(download, path))
		return err == nil && info.IsDir()
	})
}

// compiled packs a cache of what Dockerfile has built. Docker's file system may be slow, and then
// the compiler is in it, which reads thousands of files.
func (r *rootfs) compiled(name string) {
	dir, err := os.MkdirTemp("", "gather-cache")
	if r.fail(err) {
		return
	}
	defer func() { _ = os.RemoveAll(dir) }()
	cache := filepath.Join(dir, "cache")
	_, err = execute(append(os.Environ(), "CGO_ENABLED=0", "GOCACHE="+cache),
		"go", "build", "-trimpath", "-ldflags=-s -w", "-o", filepath.Join(dir, "out")+"/", "../cmd/gather")
	r.fail(err)
	r.tree(name, cache, func(string) bool { return true })
}

// program packs an executable and the shared libraries that it is linked with.
func (r *rootfs) program(name, path string) {
	r.file(name, path)
	out, err := exec.Command("ldd", path).CombinedOutput()
	if err != nil && !bytes.Contains(out, []byte("not a dynamic executable")) {
		r.fail(fmt.Errorf("ldd %s: %w\n%s", path, err, out))
	}
	for _, found := range libraries.FindAllSubmatch(out, -1) {
		library := string(found[1])
		r.file(strings.TrimPrefix(library, "/"), library)
	}
}

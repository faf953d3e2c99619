package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"mime"
	"net/url"
	"os"
	"path"
	"regexp"
	"strings"

	"gather"
)

// folder takes the bodies of results, a file each.
type folder struct {
	root    *os.Root
	earlier map[string][]string // files of earlier runs by the number that they begin with
}

// openFolder opens a folder, and makes it where it is not there. Nothing is written
// outside of it, whatever names and links there are.
func openFolder(name string) (*folder, error) {
	if err := os.MkdirAll(name, 0o755); err != nil { //nolint:gosec // as any file that the user makes
		return nil, usagef("-o: %w", err)
	}
	root, err := os.OpenRoot(name)
	if err != nil {
		return nil, usagef("-o: %w", err)
	}
	files, err := fs.ReadDir(root.FS(), ".")
	if err != nil {
		_ = root.Close()
		return nil, usagef("-o: %w", err)
	}
	return &folder{root, byNumber(files)}, nil
}

var numbered = regexp.MustCompile(`^(\d{5,})(?:[-.]|$)`)

// byNumber sorts files by the number of the item that they are named after.
func byNumber(files []fs.DirEntry) map[string][]string {
	named := make(map[string][]string)
	for _, f := range files {
		if found := numbered.FindStringSubmatch(f.Name()); found != nil && f.Type().IsRegular() {
			named[found[1]] = append(named[found[1]], f.Name())
		}
	}
	return named
}

func (f *folder) close() { _ = f.root.Close() }

// save writes the body of a result, and returns the name of its file; "" where there is no
// body. What stood there from an earlier run must not look like this one's: other files of
// the item are removed, and its own is written whole or not at all.
func (f *folder) save(r *gather.Result) (string, error) {
	body := r.Content()
	if len(body) == 0 {
		return "", f.clear(r.Index, "")
	}
	name := fileName(r)
	if err := f.root.WriteFile(name+".part", body, 0o644); err != nil {
		return "", fmt.Errorf("-o: %w", err)
	}
	if err := f.clear(r.Index, name+".part"); err != nil {
		return "", err
	}
	if err := f.root.Rename(name+".part", name); err != nil {
		return "", fmt.Errorf("-o: %w", err)
	}
	return name, nil
}

// clear removes what earlier runs have left of an item, but for one file.
func (f *folder) clear(index int, kept string) error {
	for _, name := range f.earlier[number(index)] {
		if name == kept {
			continue
		}
		if err := f.root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("-o: %w", err)
		}
	}
	return nil
}

// number is what the names of an item's files begin with.
func number(index int) string { return fmt.Sprintf("%05d", index) }

// longestName bounds what of a key or URL becomes part of a name, in bytes.
const longestName = 80

// fileName names the file of a result: its index, what its key or else its URL says, and
// what kind of file it is. With the index in front it is nobody else's, and can be
// neither hidden nor special.
func fileName(r *gather.Result) string {
	base := r.Key
	if base == "" {
		base = lastOf(r.URL)
	}
	name := number(r.Index)
	extension := extensionOf(r.ContentType)
	stem := harmless(base)
	if given := givenExtension.FindString(stem); extension == "" || strings.EqualFold(given, extension) {
		stem, extension = strings.TrimSuffix(stem, given), given
	}
	if stem = strings.Trim(stem[:min(len(stem), longestName)], "._-"); stem != "" {
		name += "-" + stem
	}
	if r.Status != gather.ItemSucceeded {
		name += "-failed"
	}
	if r.Truncated {
		name += "-cut"
	}
	return name + extension
}

var givenExtension = regexp.MustCompile(`\.[A-Za-z0-9]{1,8}$`)

// lastOf is the last part of a URL's path, or its host where there is none.
func lastOf(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return ""
	}
	if last := path.Base(u.Path); last != "/" && last != "." {
		return last
	}
	return u.Hostname()
}

// harmless replaces all that could mean something to a shell or a file system.
func harmless(text string) string {
	return strings.Map(func(c rune) rune {
		if c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || strings.ContainsRune("._-", c) {
			return c
		}
		return '_'
	}, text)
}

// extensions by media type, of what APIs and sites send; package mime's depend on the machine.
var extensions = map[string]string{
	"application/json": ".json", "text/html": ".html", "text/plain": ".txt", "text/csv": ".csv", "text/css": ".css", "text/markdown": ".md",
	"application/xml": ".xml", "text/xml": ".xml", "application/javascript": ".js", "text/javascript": ".js", "application/pdf": ".pdf",
	"image/png": ".png", "image/jpeg": ".jpg", "image/gif": ".gif", "image/webp": ".webp", "image/svg+xml": ".svg",
	"application/zip": ".zip", "application/gzip": ".gz", "application/x-ndjson": ".ndjson",
}

func extensionOf(contentType string) string {
	mediaType, _, err := mime.ParseMediaType(contentType)
	switch {
	case err != nil:
		return ""
	case strings.HasSuffix(mediaType, "+json"):
		return ".json"
	case extensions[mediaType] == "" && strings.HasSuffix(mediaType, "+xml"):
		return ".xml"
	}
	return extensions[mediaType]
}

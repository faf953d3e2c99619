package fetch

import (
	"bufio"
	"compress/gzip"
	"io"
	"net/http"
	"strings"
	"sync"
)

// unpacked is a response whose body is unpacked while it is read, if it was asked to
// come packed and did. It no longer tells of the coding then, as net/http's transport has it.
func unpacked(resp *http.Response, asked bool) *http.Response {
	if resp == nil || !asked || !strings.EqualFold(resp.Header.Get("Content-Encoding"), "gzip") {
		return resp
	}
	resp.Body = &gzipBody{packed: resp.Body}
	resp.Header.Del("Content-Encoding")
	resp.Header.Del("Content-Length")
	resp.ContentLength = -1
	resp.Uncompressed = true
	return resp
}

// gzipBody unpacks a body. Its errors are those of gzip and of what it unpacks.
type gzipBody struct {
	packed io.ReadCloser
	reader *gzipReader // nil until something is read
	err    error       // of the beginning
}

// gzipReader is a gzip.Reader and what it reads from. Together they take 44 KiB.
type gzipReader struct {
	gzip   gzip.Reader
	packed bufio.Reader
}

// gzipReaders are those of the bodies that are closed.
var gzipReaders = sync.Pool{New: func() any { return new(gzipReader) }}

// Read implements [io.Reader].
func (b *gzipBody) Read(p []byte) (int, error) {
	if b.err == nil && b.reader == nil {
		b.reader = gzipReaders.Get().(*gzipReader)
		b.reader.packed.Reset(b.packed)
		b.err = b.reader.gzip.Reset(&b.reader.packed)
	}
	if b.err != nil {
		return 0, b.err
	}
	return b.reader.gzip.Read(p)
}

// Close implements [io.Closer]. Nothing can be read after it.
func (b *gzipBody) Close() error {
	if b.reader != nil {
		b.reader.packed.Reset(nil) // which the gzip.Reader keeps
		gzipReaders.Put(b.reader)
	}
	b.reader, b.err = nil, http.ErrBodyReadAfterClose
	return b.packed.Close()
}

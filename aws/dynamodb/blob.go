package dynamodb

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/klauspost/compress/zstd"

	"github.com/eventlake/lake"
)

const (
	// compressFrom is the size in bytes from which contents are compressed.
	compressFrom = 1 << 10
	// maxInline is the largest content in bytes of an item: an item may have
	// 400 KB with names and keys.
	maxInline = 380 << 10
	// maxContent bounds the memory that a stored content can take.
	maxContent = 1 << 30
	// objectRoot is where objects lie in the store.
	objectRoot = "ledger/"
)

// magic begins every zstd frame, and nothing that is compressed so.
var magic = []byte{0x28, 0xb5, 0x2f, 0xfd}

// blobs keeps contents, small ones in the item that needs them and large ones
// in objects that the item names.
type blobs struct {
	store  lake.Store // may be nil
	inline int        // bytes
	zstd   func() (*zstd.Encoder, error)
	unzstd func() (*zstd.Decoder, error)
}

func newBlobs(o Options) *blobs {
	b := &blobs{store: o.Store, inline: o.inline}
	if b.store == nil {
		b.inline = maxInline
	}
	// A process that only claims never needs the memory of these.
	b.zstd = sync.OnceValues(func() (*zstd.Encoder, error) {
		return zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(1<<20))
	})
	b.unzstd = sync.OnceValues(func() (*zstd.Decoder, error) {
		return zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxContent))
	})
	return b
}

// inItem never makes an object.
func (b *blobs) inItem() *blobs { return &blobs{inline: maxInline, zstd: b.zstd} }

// put compresses a content and adds it to the item: itself, or the name of the
// object that has it from now on. Objects are named for their content, so a
// repeat finds its object there.
func (b *blobs) put(ctx context.Context, i item, name string, content []byte) error {
	content, err := b.compressed(content)
	if err != nil {
		return err
	}
	if len(content) <= b.inline {
		i["b"] = &types.AttributeValueMemberB{Value: content}
		return nil
	}
	if b.store == nil {
		return lake.Errorf(lake.ErrLimit, "give the ledger a store for large contents, or commit fewer files at once",
			"%s has %d bytes, more than an item takes", name, len(content))
	}
	key, err := b.create(ctx, name, content)
	if err != nil {
		return err
	}
	i["o"] = text(string(key))
	return nil
}

func (b *blobs) compressed(content []byte) ([]byte, error) {
	if len(content) < compressFrom {
		return content, nil
	}
	z, err := b.zstd()
	if err != nil {
		return nil, err
	}
	return z.EncodeAll(content, nil), nil
}

// keep makes an object of a content, whatever its size.
func (b *blobs) keep(ctx context.Context, name string, content []byte) (lake.Key, error) {
	content, err := b.compressed(content)
	if err != nil {
		return "", err
	}
	return b.create(ctx, name, content)
}

func (b *blobs) create(ctx context.Context, name string, content []byte) (lake.Key, error) {
	key := lake.Key(fmt.Sprintf("%s%s-%08x", objectRoot, name, checksum(content)))
	_, err := b.store.Create(ctx, key, func(w io.Writer) error {
		_, err := w.Write(content)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("write %s: %w", key, err)
	}
	return key, nil
}

// get returns the content that an item has or names. ErrNotFound when the
// object is gone: what named it is gone by now too.
func (b *blobs) get(ctx context.Context, i item) ([]byte, error) {
	f := fields{item: i}
	content, key := f.bytes("b"), lake.Key(f.text("o"))
	if f.err != nil {
		return nil, f.err
	}
	if key != "" {
		return b.open(ctx, key)
	}
	return b.plain(content)
}

// open returns the content of an object; ErrNotFound when it is gone.
func (b *blobs) open(ctx context.Context, key lake.Key) ([]byte, error) {
	if b.store == nil {
		return nil, lake.Errorf(lake.ErrInvalid, "give the ledger the store that it was written with", "content in object %s", key)
	}
	content, err := b.read(ctx, key)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", key, err)
	}
	return b.plain(content)
}

func (b *blobs) plain(content []byte) ([]byte, error) {
	if !bytes.HasPrefix(content, magic) {
		return content, nil
	}
	z, err := b.unzstd()
	if err != nil {
		return nil, err
	}
	plain, err := z.DecodeAll(content, nil)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", lake.ErrCorrupt, err)
	}
	return plain, nil
}

func (b *blobs) read(ctx context.Context, key lake.Key) (content []byte, err error) {
	o, err := b.store.Open(ctx, key)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, o.Close()) }()
	content = make([]byte, o.Size())
	_, err = io.ReadFull(o, content)
	return content, err
}

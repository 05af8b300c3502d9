package iceberg

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"

	"golang.org/x/sync/errgroup"

	"github.com/eventlake/lake"
)

// writers is how many metadata files of one commit are written at once. There
// are three: a manifest, a manifest list and the metadata.
const writers = 4

// storeFiles keeps files as the objects of a lake.Store.
type storeFiles struct{ store lake.Store }

// FilesIn keeps files as objects of a store. They have no checksums beside
// them: a store of a cloud checks what it reads by itself.
func FilesIn(store lake.Store) Files { return storeFiles{store} }

// Write implements Files.
func (s storeFiles) Write(ctx context.Context, files []File) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(writers)
	for _, f := range files {
		g.Go(func() error {
			_, err := s.store.Create(ctx, f.Key, func(w io.Writer) error {
				_, err := w.Write(f.Data)
				return err
			})
			return err
		})
	}
	return g.Wait()
}

// Read implements Files.
func (s storeFiles) Read(ctx context.Context, _ lake.TableName, key lake.Key) (data []byte, checked bool, err error) {
	o, err := s.store.Open(ctx, key)
	if err != nil {
		return nil, false, err
	}
	defer func() { err = errors.Join(err, o.Close()) }()
	data = make([]byte, o.Size())
	if _, err := io.ReadFull(o, data); err != nil {
		return nil, false, fmt.Errorf("read %s: %w", key, err)
	}
	return data, false, nil
}

// Size implements Files.
func (s storeFiles) Size(ctx context.Context, key lake.Key) (int64, error) {
	o, err := s.store.Open(ctx, key)
	if err != nil {
		return 0, err
	}
	return o.Size(), o.Close()
}

// List implements Files.
func (s storeFiles) List(ctx context.Context, dir lake.Key) iter.Seq2[lake.Info, error] {
	return s.store.List(ctx, dir)
}

// Remove implements Files.
func (s storeFiles) Remove(ctx context.Context, key lake.Key) error { return s.store.Delete(ctx, key) }

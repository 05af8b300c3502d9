package catalog

import (
	"path/filepath"
	"strings"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/iceberg"
)

const (
	tablesDir    = "tables"
	databaseName = "catalog.db"
)

// place is where the catalog lies: an absolute OS path.
type place struct{ dir string }

func newPlace(root string) (place, error) {
	abs, err := filepath.Abs(root)
	if err != nil {
		return place{}, err
	}
	if strings.ContainsAny(abs, "?#") {
		return place{}, lake.Errorf(lake.ErrInvalid, "use a directory without '?' and '#' in its path: Iceberg readers take paths as URIs", "data directory %s", abs)
	}
	return place{abs}, nil
}

func (p place) warehouse() string { return filepath.Join(p.dir, tablesDir) }
func (p place) database() string  { return filepath.Join(p.dir, tablesDir, databaseName) }

func (p place) path(k lake.Key) string { return filepath.Join(p.dir, filepath.FromSlash(string(k))) }

// root is the place for Iceberg metadata, which may have been written when the
// data directory lay elsewhere.
func (p place) root() iceberg.Root {
	dir := filepath.ToSlash(p.dir)
	if !strings.HasPrefix(dir, "/") {
		dir = "/" + dir // a drive letter
	}
	return iceberg.Root{URI: "file://" + strings.TrimSuffix(dir, "/"), Movable: true}
}

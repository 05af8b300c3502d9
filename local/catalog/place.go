package catalog

import (
	"path/filepath"
	"strings"

	"github.com/eventlake/lake"
)

const (
	tablesDir    = "tables"
	databaseName = "catalog.db"
)

// place is where the catalog lies: an absolute OS path.
type place struct{ root string }

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

func (p place) warehouse() string { return filepath.Join(p.root, tablesDir) }
func (p place) database() string  { return filepath.Join(p.root, tablesDir, databaseName) }

// location is the table's directory as a key.
func (p place) location(name lake.TableName) lake.Key {
	return lake.Key(tablesDir + "/" + string(name))
}

// uri is how Iceberg metadata names an object: a file URI whose path is not
// percent-encoded, because PyIceberg and Hadoop take it as it is.
func (p place) uri(k lake.Key) string {
	root := filepath.ToSlash(p.root)
	if !strings.HasPrefix(root, "/") {
		root = "/" + root // a drive letter
	}
	return "file://" + strings.TrimSuffix(root, "/") + "/" + string(k)
}

// key is the inverse of uri for a file of the table, wherever the data
// directory was when the URI was written; ok is false for a file elsewhere.
func (p place) key(name lake.TableName, uri string) (k lake.Key, ok bool) {
	if here := p.uri(p.location(name)) + "/"; strings.HasPrefix(uri, here) {
		return p.location(name) + "/" + lake.Key(uri[len(here):]), true
	}
	mark := "/" + tablesDir + "/" + string(name) + "/"
	i := strings.LastIndex(uri, mark)
	if i < 0 {
		return "", false
	}
	return lake.Key(uri[i+1:]), true
}

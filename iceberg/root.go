package iceberg

import (
	"strings"

	"github.com/eventlake/lake"
)

// tablesDir is where the tables lie in the store.
const tablesDir = "tables"

// Location is the directory of a table as a key.
func Location(name lake.TableName) lake.Key { return lake.Key(tablesDir + "/" + string(name)) }

// Root is where the store of a catalog lies, as URIs that other readers of the
// metadata understand.
type Root struct {
	// URI is the place of the empty key, without a slash at its end, e.g.
	// file:///srv/lake or s3://bucket/prefix. It is not percent-encoded, because
	// PyIceberg and Hadoop take paths as they are.
	URI string
	// Aliases are schemes that mean the same place as the URI's.
	Aliases []string
	// Movable says that the whole store may lie elsewhere than when its metadata
	// was written: URIs count from "/tables/<table>/" on.
	Movable bool
}

// Location is the directory of a table as its metadata should name it.
func (r Root) Location(name lake.TableName) string { return r.uri(Location(name)) }

// uri is how metadata names an object.
func (r Root) uri(k lake.Key) string { return r.URI + "/" + string(k) }

// Key is the object that a URI in the metadata of a table names; ok is false
// for one that is no file of the table.
func (r Root) Key(name lake.TableName, uri string) (k lake.Key, ok bool) {
	dir := Location(name)
	if rest, ok := r.below(uri, dir); ok {
		return dir + "/" + lake.Key(rest), true
	}
	if !r.Movable {
		return "", false
	}
	i := strings.LastIndex(uri, "/"+string(dir)+"/")
	if i < 0 {
		return "", false
	}
	return lake.Key(uri[i+1:]), true
}

// below returns what follows the directory in a URI of this root.
func (r Root) below(uri string, dir lake.Key) (string, bool) {
	here := r.uri(dir) + "/"
	if rest, ok := strings.CutPrefix(uri, here); ok {
		return rest, true
	}
	scheme, path, _ := strings.Cut(uri, "://")
	_, want, _ := strings.Cut(here, "://")
	for _, a := range r.Aliases {
		if scheme == a {
			return strings.CutPrefix(path, want)
		}
	}
	return "", false
}

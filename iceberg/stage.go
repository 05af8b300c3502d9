package iceberg

import (
	"fmt"
	"path"
	"strconv"
	"strings"

	"github.com/apache/iceberg-go/table"
	"github.com/google/uuid"

	"github.com/eventlake/lake"
)

// staged is a state that is ready to be published: the files it needs, encoded.
type staged struct {
	c        *Catalog
	name     lake.TableName
	from     string // URI of the metadata before; "" for a new table
	to       string // and after
	files    []File
	meta     table.Metadata
	snapshot int64 // that it adds; 0 for none
	next     *state
	drop     []string // URIs of metadata files that the new metadata no longer lists
}

func (c *Catalog) newStage(name lake.TableName, from string) *staged {
	return &staged{c: c, name: name, from: from}
}

// add takes a file of the table's metadata directory and returns its URI.
func (p *staged) add(file string, data []byte) string {
	k := p.key(file)
	p.files = append(p.files, File{k, data})
	return p.c.root.uri(k)
}

func (p *staged) key(file string) lake.Key {
	return Location(p.name) + "/metadata/" + lake.Key(file)
}

// metadata encodes what the builder has made out of old as the last file.
func (p *staged) metadata(b *table.MetadataBuilder, old table.Metadata) error {
	m, err := b.Build()
	if err != nil {
		return fmt.Errorf("table metadata: %w", err)
	}
	listed := map[string]bool{}
	for e := range m.PreviousFiles() {
		listed[e.MetadataFile] = true
	}
	for e := range old.PreviousFiles() {
		if !listed[e.MetadataFile] {
			p.drop = append(p.drop, e.MetadataFile)
		}
	}
	data, err := encode(m)
	if err != nil {
		return err
	}
	p.meta = m
	p.to = p.add(fmt.Sprintf("%05d-%s.metadata.json", version(p.from)+1, uuid.NewString()), data)
	return nil
}

// version is the number that a metadata file's name begins with, -1 for "".
func version(uri string) int {
	digits, _, _ := strings.Cut(path.Base(uri), "-")
	n, err := strconv.Atoi(digits)
	if err != nil {
		return -1
	}
	return n
}

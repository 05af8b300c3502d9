package iceberg

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	ice "github.com/apache/iceberg-go"
	"github.com/apache/iceberg-go/table"
	"github.com/google/uuid"

	"github.com/eventlake/lake"
)

// partitionName is the hidden partition column: readers that filter on
// created_datetime skip days without knowing of it.
const partitionName = timeColumn + "_day"

// properties are what a new table says to other engines that write into it: to
// keep the metadata small as this package does, and never to delete rows inside
// a file, which the lake's SQL engine would not see.
func properties() ice.Properties {
	return ice.Properties{
		"commit.manifest-merge.enabled":              "true",
		"commit.retry.num-retries":                   "4",
		"write.metadata.delete-after-commit.enabled": "true",
		"write.metadata.previous-versions-max":       strconv.Itoa(metadataVersions),
		"write.metadata.compression-codec":           "none",
		"write.delete.mode":                          "copy-on-write",
		"write.update.mode":                          "copy-on-write",
		"write.merge.mode":                           "copy-on-write",
		"write.parquet.compression-codec":            "zstd",
		"write.spark.accept-any-schema":              "true",
	}
}

// fresh is the metadata of a table that does not exist yet, with the schema's
// own column ids (iceberg-go's CreateTable would give out new ones); at is now,
// in ms.
func fresh(location string, s *ice.Schema, at int64) (table.Metadata, error) {
	b, err := table.NewMetadataBuilder(2)
	if err != nil {
		return nil, err
	}
	source, _ := s.FindFieldByNameCaseInsensitive(timeColumn)
	first := ice.PartitionDataIDStart
	spec, err := ice.NewPartitionSpecOpts(ice.AddPartitionFieldBySourceID(source.ID, partitionName, ice.DayTransform{}, s, &first))
	if err != nil {
		return nil, err
	}
	order := table.UnsortedSortOrder
	for _, step := range []func() error{
		func() error { return b.SetUUID(uuid.New()) },
		func() error { return b.AddSchema(s) },
		func() error { return b.SetCurrentSchemaID(-1) },
		func() error { return b.AddSortOrder(&order) },
		func() error { return b.SetDefaultSortOrderID(-1) },
		func() error { return b.AddPartitionSpec(&spec, true) },
		func() error { return b.SetDefaultSpecID(-1) },
		func() error { return b.SetLoc(location) },
		func() error { return b.SetProperties(properties()) },
		func() error {
			id, err := stamp(b, 0, at)
			return errors.Join(err, b.RemoveSnapshots([]int64{id}, false))
		},
	} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	return b.Build()
}

// stamp sets the builder's time of update, in ms, which it otherwise takes from
// the machine's clock; that one may have gone back, and then the metadata would
// be refused. It adds a snapshot for this, whose id it returns and which must be
// removed again.
func stamp(b *table.MetadataBuilder, sequence, at int64) (int64, error) {
	s := table.Snapshot{SnapshotID: rand.Int64N(1<<62) + 1, SequenceNumber: sequence, TimestampMs: at}
	return s.SnapshotID, b.AddSnapshot(&s)
}

// checkSpec reports lake.ErrInvalid when the table is not partitioned as the
// lake does it, so that its files could not be described.
func checkSpec(name lake.TableName, m table.Metadata) error {
	spec := m.PartitionSpec()
	if spec.NumFields() == 1 {
		f := spec.Field(0)
		source, ok := m.CurrentSchema().FindFieldByID(f.SourceID())
		if _, day := f.Transform.(ice.DayTransform); ok && day && source.Name == timeColumn {
			return nil
		}
	}
	return lake.Errorf(lake.ErrInvalid, "make the table again with `lake rebuild`, under its own name", "table %s is partitioned by %s, not by day(%s)", name, spec, timeColumn)
}

// setColumns makes s the current schema when it differs, and keeps what Iceberg
// cannot say in a property.
func setColumns(b *table.MetadataBuilder, s *ice.Schema, extra schemaExtra, props ice.Properties) error {
	if !s.Equals(b.CurrentSchema()) {
		if err := b.AddSchema(s); err != nil {
			return err
		}
		if err := b.SetCurrentSchemaID(-1); err != nil {
			return err
		}
	}
	text, err := json.Marshal(extra)
	if err != nil {
		return fmt.Errorf("schema property: %w", err)
	}
	return setProperty(b, props, schemaProperty, string(text))
}

func setProperty(b *table.MetadataBuilder, props ice.Properties, key, value string) error {
	if props[key] == value {
		return nil
	}
	return b.SetProperties(ice.Properties{key: value})
}

// expired lists the snapshots, other than the current one and those that
// branches and tags of other engines name, that stopped being current before
// the limit. A snapshot's age counts from when it was replaced, so that every
// state that was current within the time kept stays readable.
func expired(m table.Metadata, current int64, limit int64) (ids []int64) {
	named := map[int64]bool{current: true}
	for name, ref := range m.Refs() {
		if name != table.MainBranch {
			named[ref.SnapshotID] = true
		}
	}
	snaps := m.Snapshots()
	for i, s := range snaps {
		if i+1 < len(snaps) && snaps[i+1].TimestampMs <= limit && !named[s.SnapshotID] {
			ids = append(ids, s.SnapshotID)
		}
	}
	return ids
}

// forget removes snapshots, and the schemas that only they used.
func forget(b *table.MetadataBuilder, m table.Metadata, ids []int64) error {
	if len(ids) == 0 {
		return nil
	}
	gone := make(map[int64]bool, len(ids))
	for _, id := range ids {
		gone[id] = true
	}
	used := map[int]bool{b.CurrentSchema().ID: true}
	for _, s := range m.Snapshots() {
		if s.SchemaID != nil && !gone[s.SnapshotID] {
			used[*s.SchemaID] = true
		}
	}
	var schemas []int
	for _, s := range m.Schemas() {
		if !used[s.ID] {
			schemas = append(schemas, s.ID)
		}
	}
	if err := b.RemoveSnapshots(ids, false); err != nil {
		return err
	}
	return b.RemoveSchemas(schemas)
}

func millis(d time.Duration) int64 { return d.Milliseconds() }

// encode writes metadata as its file holds it.
func encode(m table.Metadata) ([]byte, error) {
	// Marshalling by hand saves json.Marshal's second pass over the result.
	own, ok := m.(json.Marshaler)
	if !ok {
		return nil, fmt.Errorf("encode metadata: %T does not say how", m)
	}
	data, err := own.MarshalJSON()
	if err != nil {
		return nil, fmt.Errorf("encode metadata: %w", err)
	}
	return data, nil
}

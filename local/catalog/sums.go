package catalog

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"hash/crc32"
	"net/url"
	"path/filepath"
	"slices"
	"strings"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/iceberg"
)

// sum is the length and CRC-32C of a metadata file as it was written. It is
// kept beside the row that made the file part of a table, in the same
// transaction. Files that other engines wrote, or a lake before there were
// checksums, have none.
type sum struct {
	file  string // below the table's directory
	bytes int64
	crc   uint32
}

func sumOf(file string, data []byte) sum {
	return sum{file, int64(len(data)), crc32.Checksum(data, crc32.MakeTable(crc32.Castagnoli))}
}

// differs says how the data differs from what was written, "" when it does not.
func (s *sum) differs(data []byte) string {
	now := sumOf(s.file, data)
	switch {
	case now.bytes != s.bytes:
		return fmt.Sprintf("has %d bytes, catalog.db says %d", now.bytes, s.bytes)
	case now.crc != s.crc:
		return fmt.Sprintf("has checksum %08x, catalog.db says %08x", now.crc, s.crc)
	}
	return ""
}

// inTable is the name under which a file's checksum is kept.
func inTable(name lake.TableName, k lake.Key) string {
	return strings.TrimPrefix(string(k), string(iceberg.Location(name))+"/")
}

// sumOf finds the checksum of a file; ok is false when none is recorded.
func (r *rows) sumOf(ctx context.Context, name lake.TableName, file string) (s sum, ok bool, err error) {
	return scanSum(ctx, r.sum, name, file)
}

func scanSum(ctx context.Context, find *sql.Stmt, name lake.TableName, file string) (s sum, ok bool, err error) {
	s.file = file
	err = find.QueryRowContext(ctx, string(name), file).Scan(&s.bytes, &s.crc)
	if errors.Is(err, sql.ErrNoRows) {
		return s, false, nil
	}
	return s, err == nil, rowsErr(err)
}

// digestFile is the name in whose place a table's digest is kept: how many
// checksums the table has, and all of them in one number. It tells when the
// checksums themselves are damaged.
const digestFile = ""

// mix adds a checksum to a digest, or takes it out again.
func (s *sum) mix(t sum, n int64) {
	s.bytes += n
	s.crc ^= crc32.Checksum(fmt.Appendf(nil, "%s %d %d", t.file, t.bytes, t.crc), crc32.MakeTable(crc32.Castagnoli))
}

// changeSums adds and drops checksums of a table.
func (r *rows) changeSums(ctx context.Context, tx *sql.Tx, name lake.TableName, add []sum, drop []string) error {
	find := func(file string) (s sum, ok bool, err error) {
		return scanSum(ctx, tx.StmtContext(ctx, r.sum), name, file)
	}
	digest, _, err := find(digestFile)
	if err != nil {
		return err
	}
	for _, file := range drop {
		old, ok, err := find(file)
		if err != nil {
			return err
		}
		if !ok {
			continue
		}
		digest.mix(old, -1)
		if _, err := tx.ExecContext(ctx, `DELETE FROM lake_checksums WHERE table_name = ? AND file_name = ?`, string(name), file); err != nil {
			return err
		}
	}
	for _, s := range add {
		digest.mix(s, 1)
	}
	for _, s := range append(slices.Clip(add), digest) {
		if _, err := tx.ExecContext(ctx, `INSERT OR REPLACE INTO lake_checksums (table_name, file_name, bytes, crc32c) VALUES (?, ?, ?, ?)`,
			string(name), s.file, s.bytes, s.crc); err != nil {
			return err
		}
	}
	return nil
}

// sumsOf lists the checksums of a table's files; whole is false when they are
// not those that were recorded.
func (r *rows) sumsOf(ctx context.Context, db queryer, name lake.TableName) (out []sum, whole bool, err error) {
	rs, err := db.QueryContext(ctx, `SELECT file_name, bytes, crc32c FROM lake_checksums WHERE table_name = ?`, string(name))
	if err != nil {
		return nil, false, rowsErr(err)
	}
	defer func() { err = errors.Join(err, rowsErr(rs.Close())) }()
	var digest, want sum
	for rs.Next() {
		var s sum
		if err := rs.Scan(&s.file, &s.bytes, &s.crc); err != nil {
			return nil, false, rowsErr(err)
		}
		if s.file == digestFile {
			want = s
			continue
		}
		digest.mix(s, 1)
		out = append(out, s)
	}
	return out, digest == want, rowsErr(rs.Err())
}

// queryer is a database or a transaction.
type queryer interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// pruneSums forgets the checksums of files that nothing names any more.
func (r *rows) pruneSums(ctx context.Context, tx *sql.Tx, name lake.TableName, named func(file string) bool) error {
	all, _, err := r.sumsOf(ctx, tx, name)
	if err != nil {
		return err
	}
	var gone []string
	for _, s := range all {
		if !named(s.file) {
			gone = append(gone, s.file)
		}
	}
	return r.changeSums(ctx, tx, name, nil, gone)
}

// salvageSums reads the checksums, by table, from an SQLite file that may be
// damaged or missing: as many as there are.
func salvageSums(ctx context.Context, path string) map[lake.TableName][]sum {
	out := map[lake.TableName][]sum{}
	db, err := sql.Open("sqlite", (&url.URL{Scheme: "file", Path: filepath.ToSlash(path), RawQuery: "mode=rw"}).String())
	if err != nil {
		return out
	}
	defer db.Close() // it was only read, and may be damaged
	rs, err := db.QueryContext(ctx, `SELECT table_name, file_name, bytes, crc32c FROM lake_checksums`)
	if err != nil {
		return out
	}
	defer rs.Close() // as above
	for rs.Next() {
		var s sum
		var name lake.TableName
		if rs.Scan(&name, &s.file, &s.bytes, &s.crc) != nil {
			break
		}
		if s.file != digestFile {
			out[name] = append(out[name], s)
		}
	}
	if rs.Err() != nil {
		return out // what came before the damage is good
	}
	return out
}

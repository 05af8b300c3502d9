package catalog

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/iceberg"
)

// rows is the SQLite file: the tables of Iceberg's JDBC catalog (version 1),
// which PyIceberg, Spark and iceberg-go share, and beside them the lake's own
// checksums (see sums.go), which the others do not look at.
type rows struct {
	db    *sql.DB
	named *sql.Stmt
	sum   *sql.Stmt
}

var _ iceberg.Pointer = (*rows)(nil)

const rowsSchema = `
CREATE TABLE IF NOT EXISTS iceberg_tables (
	catalog_name VARCHAR(255) NOT NULL,
	table_namespace VARCHAR(255) NOT NULL,
	table_name VARCHAR(255) NOT NULL,
	metadata_location VARCHAR(1000),
	previous_metadata_location VARCHAR(1000),
	iceberg_type VARCHAR(5),
	PRIMARY KEY (catalog_name, table_namespace, table_name));
CREATE TABLE IF NOT EXISTS iceberg_namespace_properties (
	catalog_name VARCHAR(255) NOT NULL,
	namespace VARCHAR(255) NOT NULL,
	property_key VARCHAR(255) NOT NULL,
	property_value VARCHAR(1000),
	PRIMARY KEY (catalog_name, namespace, property_key));
CREATE TABLE IF NOT EXISTS lake_checksums (
	table_name VARCHAR(255) NOT NULL,
	file_name VARCHAR(1000) NOT NULL,
	bytes INTEGER NOT NULL,
	crc32c INTEGER NOT NULL,
	PRIMARY KEY (table_name, file_name)) WITHOUT ROWID;
INSERT OR IGNORE INTO iceberg_namespace_properties VALUES ('` + Name + `', '` + Name + `', 'exists', 'true');`

const rowsWhere = ` WHERE catalog_name = '` + Name + `' AND table_namespace = '` + Name + `' AND (iceberg_type = 'TABLE' OR iceberg_type IS NULL)`

func openRows(ctx context.Context, path string) (*rows, error) {
	// SQLite does its own file work, so its directory must be a real one even
	// where the other files go through another disk.FS.
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	u := url.URL{Scheme: "file", Path: filepath.ToSlash(path), RawQuery: "_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_txlock=immediate"}
	db, err := sql.Open("sqlite", u.String())
	if err != nil {
		return nil, rowsErr(err)
	}
	db.SetMaxOpenConns(4)
	r := &rows{db: db}
	if err := r.init(ctx); err != nil {
		return nil, errors.Join(rowsErr(err), db.Close())
	}
	return r, nil
}

func (r *rows) init(ctx context.Context) error {
	var have int
	err := r.db.QueryRowContext(ctx, `SELECT count(*) FROM sqlite_master WHERE name IN ('iceberg_tables', 'iceberg_namespace_properties', 'lake_checksums')`).Scan(&have)
	if err != nil {
		return err
	}
	if have < 3 { // a reader beside a writer must not need the write lock
		if _, err := r.db.ExecContext(ctx, rowsSchema); err != nil {
			return err
		}
	}
	if r.named, err = r.db.PrepareContext(ctx, `SELECT metadata_location FROM iceberg_tables`+rowsWhere+` AND table_name = ?`); err != nil {
		return err
	}
	r.sum, err = r.db.PrepareContext(ctx, `SELECT bytes, crc32c FROM lake_checksums WHERE table_name = ? AND file_name = ?`)
	return err
}

func (r *rows) close() error { return errors.Join(r.named.Close(), r.sum.Close(), r.db.Close()) }

// integrity has SQLite look for damage in the structure of the file. SQLite
// keeps no checksum of it: a changed value is found where it leads to nothing.
func (r *rows) integrity(ctx context.Context) (problems []string, err error) {
	rs, err := r.db.QueryContext(ctx, `PRAGMA integrity_check(10)`)
	if err != nil {
		return nil, rowsErr(err)
	}
	defer func() { err = errors.Join(err, rowsErr(rs.Close())) }()
	for rs.Next() {
		var s string
		if err := rs.Scan(&s); err != nil {
			return nil, rowsErr(err)
		}
		if s != "ok" {
			problems = append(problems, s)
		}
	}
	return problems, rowsErr(rs.Err())
}

// Get implements iceberg.Pointer.
func (r *rows) Get(ctx context.Context, name lake.TableName) (string, error) {
	var uri sql.NullString
	err := r.named.QueryRowContext(ctx, string(name)).Scan(&uri)
	if errors.Is(err, sql.ErrNoRows) || err == nil && !uri.Valid {
		return "", lake.ErrNotFound
	}
	return uri.String, rowsErr(err)
}

// List implements iceberg.Pointer.
func (r *rows) List(ctx context.Context) (names []lake.TableName, err error) {
	rs, err := r.db.QueryContext(ctx, `SELECT table_name FROM iceberg_tables`+rowsWhere+` ORDER BY table_name`)
	if err != nil {
		return nil, rowsErr(err)
	}
	defer func() { err = errors.Join(err, rowsErr(rs.Close())) }()
	for rs.Next() {
		var n lake.TableName
		if err := rs.Scan(&n); err != nil {
			return nil, rowsErr(err)
		}
		names = append(names, n)
	}
	return names, rowsErr(rs.Err())
}

// Swap implements iceberg.Pointer. The checksums of the files that the move adds
// and drops change in the same transaction.
func (r *rows) Swap(ctx context.Context, m iceberg.Move) (won bool, err error) {
	name := m.Next.Name
	add := make([]sum, len(m.Add))
	for i, f := range m.Add {
		add[i] = sumOf(inTable(name, f.Key), f.Data)
	}
	drop := make([]string, len(m.Drop))
	for i, k := range m.Drop {
		drop[i] = inTable(name, k)
	}
	err = r.change(ctx, func(tx *sql.Tx) (bool, error) {
		if won, err = moveRow(ctx, tx, m); err != nil || !won {
			return false, err
		}
		return true, r.changeSums(ctx, tx, name, add, drop)
	})
	return won && err == nil, err
}

func moveRow(ctx context.Context, tx *sql.Tx, m iceberg.Move) (bool, error) {
	var res sql.Result
	var err error
	if m.From == "" {
		res, err = tx.ExecContext(ctx, `INSERT OR IGNORE INTO iceberg_tables (catalog_name, table_namespace, table_name, metadata_location, iceberg_type)
			VALUES ('`+Name+`', '`+Name+`', ?, ?, 'TABLE')`, string(m.Next.Name), m.To)
	} else {
		res, err = tx.ExecContext(ctx, `UPDATE iceberg_tables SET metadata_location = ?, previous_metadata_location = ?, iceberg_type = 'TABLE'`+
			rowsWhere+` AND table_name = ? AND metadata_location = ?`, m.To, m.From, string(m.Next.Name), m.From)
	}
	if err != nil {
		return false, err
	}
	n, err := res.RowsAffected()
	return n == 1, err
}

// change runs fn in a transaction that holds the write lock, and commits it
// when fn says so.
func (r *rows) change(ctx context.Context, fn func(*sql.Tx) (commit bool, err error)) (err error) {
	tx, err := r.db.BeginTx(ctx, nil)
	if err != nil {
		return rowsErr(err)
	}
	defer func() {
		if e := tx.Rollback(); !errors.Is(e, sql.ErrTxDone) { // it ends by itself with the context
			err = errors.Join(err, rowsErr(e))
		}
	}()
	commit, err := fn(tx)
	if err != nil || !commit {
		return rowsErr(err)
	}
	return rowsErr(tx.Commit())
}

// Hold implements iceberg.Pointer: no process can move the row meanwhile. Then
// checksums of files that nothing names are forgotten.
func (r *rows) Hold(ctx context.Context, name lake.TableName, uri string, remove func() error, named iceberg.Named) (bool, error) {
	return r.hold(ctx, name, uri, func(tx *sql.Tx) error {
		if err := remove(); err != nil || named == nil {
			return err
		}
		return r.pruneSums(ctx, tx, name, func(file string) bool { return named(iceberg.Location(name) + "/" + lake.Key(file)) })
	})
}

// hold runs fn while no process can move the table's row, if the row is at uri
// still; ok is false, and fn was not run, when it is not.
func (r *rows) hold(ctx context.Context, name lake.TableName, uri string, fn func(*sql.Tx) error) (ok bool, err error) {
	err = r.change(ctx, func(tx *sql.Tx) (bool, error) {
		var now sql.NullString
		err := tx.StmtContext(ctx, r.named).QueryRowContext(ctx, string(name)).Scan(&now)
		if err != nil && !errors.Is(err, sql.ErrNoRows) || now.String != uri {
			return false, ignoreNoRows(err)
		}
		ok = true
		return true, fn(tx)
	})
	return ok, err
}

func ignoreNoRows(err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	return err
}

// rowsErr maps SQLite's result codes onto the lake's errors.
func rowsErr(err error) error {
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return err
	}
	switch e.Code() & 0xff {
	case sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT:
		return lake.Errorf(lake.ErrCorrupt, "run `lake doctor`: it rebuilds the catalog file from the tables' metadata", "catalog file: %s", err)
	case sqlite3.SQLITE_FULL:
		return lake.Errorf(lake.ErrFull, "free some space on the data directory's disk; the lake goes on by itself", "catalog file: %s", err)
	case sqlite3.SQLITE_BUSY:
		return lake.Errorf(lake.ErrLocked, "another program holds the catalog file's write lock; end its transaction", "catalog file: %s", err)
	case sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM:
		return fmt.Errorf("catalog file: %w", lake.Errorf(lake.ErrInvalid, "check that the data directory's tables/ can be written by this user", "%s", err))
	}
	return fmt.Errorf("catalog file: %w", err)
}

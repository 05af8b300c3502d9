package enginetest

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/eventlake/lake"
)

// hostile tries to get out of the database in every way that SQL offers.
func hostile(t *testing.T, tables *Tables, e lake.Engine) {
	f := write(t, tables, "push", firstDay, numbers("push", firstDay, 10))
	tables.commit(t, "push", numberColumns(), []lake.DataFile{f}, nil)
	root := tables.Root
	secret := "s3cr3t-of-the-test"
	for _, name := range []string{"keys.json", "tables/catalog.db", "raw/x.ndjson", "outside.csv"} {
		path := filepath.Join(root, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(secret), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(filepath.Join(root, "keys.json"), filepath.Join(root, "tables", "push", "data", "link.csv")); err != nil {
		t.Fatal(err)
	}
	before := listing(t, root)
	data := filepath.Join(root, filepath.FromSlash(string(f.Key)))
	for _, sql := range Hostile(root, data) {
		got, err := ask(t, e, sql)
		if !errors.Is(err, lake.ErrInvalid) {
			t.Errorf("%s\n got %q, %v", sql, got, err)
		}
		if strings.Contains(strings.Join(got, ""), secret) {
			t.Errorf("%s\n told the secret", sql)
		}
		if err != nil && strings.Contains(err.Error(), root) && !strings.Contains(sql, root) {
			t.Errorf("%s\n the message shows the data directory's path: %v", sql, err)
		}
	}
	if after := listing(t, root); after != before {
		t.Errorf("files changed\nbefore %s\nafter %s", before, after)
	}
	Expect(t, e, "SELECT count(*) FROM push", "10") // and it is alive
}

// Hostile returns statements that an engine must refuse: they read or write
// outside the tables, change the database or its settings, or tell about the
// machine. data is the path of a data file.
func Hostile(root, data string) []string {
	q := func(s string) string {
		return strings.NewReplacer("ROOT", root, "DATA", data).Replace(s)
	}
	var out []string
	for _, s := range []string{
		// read files
		`SELECT * FROM read_text('ROOT/keys.json')`,
		`SELECT * FROM read_blob('ROOT/keys.json')`,
		`SELECT * FROM read_text('ROOT/tables/catalog.db')`,
		`SELECT * FROM read_text('ROOT/tables/../keys.json')`,
		`SELECT * FROM read_text('ROOT/tables/push/data/link.csv')`,
		`SELECT * FROM read_csv('ROOT/outside.csv')`,
		`SELECT * FROM read_csv_auto('/etc/passwd')`,
		`SELECT * FROM read_json('ROOT/raw/x.ndjson')`,
		`SELECT * FROM read_ndjson_objects('ROOT/raw/*')`,
		`SELECT * FROM read_parquet('DATA')`,
		`SELECT * FROM parquet_scan('DATA')`,
		`SELECT * FROM parquet_metadata('DATA')`,
		`SELECT * FROM parquet_kv_metadata('DATA')`,
		`SELECT * FROM sniff_csv('ROOT/outside.csv')`,
		`SELECT * FROM glob('ROOT/*')`,
		`SELECT * FROM 'ROOT/outside.csv'`,
		`SELECT * FROM "ROOT/outside.csv"`,
		`SELECT * FROM 'DATA'`,
		`FROM '/etc/passwd'`,
		`SELECT * FROM 'outside.csv'`,
		`SELECT * FROM 'https://example.com/x.parquet'`,
		`SELECT * FROM 's3://bucket/x.parquet'`,
		`SELECT (SELECT content FROM read_text('ROOT/keys.json'))`,
		`WITH x AS (FROM read_text('ROOT/keys.json')) SELECT * FROM x`,
		`SELECT * FROM push, LATERAL (SELECT * FROM read_text('ROOT/keys.json'))`,
		`SELECT * FROM push WHERE event_type IN (SELECT content FROM read_text('ROOT/keys.json'))`,
		`SELECT * FROM read_duckdb('ROOT/tables/catalog.db')`,
		`SELECT * FROM sqlite_scan('ROOT/tables/catalog.db', 'x')`,
		`SELECT * FROM iceberg_scan('ROOT/tables/push')`,
		`SELECT * FROM query('SELECT * FROM read_text(''ROOT/keys.json'')')`,
		`SELECT * FROM query_table('ROOT/outside.csv')`,
		`SELECT * FROM json_execute_serialized_sql(json_serialize_sql('SELECT 1'))`,
		`PRAGMA json_execute_serialized_sql('x')`,
		`DESCRIBE SELECT * FROM read_text('ROOT/keys.json')`,
		`SUMMARIZE SELECT * FROM 'ROOT/outside.csv'`,
		`EXPLAIN ANALYZE SELECT * FROM read_text('ROOT/keys.json')`,
		// write files
		`COPY push TO 'ROOT/out.csv'`,
		`COPY (SELECT 1) TO 'ROOT/tables/push/data/out.parquet'`,
		`COPY (SELECT 1) TO '/tmp/out.csv'`,
		`COPY push FROM 'ROOT/outside.csv'`,
		`EXPORT DATABASE 'ROOT/export'`,
		`IMPORT DATABASE 'ROOT/export'`,
		`EXPLAIN ANALYZE COPY (SELECT 1) TO 'ROOT/tables/out.csv'`,
		`EXPLAIN (ANALYZE) COPY (SELECT 1) TO 'ROOT/tables/out.csv'`,
		`SELECT 1) TO 'ROOT/tables/out.csv'; --`,
		`SELECT 1); COPY (SELECT 1) TO 'ROOT/tables/out.csv'; SELECT (1`,
		`CHECKPOINT`,
		// change things
		`CREATE TABLE x (a INTEGER)`,
		`CREATE TEMP TABLE x AS SELECT 1`,
		`CREATE OR REPLACE VIEW push AS SELECT 1`,
		`CREATE MACRO m(a) AS a`,
		`CREATE SECRET s (TYPE s3)`,
		`CREATE SEQUENCE s`,
		`CREATE TYPE t AS ENUM ('a')`,
		`INSERT INTO push SELECT * FROM push`,
		`UPDATE push SET n = 1`,
		`DELETE FROM push`,
		`TRUNCATE push`,
		`DROP TABLE push`,
		`DROP VIEW events`,
		`ALTER TABLE push ADD COLUMN x INTEGER`,
		`EXPLAIN ANALYZE INSERT INTO push SELECT * FROM push`,
		`EXPLAIN ANALYZE DROP VIEW events`,
		`WITH x AS (DELETE FROM push RETURNING *) SELECT * FROM x`,
		`BEGIN TRANSACTION`, `COMMIT`, `VACUUM`, `ANALYZE`,
		`USE main`,
		`PREPARE p AS SELECT 1`, `EXECUTE p`, `DEALLOCATE p`,
		// load code, reach other databases, change settings
		`INSTALL httpfs`, `LOAD httpfs`, `FORCE INSTALL httpfs FROM 'ROOT'`, `UPDATE EXTENSIONS`,
		`ATTACH 'ROOT/tables/catalog.db' AS c`, `ATTACH ':memory:' AS m`, `DETACH memory`,
		`SET enable_external_access = true`, `SET allowed_directories = ['/']`, `SET threads = 1`, `RESET ALL`,
		`SET VARIABLE x = 1`, `PRAGMA enable_profiling`, `PRAGMA threads = 4`, `PRAGMA database_list`,
		`SELECT * FROM enable_logging('QueryLog', storage = 'file', storage_config = {'path': 'ROOT/logs'})`,
		`CALL enable_logging('QueryLog')`,
		`SELECT * FROM enable_profiling()`,
		`SELECT * FROM force_checkpoint()`,
		`SELECT * FROM truncate_duckdb_logs()`,
		`CALL pragma_version()`,
		// tell about the machine, stop it
		`SELECT getenv('HOME')`,
		`SELECT current_setting('temp_directory')`,
		`SELECT * FROM duckdb_settings()`,
		`SELECT * FROM duckdb_secrets()`,
		`SELECT * FROM duckdb_temporary_files()`,
		`SELECT * FROM duckdb_logs()`,
		`SELECT * FROM duckdb_extensions()`,
		`SELECT * FROM pg_settings`,
		`SELECT * FROM pg_catalog.pg_settings`,
		`SELECT * FROM duckdb_logs`,
		`SELECT v.sql FROM duckdb_views() v, push LIMIT 1`,
		`SELECT v.sql FROM duckdb_views v, push LIMIT 1`,
		`SELECT v.definition FROM pg_views v, push LIMIT 1`,
		`SELECT v.view_definition FROM information_schema.views v, push LIMIT 1`,
		`SELECT s.sql FROM sqlite_master s, push LIMIT 1`,
		`SELECT pg_get_viewdef('push'), n FROM push`,
		`SELECT pg_sleep(100)`,
		`SELECT * FROM arrow_scan(1, 2, 3)`,
		`SELECT * FROM arrow_scan_dumb(1, 2, 3)`,
		`SELECT * FROM "main"."arrow_scan"(1, 2, 3)`,
		`SELECT * FROM seq_scan(1)`,
		`SELECT sleep_ms(100000)`,
		`SELECT write_log('x')`,
		`SELECT main.write_log('x')`,
		`SELECT "sleep_ms"(100000)`,
	} {
		out = append(out, q(s))
	}
	return out
}

// listing is the name and content of every file below the directory but the
// engine's own temporary ones.
func listing(t *testing.T, root string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasPrefix(path, filepath.Join(root, "tmp")) {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		b.WriteString(path + " " + info.ModTime().String() + "\n")
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

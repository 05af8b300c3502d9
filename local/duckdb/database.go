package duckdb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync"

	driver "github.com/duckdb/duckdb-go/v2"

	"github.com/eventlake/lake"
)

// database is one in-memory DuckDB whose settings are fixed before the first
// statement and locked. One that has failed internally refuses all further
// work, so it is replaced by a new one at the next use.
type database struct {
	settings []string                             // SQL, run once each time a database is made
	before   func(context.Context, *sql.DB) error // run before the settings; may be nil

	mu      sync.Mutex
	closed  bool
	current *instance
}

// instance is one life of a database.
type instance struct {
	connector *driver.Connector
	db        *sql.DB
	broken    bool
	users     int
}

// lockdown closes every door to the world but those that were opened before.
func lockdown() []string {
	return []string{
		"SET TimeZone = 'UTC'",
		"SET Calendar = 'gregorian'",
		"SET allow_community_extensions = false",
		"SET autoinstall_known_extensions = false",
		"SET autoload_known_extensions = false",
		"SET allow_persistent_secrets = false",
		"SET enable_external_access = false",
		"SET lock_configuration = true",
	}
}

// conn returns a new connection and what gives it back. No state survives in
// it: the next caller gets another one.
func (d *database) conn(ctx context.Context) (*conn, error) {
	inst, err := d.acquire(ctx)
	if err != nil {
		return nil, err
	}
	c, err := inst.db.Conn(ctx)
	if err != nil {
		return nil, errors.Join(err, d.release(inst, err))
	}
	return &conn{Conn: c, database: d, instance: inst}, nil
}

// conn is a connection that knows its database.
type conn struct {
	*sql.Conn
	database *database
	instance *instance
	once     sync.Once
}

// close gives the connection back; err is the last error that was seen on it.
func (c *conn) close(err error) (closeErr error) {
	c.once.Do(func() { closeErr = errors.Join(c.Conn.Close(), c.database.release(c.instance, err)) })
	return closeErr
}

// prepare lets DuckDB parse, bind and plan one SELECT without running it.
func (c *conn) prepare(query string) error {
	return c.Raw(func(raw any) error {
		dc, ok := raw.(*driver.Conn)
		if !ok {
			return fmt.Errorf("sql driver %T", raw)
		}
		stmt, err := prepareSelect(dc, query)
		if err != nil {
			return err
		}
		return stmt.Close()
	})
}

// prepareSelect prepares exactly one statement, which only reads.
func prepareSelect(dc *driver.Conn, query string) (*driver.Stmt, error) {
	prepared, err := dc.Prepare(query) // refuses to run what precedes the last statement
	if err != nil {
		return nil, err
	}
	stmt, ok := prepared.(*driver.Stmt)
	if !ok {
		return nil, errors.Join(fmt.Errorf("sql driver statement %T", prepared), prepared.Close())
	}
	typ, err := stmt.StatementType()
	if err == nil && typ != driver.STATEMENT_TYPE_SELECT && typ != driver.STATEMENT_TYPE_EXPLAIN {
		err = fail(lake.ErrInvalid, onlyReading, "this statement is not allowed")
	}
	if err != nil {
		return nil, errors.Join(err, stmt.Close())
	}
	return stmt, nil
}

func (d *database) acquire(ctx context.Context) (*instance, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return nil, errClosed
	}
	if d.current == nil {
		inst, err := d.open(ctx)
		if err != nil {
			return nil, err
		}
		d.current = inst
	}
	d.current.users++
	return d.current, nil
}

func (d *database) release(inst *instance, err error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	inst.users--
	if isFatal(err) && !inst.broken {
		inst.broken = true
		if d.current == inst {
			d.current = nil
		}
	}
	if inst.users == 0 && (inst.broken || d.closed) {
		return inst.close()
	}
	return nil
}

func (d *database) open(ctx context.Context) (*instance, error) {
	connector, err := driver.NewConnector("", nil)
	if err != nil {
		return nil, fmt.Errorf("open duckdb: %w", err)
	}
	inst := &instance{connector: connector, db: sql.OpenDB(connector)}
	inst.db.SetMaxIdleConns(-1)
	if d.before != nil {
		if err := d.before(ctx, inst.db); err != nil {
			return nil, errors.Join(fmt.Errorf("open duckdb: %w", err), inst.close())
		}
	}
	for _, set := range d.settings {
		if _, err := inst.db.ExecContext(ctx, set); err != nil {
			return nil, errors.Join(fmt.Errorf("open duckdb: %s: %w", set, err), inst.close())
		}
	}
	return inst, nil
}

func (i *instance) close() error { return errors.Join(i.db.Close(), i.connector.Close()) }

// close frees the database once its last connection is given back.
func (d *database) close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.closed = true
	inst := d.current
	d.current = nil
	if inst != nil && inst.users == 0 {
		return inst.close()
	}
	return nil
}

// text quotes a string for SQL.
func text(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// name quotes an identifier for SQL.
func name(s string) string { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` }

package duckdb

import (
	"context"
	"database/sql"
	"log/slog"
	"slices"
	"strings"
	"sync"

	"github.com/eventlake/lake"
)

// planner is the database with all tables and no rows. It opens no file.
type planner struct {
	database database

	log *slog.Logger

	mu     sync.Mutex
	life   *instance // of the database that the tables were made in
	tables map[lake.TableName]*lake.Table
}

func newPlanner(memory int64, log *slog.Logger) *planner {
	settings := append([]string{"SET threads = 1", memoryLimit(memory), "SET temp_directory = ''"}, lockdown()...)
	return &planner{database: database{settings: settings, before: onlyUsedOptimizers}, tables: map[lake.TableName]*lake.Table{}, log: log}
}

func onlyUsedOptimizers(ctx context.Context, db *sql.DB) error {
	var others string
	err := db.QueryRowContext(ctx, "SELECT string_agg(name, ',') FROM duckdb_optimizers() WHERE name NOT IN ('"+
		strings.Join(usedOptimizers, "', '")+"')").Scan(&others)
	if err != nil {
		return err
	}
	_, err = db.ExecContext(ctx, "SET disabled_optimizers = "+text(others))
	return err
}

// names returns the tables, sorted.
func (p *planner) names() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var out []string
	for n := range p.tables {
		out = append(out, string(n))
	}
	slices.Sort(out)
	return out
}

// unknown returns those of the names that the planner has no table for.
func (p *planner) unknown(names []lake.TableName) []lake.TableName {
	p.mu.Lock()
	defer p.mu.Unlock()
	var out []lake.TableName
	for _, n := range names {
		if p.tables[n] == nil {
			out = append(out, n)
		}
	}
	return out
}

// plan makes the database's tables equal to what was loaded, then finds the
// scans of the query there. all names the tables that exist.
func (p *planner) plan(ctx context.Context, c *conn, all []lake.TableName, loaded map[lake.TableName]*lake.Table, query string) ([]scan, bool, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.sync(ctx, c, all, loaded); err != nil {
		return nil, false, err
	}
	return scans(ctx, c, query)
}

// sync fails for nothing that lies in one table: one that cannot be made is
// left out and logged.
func (p *planner) sync(ctx context.Context, c *conn, all []lake.TableName, loaded map[lake.TableName]*lake.Table) error {
	renewed := p.life != c.instance
	p.life = nil // until all is done
	changed := renewed
	for n := range p.tables {
		if slices.Contains(all, n) {
			continue
		}
		if _, err := c.ExecContext(ctx, "DROP TABLE IF EXISTS "+name(string(n))); err != nil {
			return err
		}
		delete(p.tables, n)
		changed = true
	}
	for _, n := range all {
		old, now := p.tables[n], loaded[n]
		if now == nil {
			now = old
		}
		if now == nil || old != nil && !renewed && old.Schema.Equal(&now.Schema) {
			continue
		}
		changed = true
		if _, err := c.ExecContext(ctx, stub(now)); err != nil {
			if ctx.Err() != nil || isFatal(err) {
				return err
			}
			p.log.Error("table cannot be queried", "table", n, "err", err)
			delete(p.tables, n)
			continue
		}
		p.tables[n] = &lake.Table{Name: n, Schema: now.Schema}
	}
	if changed {
		if _, err := c.ExecContext(ctx, eventsView("CREATE OR REPLACE VIEW", sorted(p.tables))); err != nil {
			return err
		}
	}
	p.life = c.instance
	return nil
}

func sorted(tables map[lake.TableName]*lake.Table) []*lake.Table {
	out := make([]*lake.Table, 0, len(tables))
	for _, t := range tables {
		out = append(out, t)
	}
	slices.SortFunc(out, func(a, b *lake.Table) int { return strings.Compare(string(a.Name), string(b.Name)) })
	return out
}

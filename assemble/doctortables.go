package assemble

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/local/catalog"
	"github.com/eventlake/lake/local/disk"
)

// catalog checks catalog.db, the tables' metadata, and that their data files
// are there.
func (e *examination) catalog(ctx context.Context, p *PartHealth) (err error) {
	p.Part = partCatalog
	dirs, database, err := e.tableDirs()
	if err != nil {
		return err
	}
	p.What = fmt.Sprintf("%d tables", dirs)
	defer func() { p.Repair = catalogRepair(p) }()
	if !database {
		if dirs > 0 {
			p.problem("catalog.db is missing, and there are %d tables", dirs)
			p.needs.database = true
		} else {
			e.unread = map[lake.TableName]bool{}
		}
		return nil
	}
	root, done, err := e.shadow("tables", func(name string) bool { return strings.HasPrefix(name, "catalog.db") })
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, done()) }()
	c, err := catalog.Open(ctx, root, catalog.Options{Logger: e.log})
	if err != nil {
		p.problem("catalog.db: %v", err)
		p.needs.database = true
		return nil
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	return e.tablesOf(ctx, c, dirs, p)
}

// tablesOf checks the tables of an open catalog; dirs is how many there should
// be.
func (e *examination) tablesOf(ctx context.Context, c *catalog.Catalog, dirs int, p *PartHealth) error {
	checked, err := c.Check(ctx)
	if err != nil {
		return err
	}
	for _, q := range checked.Problems {
		what := q.String() + rebuildAdvice(q)
		if q.Harm == catalog.HarmHistory {
			what += " (only older states of the table need it)"
		}
		p.problem("%s", what)
		p.needs.database = p.needs.database || q.Harm == catalog.HarmDatabase
		p.needs.mend = p.needs.mend || q.Harm == catalog.HarmCurrent || q.Harm == catalog.HarmHistory
	}
	if p.needs.database {
		return nil
	}
	p.What = fmt.Sprintf("%d tables, %d metadata files", dirs, checked.Files)
	if checked.Unknown > 0 {
		p.What += fmt.Sprintf(" (%d without a checksum)", checked.Unknown)
	}
	names, err := c.Tables(ctx)
	if err != nil {
		return err
	}
	if len(names) < dirs {
		p.problem("catalog.db names %d tables, and there are %d", len(names), dirs)
		p.needs.database = true
	}
	e.unread = map[lake.TableName]bool{}
	for _, name := range names {
		t, err := c.Table(ctx, name)
		if err != nil {
			e.unread[name] = true // Check has said why
			continue
		}
		e.tables[name] = t.Consumed
	}
	elsewhere, err := c.Elsewhere(ctx, e.cfg.Data)
	if err != nil {
		return err
	}
	if len(elsewhere) > 0 {
		p.needs.relocate = true
		p.Notices = append(p.Notices, movedNotice(elsewhere))
	}
	return nil
}

// tableDirs counts the tables that have ever been committed, and says whether
// catalog.db is there.
func (e *examination) tableDirs() (dirs int, database bool, err error) {
	names, err := disk.OS{}.ReadDir(e.path("tables"))
	if err != nil && !disk.IsNotExist(err) {
		return 0, false, err
	}
	for _, n := range names {
		committed, err := filepath.Glob(filepath.Join(e.path("tables"), n.Name, "metadata", "*.metadata.json"))
		if err != nil {
			return 0, false, err
		}
		if len(committed) > 0 && !strings.Contains(n.Name, ".") { // what a repair put aside is none
			dirs++
		}
		database = database || n.Name == "catalog.db"
	}
	return dirs, database, nil
}

// catalogRepair says what Repair does about the part.
func catalogRepair(p *PartHealth) string {
	var steps []string
	if p.needs.database {
		steps = append(steps, "make catalog.db again from the tables' newest metadata and keep the old one as catalog.db.damaged; nothing is lost")
	}
	if p.needs.mend {
		steps = append(steps, "let go of states that cannot be read; a table whose newest state is one goes back, and takes in again from raw what it then misses; nothing is lost")
	}
	if p.needs.relocate {
		steps = append(steps, "write the directory's place into the tables; their older snapshots are forgotten")
	}
	if len(steps) == 0 && !p.OK() {
		return "none here: run the commands above, with the lake stopped or running"
	}
	return strings.Join(steps, "; ")
}

// movedNotice says that tables name a place where their files are not, or not
// these.
func movedNotice(elsewhere []catalog.Located) string {
	return fmt.Sprintf("%d tables say that they lie elsewhere (%s): PyIceberg, Spark and others look for their files there; lake does not",
		len(elsewhere), elsewhere[0].Location)
}

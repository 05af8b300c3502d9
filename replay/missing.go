package replay

import (
	"fmt"
	"strings"

	"github.com/eventlake/lake"
)

// mentioned is how many days with missing rows an error names.
const mentioned = 10

// missing is nil when raw has every row of the table. Else the error, which is
// lake.ErrCorrupt, says which days and types raw has too few of: raw files are
// lost, and what is built from the others must not take the table's place by
// itself. Of old files that cannot be read only the number of rows is known.
func (out *Rebuilt) missing(old, built []lake.DataFile) error {
	unread := map[lake.Day]int64{} // rows that are nowhere to be seen, a day
	for _, u := range out.Unreadable {
		unread[u.File.Day] = 0
	}
	for _, f := range old {
		if _, ok := unread[f.Day]; ok {
			unread[f.Day] += f.Rows
		}
	}
	for _, f := range built {
		if _, ok := unread[f.Day]; ok {
			unread[f.Day] -= f.Rows
		}
	}
	var rows int64
	var where []string
	for _, d := range out.Difference.Days {
		if d.Removed == 0 {
			continue
		}
		rows += d.Removed
		unread[d.Day] -= d.Removed
		where = append(where, fmt.Sprintf("%d of type %s on %s, as event %s", d.Removed, d.Type, d.Day, d.Gone))
	}
	for _, u := range out.Unreadable {
		if n := unread[u.File.Day]; n > 0 {
			rows += n
			where = append(where, fmt.Sprintf("%d on %s, of files that cannot be read", n, u.File.Day))
			unread[u.File.Day] = 0
		}
	}
	if rows == 0 {
		return nil
	}
	if more := len(where) - mentioned; more > 0 {
		where = append(where[:mentioned], fmt.Sprintf("%d more", more))
	}
	return lake.Errorf(lake.ErrCorrupt, "restore the raw files from a back-up; lake rebuild --drop-missing gives the rows up (lambda-replay: drop_missing)",
		"rebuild %s: %d rows of the table are in no raw file and would be dropped (%s)", out.Table, rows, strings.Join(where, "; "))
}

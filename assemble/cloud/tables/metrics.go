package tables

import (
	"time"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/assemble/cloud"
	"github.com/eventlake/lake/aws/cloudwatch"
	"github.com/eventlake/lake/lambda/audit"
	"github.com/eventlake/lake/lambda/curate"
	"github.com/eventlake/lake/lambda/replay"
)

// Reports returns what lambda-curate tells of each call.
func Reports(c *cloud.Cloud, m *cloudwatch.Metrics) func(curate.Report) {
	return func(r curate.Report) {
		m.Add("Objects", cloudwatch.Count, float64(r.Objects.Added))
		m.Add("Foreign", cloudwatch.Count, float64(len(r.Objects.Foreign)))
		m.Add("SetAside", cloudwatch.Count, float64(len(r.Aside)))
		m.Add("Rows", cloudwatch.Count, float64(r.Tables.Rows))
		m.Add("Commits", cloudwatch.Count, float64(r.Tables.Commits))
		m.Add("LateDuplicates", cloudwatch.Count, float64(r.Tables.LateDuplicates))
		m.Add("Conflicts", cloudwatch.Count, float64(r.Tables.Conflicts))
		m.Add("CompactedFiles", cloudwatch.Count, float64(r.Compact.Removed))
		m.Add("ExpiredSnapshots", cloudwatch.Count, float64(r.Expired.Snapshots))
		if r.Swept != nil {
			m.Add("SweptFiles", cloudwatch.Count, float64(r.Swept.Objects))
		}
		m.Set("Waiting", cloudwatch.Count, float64(r.Waiting))
		m.Max("Took", cloudwatch.Milliseconds, cloudwatch.Millis(r.Took))
		c.Flush(m)
	}
}

// Replays returns what lambda-replay tells of each call.
func Replays(c *cloud.Cloud, m *cloudwatch.Metrics) func(replay.Report) {
	return func(r replay.Report) {
		m.Property("target", r.Target)
		m.Add("Published", cloudwatch.Count, float64(r.Published.Events))
		m.Add("Rebuilt", cloudwatch.Count, float64(len(r.Rebuilt)))
		m.Add("Drained", cloudwatch.Count, float64(r.Drained.Batches))
		m.Add("Left", cloudwatch.Count, float64(r.Drained.Left))
		c.Flush(m)
	}
}

// Audits returns what lambda-audit tells of each call. What a whole audit has
// found it tells at its end: one that does not come to it counts for nothing.
func Audits(c *cloud.Cloud, m *cloudwatch.Metrics) func(*audit.Report) {
	return func(r *audit.Report) {
		m.Property("hour", r.From.Time().Format(time.RFC3339))
		if r.Finished {
			m.Set("Gap", cloudwatch.Count, float64(r.Gap))
			m.Set("Doubled", cloudwatch.Count, float64(r.Doubled))
			m.Set("InFlight", cloudwatch.Count, float64(r.InFlight))
			m.Set("Unread", cloudwatch.Count, float64(r.Unread))
			m.Set("Problems", cloudwatch.Count, float64(len(r.Problems)))
		}
		for _, row := range r.Rows {
			m.Add("Unique", cloudwatch.Count, float64(row.Unique))
			m.Add("Duplicate", cloudwatch.Count, float64(row.Duplicate))
			m.Add("Quarantined", cloudwatch.Count, float64(row.Quarantined))
			m.Add("Repeats", cloudwatch.Count, float64(row.Repeats))
			if row.Type == lake.OtherName {
				m.Add("Other", cloudwatch.Count, float64(row.Unique))
			}
		}
		c.Flush(m)
	}
}

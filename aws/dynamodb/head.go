package dynamodb

import (
	"context"

	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/eventlake/lake"
)

// head is how far the log of a shard has come. The zero head is that of a
// shard without commits.
type head struct {
	position   lake.Position
	commits    uint64 // numbered from 1
	checkpoint uint64 // the commit up to which all is folded; 0 is none
	time       lake.Instant
	token      string // of the last commit
}

const headPartition = "shard"

func commitPartition(s lake.ShardID) string     { return "commit#" + string(s) }
func checkpointPartition(s lake.ShardID) string { return "checkpoint#" + string(s) }

func (l *Ledger) head(ctx context.Context, shard lake.ShardID) (head, error) {
	i, err := l.get(ctx, place(headPartition, string(shard)))
	if err != nil {
		return head{}, err
	}
	return readHead(i)
}

func readHead(i item) (h head, err error) {
	if len(i) == 0 {
		return h, nil
	}
	f := fields{item: i}
	h = head{
		position: f.position("p"), commits: f.number("n"), checkpoint: f.number("c"),
		time: lake.Instant(f.number("t")), token: f.text("w"),
	}
	return h, f.err
}

// replace is the put of the head after h, on condition that h is still there.
func (l *Ledger) replace(shard lake.ShardID, h, next head) *sdk.PutItemInput {
	i := place(headPartition, string(shard))
	i["p"], i["n"], i["c"] = text(next.position.String()), number(next.commits), number(next.checkpoint)
	i["t"], i["w"] = number(int64(next.time)), text(next.token)
	in := &sdk.PutItemInput{TableName: &l.options.Ledger, Item: i}
	condition := "attribute_not_exists(pk)"
	if h.commits > 0 {
		condition = "n = :n AND c = :c"
		in.ExpressionAttributeValues = item{":n": number(h.commits), ":c": number(h.checkpoint)}
	}
	in.ConditionExpression = &condition
	return in
}

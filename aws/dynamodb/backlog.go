package dynamodb

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/eventlake/lake"
)

const curatedPartition = "curated"

// Pending implements lake.Backlog. It reads the parts of the ledger that have
// files beyond the mark, and no others.
func (l *Ledger) Pending(ctx context.Context) ([]lake.File, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	marks, err := l.Curated(ctx)
	if err != nil {
		return nil, fmt.Errorf("pending files: %w", err)
	}
	j, err := l.view(ctx, func(shard lake.ShardID, p *part) bool { return p.foreign || p.to.After(marks[shard]) })
	if err != nil {
		return nil, fmt.Errorf("pending files: %w", err)
	}
	var out []lake.File
	for f := range j.all() {
		if f.Kind == lake.KindRaw && f.Span.To.After(marks[f.Shard]) {
			out = append(out, *f)
		}
	}
	sortSpans(out)
	return out, nil
}

// sortSpans puts the files of each shard into the order of their spans, in the
// places that the shard's files have: a merged file is committed after its
// neighbours.
func sortSpans(files []lake.File) {
	places := map[lake.ShardID][]int{}
	for i := range files {
		places[files[i].Shard] = append(places[files[i].Shard], i)
	}
	for _, at := range places {
		ascending := slices.IsSortedFunc(at, func(i, j int) int { return files[i].Span.After.Compare(files[j].Span.After) })
		if ascending {
			continue
		}
		own := make([]lake.File, len(at))
		for n, i := range at {
			own[n] = files[i]
		}
		slices.SortStableFunc(own, func(a, b lake.File) int { return a.Span.After.Compare(b.Span.After) })
		for n, i := range at {
			files[i] = own[n]
		}
	}
}

// Curated implements lake.Backlog.
func (l *Ledger) Curated(ctx context.Context) (map[lake.ShardID]lake.Position, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	marks := map[lake.ShardID]lake.Position{}
	for i, err := range l.query(ctx, scope{pk: curatedPartition}) {
		if err != nil {
			return nil, fmt.Errorf("curated mark: %w", err)
		}
		f := fields{item: i}
		marks[lake.ShardID(f.text("sk"))] = f.position("p")
		if f.err != nil {
			return nil, fmt.Errorf("curated mark: %w", f.err)
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.marks = maps.Clone(marks)
	return marks, nil
}

// MarkCurated implements lake.Backlog. Marks that have moved are written, each
// for itself.
func (l *Ledger) MarkCurated(ctx context.Context, mark map[lake.ShardID]lake.Position) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	l.mu.Lock()
	known := maps.Clone(l.marks)
	l.mu.Unlock()
	for id, p := range mark {
		if !p.After(known[id]) {
			continue
		}
		i := place(curatedPartition, string(id))
		i["p"] = text(sortable(p))
		condition := "attribute_not_exists(pk) OR p < :p"
		err := l.put(ctx, &sdk.PutItemInput{Item: i, ConditionExpression: &condition, ExpressionAttributeValues: item{":p": i["p"]}})
		if err != nil && !errors.Is(err, lake.ErrStale) { // it is there or beyond
			return fmt.Errorf("mark %s as curated: %w", id, err)
		}
		l.mu.Lock()
		if p.After(l.marks[id]) {
			l.marks[id] = p
		}
		l.mu.Unlock()
	}
	return nil
}

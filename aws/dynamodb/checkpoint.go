package dynamodb

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/eventlake/lake"
)

// tracesKept is how many commits before a checkpoint stay: they tell a process
// whose answer was lost for a while which of the commits was its own.
const tracesKept = 64

// upkeep writes a checkpoint when one is due, and removes what it replaces. A
// failure fails no commit: the next commit tries again. When none has worked for
// a minute it is logged as an error: the log grows for as long.
func (l *Ledger) upkeep(ctx context.Context, sh *shard) {
	if sh.head.commits-sh.head.checkpoint < uint64(l.options.Checkpoint) {
		return
	}
	err := l.checkpoint(ctx, sh)
	if err == nil {
		err = l.trim(ctx, sh)
	}
	if err == nil {
		sh.failing.Worked()
		return
	}
	sh.known = false
	l.options.Logger.Log(ctx, sh.failing.Failed(), "checkpoint of the ledger failed; the next commit tries again", "shard", sh.id,
		"error", err, "hint", lake.Hint(err))
}

// checkpoint folds all commits up to the head into one item. Files that are many
// enough are parts with an object each, which later checkpoints name again.
func (l *Ledger) checkpoint(ctx context.Context, sh *shard) error {
	if sh.state != nil && sh.state.base != sh.head.checkpoint {
		sh.state = nil // objects of another checkpoint may be removed by now
	}
	if err := l.load(ctx, sh, sh.head, nil); err != nil {
		return err
	}
	if sh.state.commits != sh.head.commits || sh.state.base != sh.head.checkpoint {
		return nil // somebody commits at this moment, and will do this too
	}
	s := *sh.state
	if l.options.KeepBooks > 0 {
		s.forget(l.options.KeepBooks)
	}
	s.pack(l.options.fullPart)
	if err := l.keepParts(ctx, &s); err != nil {
		return err
	}
	content, err := encodeState(&s)
	if err != nil {
		return err
	}
	i := place(checkpointPartition(sh.id), ordinal(s.commits))
	if err := l.blobs.put(ctx, i, fmt.Sprintf("%s/%s-checkpoint", sh.id, ordinal(s.commits)), content); err != nil {
		return err
	}
	if err := l.put(ctx, &sdk.PutItemInput{Item: i}); err != nil {
		return err
	}
	next := sh.head
	next.checkpoint = s.commits
	err = l.put(ctx, l.replace(sh.id, sh.head, next))
	if errors.Is(err, lake.ErrStale) {
		// Somebody commits at this moment, or an answer was lost.
		return l.refresh(ctx, sh)
	}
	if err != nil {
		return err
	}
	sh.head, sh.state = next, &s
	return nil
}

// pack joins neighbours that have no object, the tail too, to parts of full size.
func (s *state) pack(full int) {
	var parts []*part
	k := newPacker(s.shard)
	add := func(f *lake.File, committed lake.Instant) {
		if k.add(f, committed); k.summary.files == full {
			parts = append(parts, k.part())
		}
	}
	cut := func() {
		if p := k.part(); p != nil {
			parts = append(parts, p)
		}
	}
	for _, p := range s.parts {
		if p.object != "" {
			cut()
			parts = append(parts, p)
			continue
		}
		p.each(s.shard, func(u *unpacker) bool {
			f := u.live()
			add(&f.file, f.committed)
			return true
		})
	}
	for i := range s.tail {
		add(&s.tail[i].file, s.tail[i].committed)
	}
	cut()
	s.parts, s.tail = parts, nil
}

// keepParts makes objects of the parts that are full, and says which the
// checkpoint names. Without a store all lie in the checkpoint.
func (l *Ledger) keepParts(ctx context.Context, s *state) error {
	s.base, s.objects = s.commits, nil
	for i, p := range s.parts {
		if p.object == "" && p.files >= l.options.fullPart && l.options.Store != nil {
			kept := *p
			var err error
			if kept.object, err = l.blobs.keep(ctx, fmt.Sprintf("%s/%s-part", s.shard, ordinal(s.commits)), p.content); err != nil {
				return err
			}
			s.parts[i], p = &kept, &kept
		}
		if p.object != "" {
			s.objects = append(s.objects, p.object)
		}
	}
	return nil
}

// trim removes what a checkpoint has replaced. Parts go that it does not name: no
// later one can, as each names again only what the one before it did.
func (l *Ledger) trim(ctx context.Context, sh *shard) error {
	id, checkpoint := sh.id, sh.head.checkpoint
	if checkpoint == 0 {
		return nil
	}
	if err := l.deleteUpTo(ctx, checkpointPartition(id), checkpoint-1); err != nil {
		return err
	}
	traces := checkpoint - min(checkpoint, tracesKept)
	if err := l.deleteUpTo(ctx, commitPartition(id), traces); err != nil {
		return err
	}
	if l.options.Store == nil {
		return nil
	}
	known := sh.state != nil && sh.state.base == checkpoint // what the checkpoint names
	for info, err := range l.options.Store.List(ctx, lake.Key(objectRoot+string(id)+"/")) {
		if err != nil {
			return fmt.Errorf("list the ledger's objects: %w", err)
		}
		n, what, ok := parseObject(info.Key)
		switch {
		case !ok, what == "commit" && n > traces, what == "checkpoint" && n >= checkpoint:
			continue
		case what == "part" && (!known || n > checkpoint || slices.Contains(sh.state.objects, info.Key)):
			continue
		}
		if err := l.options.Store.Delete(ctx, info.Key); err != nil {
			return fmt.Errorf("delete %s: %w", info.Key, err)
		}
	}
	return nil
}

// parseObject reads the names that checkpoints and transactions give: number,
// what it is, checksum.
func parseObject(key lake.Key) (n uint64, what string, ok bool) {
	name := string(key[strings.LastIndexByte(string(key), '/')+1:])
	digits, rest, _ := strings.Cut(name, "-")
	what, _, ok = strings.Cut(rest, "-")
	n, err := strconv.ParseUint(digits, 10, 64)
	return n, what, ok && err == nil
}

// deleteUpTo deletes the items of a partition up to a number.
func (l *Ledger) deleteUpTo(ctx context.Context, pk string, n uint64) error {
	const batch = 25 // what one request takes
	var requests []types.WriteRequest
	for i, err := range l.query(ctx, scope{pk: pk, compare: "<=", bound: ordinal(n), keysOnly: true}) {
		if err != nil {
			return err
		}
		requests = append(requests, types.WriteRequest{DeleteRequest: &types.DeleteRequest{Key: item{"pk": i["pk"], "sk": i["sk"]}}})
		if len(requests) == batch {
			if err := l.batch(ctx, requests); err != nil {
				return err
			}
			requests = requests[:0]
		}
	}
	return l.batch(ctx, requests)
}

// batch makes requests until all are done.
func (l *Ledger) batch(ctx context.Context, requests []types.WriteRequest) error {
	if len(requests) == 0 {
		return nil
	}
	left := map[string][]types.WriteRequest{l.options.Ledger: requests}
	return l.call(ctx, func(ctx context.Context) error {
		out, err := l.client.BatchWriteItem(ctx, &sdk.BatchWriteItemInput{RequestItems: left})
		if err != nil {
			return err
		}
		if left = out.UnprocessedItems; len(left) > 0 {
			return fmt.Errorf("%d deletions were put off: %w", len(left[l.options.Ledger]), lake.ErrFull)
		}
		return nil
	})
}

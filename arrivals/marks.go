package arrivals

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/eventlake/lake"
)

// marksRoot is where curated marks are noted, an object each, by the time at
// which they were read.
const marksRoot lake.Key = "ledger/curated/"

const (
	// rest is how long the ledger names a file after it came into its table at
	// least, however old the file was then. Whoever began to work by what the
	// tables had consumed, as a rebuild does, finds in the ledger what they
	// consume until he ends.
	rest = 24 * time.Hour
	// between is how far apart marks are noted: rest lasts so much longer at most.
	between = 3 * time.Hour
)

// Rested notes the curated mark, which was read before now, and returns the last
// one that was noted a day ago or earlier, for Forget; nil as long as there is
// none. Several processes may note marks: each is true of its time.
func Rested(ctx context.Context, store lake.Store, curated map[lake.ShardID]lake.Position, now lake.Instant) (mark map[lake.ShardID]lake.Position, err error) {
	var old []lake.Key // in the order of their times
	var last lake.Instant
	for info, err := range store.List(ctx, marksRoot) {
		if err != nil {
			return nil, fmt.Errorf("list %s: %w", marksRoot, err)
		}
		at, ok := markTime(info.Key)
		if !ok {
			continue
		}
		if last = at; now.Sub(at) >= rest {
			old = append(old, info.Key)
		}
	}
	if age := now.Sub(last); last == 0 || age >= between {
		if err := writeMark(ctx, store, curated, now); err != nil {
			return nil, fmt.Errorf("note what is curated: %w", err)
		}
	}
	if len(old) == 0 {
		return nil, nil
	}
	newest := len(old) - 1
	if mark, err = readMark(ctx, store, old[newest]); err != nil {
		return nil, fmt.Errorf("what was curated a day ago: %w", err)
	}
	for _, key := range old[:newest] {
		if err := store.Delete(ctx, key); err != nil {
			return nil, fmt.Errorf("delete %s: %w", key, err)
		}
	}
	return mark, nil
}

// markKey has the time in so many digits that keys sort by it.
func markKey(at lake.Instant) lake.Key { return marksRoot + lake.Key(fmt.Sprintf("%020d.json", at)) }

func markTime(key lake.Key) (lake.Instant, bool) {
	digits, ok := strings.CutSuffix(strings.TrimPrefix(string(key), string(marksRoot)), ".json")
	n, err := strconv.ParseInt(digits, 10, 64)
	return lake.Instant(n), ok && err == nil
}

func writeMark(ctx context.Context, store lake.Store, curated map[lake.ShardID]lake.Position, now lake.Instant) error {
	_, err := store.Create(ctx, markKey(now), func(w io.Writer) error { return json.NewEncoder(w).Encode(curated) })
	if errors.Is(err, lake.ErrExists) { // another process, in the same microsecond
		return nil
	}
	return err
}

// readMark reads a mark. One that another process has just deleted, or that
// somebody has damaged, says nothing until there is a next one.
func readMark(ctx context.Context, store lake.Store, key lake.Key) (mark map[lake.ShardID]lake.Position, err error) {
	object, err := store.Open(ctx, key)
	if errors.Is(err, lake.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, object.Close()) }()
	text, err := io.ReadAll(object)
	if err != nil {
		return nil, err
	}
	if json.Unmarshal(text, &mark) != nil {
		return nil, nil
	}
	return mark, nil
}

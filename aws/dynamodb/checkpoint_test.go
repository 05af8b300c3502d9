package dynamodb_test

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/aws/dynamodb"
	"github.com/eventlake/lake/laketest/awsfake"
	"github.com/eventlake/lake/laketest/levels"
	"github.com/eventlake/lake/laketest/memory"
)

func attribute(v types.AttributeValue) string {
	s, _ := v.(*types.AttributeValueMemberS)
	if s == nil {
		return ""
	}
	return s.Value
}

// count is the items of the ledger's table whose pk begins so.
func count(db *awsfake.DynamoDB, prefix string) (n int) {
	for _, i := range db.Items("ledger") {
		if strings.HasPrefix(attribute(i["pk"]), prefix) {
			n++
		}
	}
	return n
}

// TestTheLogStaysShort: after any number of commits there is one checkpoint and
// a tail, as items and as objects.
func TestTheLogStaysShort(t *testing.T) {
	store := memory.NewStore()
	o := dynamodb.Inline(dynamodb.Options{Store: store, Checkpoint: 20, Retry: atOnce()}, 300)
	db := fake(o)
	l := dynamodb.New(db, o)
	const commits = 1000
	for n := uint64(1); n <= commits; n++ {
		c := step(n)
		if n > 5 {
			c.Remove = []lake.File{file(n - 5)}
		}
		commit(t, l, c)
	}
	if n := count(db, "commit#"); n > 20+64 {
		t.Errorf("%d commits are left", n)
	}
	if n := count(db, "checkpoint#"); n != 1 {
		t.Errorf("%d checkpoints", n)
	}
	objects := 0
	for info, err := range store.List(t.Context(), "") {
		if err != nil || !strings.HasPrefix(string(info.Key), "ledger/"+string(shard)+"/") {
			t.Fatal(info.Key, err)
		}
		objects++
	}
	if objects == 0 || objects > 20+64+1 {
		t.Errorf("%d objects are left", objects)
	}
	var want []lake.Key
	for n := uint64(commits - 4); n <= commits; n++ {
		want = append(want, file(n).Key)
	}
	if got := keys(t, dynamodb.New(db, o)); !slices.Equal(got, want) {
		t.Errorf("live files %v, want %v", got, want)
	}
}

// TestAReaderThatWasAwayReadsOn: what it knew was folded and removed since.
func TestAReaderThatWasAwayReadsOn(t *testing.T) {
	db := fake(dynamodb.Options{})
	o := dynamodb.Options{Checkpoint: 10, Retry: atOnce()}
	writer, reader := dynamodb.New(db, o), dynamodb.New(db, o)
	commit(t, writer, step(1))
	holds(t, reader, 1)
	for n := uint64(2); n <= 150; n++ {
		commit(t, writer, step(n))
	}
	holds(t, reader, 150)
}

// TestACheckpointThatFailsFailsNoCommit: the next commit makes it.
func TestACheckpointThatFailsFailsNoCommit(t *testing.T) {
	o := dynamodb.Options{Checkpoint: 5, Retry: atOnce()}
	db := fake(o)
	failures := 0
	db.Fault = func(op string, w awsfake.When) error {
		if op == "PutItem" && w == awsfake.Before && failures < 3 {
			failures++
			return awsfake.Says("ValidationException", "not now")
		}
		return nil
	}
	l := dynamodb.New(db, o)
	for n := uint64(1); n <= 8; n++ {
		commit(t, l, step(n))
	}
	if failures != 3 || count(db, "checkpoint#") != 1 {
		t.Fatalf("%d failures, %d checkpoints", failures, count(db, "checkpoint#"))
	}
	holds(t, dynamodb.New(db, o), 8)
}

// TestACheckpointThatFailsForLongIsAnError: alarms look for errors, and until it
// works the log grows.
func TestACheckpointThatFailsForLongIsAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := levels.New()
		o := dynamodb.Options{Checkpoint: 5, Retry: atOnce(), Logger: slog.New(log)}
		db := fake(o)
		denied := true
		db.Fault = func(op string, w awsfake.When) error {
			if op == "PutItem" && w == awsfake.Before && denied {
				return awsfake.Says("AccessDeniedException", "not this role")
			}
			return nil
		}
		l := dynamodb.New(db, o)
		n := uint64(0)
		commits := func(count int) string {
			before := len(log.Said())
			for range count {
				n++
				commit(t, l, step(n))
				time.Sleep(30 * time.Second)
			}
			return fmt.Sprint(log.Said()[before:])
		}
		if got := commits(8); got != "[WARN WARN ERROR ERROR]" {
			t.Errorf("while it fails: %s", got)
		}
		denied = false
		if got := commits(5); got != "[]" || count(db, "checkpoint#") != 1 {
			t.Errorf("when it works: %s, %d checkpoints", got, count(db, "checkpoint#"))
		}
		denied = true
		if got := commits(4); !strings.HasPrefix(got, "[WARN") {
			t.Errorf("when it fails again: %s", got)
		}
		if log.Hinted(slog.LevelWarn)+log.Hinted(slog.LevelError) == 0 {
			t.Error("no hint")
		}
	})
}

// TestACheckpointDoesNotUndoACommit that somebody makes while it is written.
func TestACheckpointDoesNotUndoACommit(t *testing.T) {
	for put := 1; put <= 2; put++ { // the checkpoint itself, and the head that names it
		o := dynamodb.Options{Checkpoint: 5, Retry: atOnce()}
		db := fake(o)
		other := dynamodb.New(db, dynamodb.Options{Retry: atOnce()})
		puts := 0
		db.Fault = func(op string, w awsfake.When) error {
			if op != "PutItem" || w != awsfake.Before {
				return nil
			}
			if puts++; puts == put {
				commit(t, other, step(6))
			}
			return nil
		}
		l := dynamodb.New(db, o)
		for n := uint64(1); n <= 5; n++ {
			commit(t, l, step(n))
		}
		holds(t, dynamodb.New(db, o), 6)
		commit(t, l, step(7))
		holds(t, l, 7)
		if puts < 4 || count(db, "checkpoint#") != 1 {
			t.Errorf("%d puts, %d checkpoints", puts, count(db, "checkpoint#"))
		}
	}
}

// TestTimeThatStandsStillKeepsTheOrder of commits to several shards.
func TestTimeThatStandsStillKeepsTheOrder(t *testing.T) {
	back := epoch
	o := dynamodb.Options{Clock: func() lake.Instant { back--; return back }}
	db := fake(o)
	l := dynamodb.New(db, o)
	var want []lake.Key
	for n := range uint64(9) {
		s := lake.ShardID(fmt.Sprint("shard-", (n*5)%3))
		f := lake.File{Key: lake.Key(fmt.Sprint("raw/", n)), Kind: lake.KindRaw, Shard: s}
		commit(t, l, lake.Commit{Shard: s, Add: []lake.File{f}})
		want = append(want, f.Key)
	}
	if got := keys(t, dynamodb.New(db, o)); !slices.Equal(got, want) {
		t.Fatalf("got %v, want %v", got, want)
	}
}

func TestBooksOfOldHoursAreForgotten(t *testing.T) {
	o := dynamodb.Options{Checkpoint: 2, KeepBooks: 48 * time.Hour, Retry: atOnce()}
	db := fake(o)
	l := dynamodb.New(db, o)
	for n := uint64(1); n <= 100; n++ {
		c := step(n)
		c.Books[0].Hour = epoch.Add(time.Duration(n) * time.Hour).Hour()
		commit(t, l, c)
	}
	j, err := dynamodb.New(db, o).Journal(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	books := j.Books()
	if len(books) != 49 || books[0].Hour != epoch.Add(52*time.Hour).Hour() {
		t.Fatalf("%d hours from %s", len(books), books[0].Hour)
	}
	if len(j.Names()) != 5 {
		t.Errorf("names %v", j.Names())
	}
}

// TestDamageIsNamed: what somebody deleted or changed by hand is no end of the
// journal, it is an error with a way out.
func TestDamageIsNamed(t *testing.T) {
	for name, damage := range map[string]func(t *testing.T, db *awsfake.DynamoDB){
		"a commit in the middle is gone": func(_ *testing.T, db *awsfake.DynamoDB) { remove(db, "commit#", -2) },
		"the last commit is gone":        func(_ *testing.T, db *awsfake.DynamoDB) { remove(db, "commit#", -1) },
		"the checkpoint is gone":         func(_ *testing.T, db *awsfake.DynamoDB) { remove(db, "checkpoint#", 0) },
		"a head is of another type": func(t *testing.T, db *awsfake.DynamoDB) {
			i := find(db, "shard", 0)
			i["n"] = &types.AttributeValueMemberS{Value: "many"}
			put(t, db, i)
		},
		"a content is cut": func(t *testing.T, db *awsfake.DynamoDB) {
			i := find(db, "checkpoint#", 0)
			b, _ := i["b"].(*types.AttributeValueMemberB)
			b.Value = b.Value[:len(b.Value)-1]
			put(t, db, i)
		},
	} {
		t.Run(name, func(t *testing.T) {
			o := dynamodb.Options{Checkpoint: 5, Retry: atOnce()}
			db := fake(o)
			l := dynamodb.New(db, o)
			for n := uint64(1); n <= 5; n++ {
				commit(t, l, step(n))
			}
			l = dynamodb.New(db, dynamodb.Options{Retry: atOnce()})
			for n := uint64(6); n <= 9; n++ {
				commit(t, l, step(n))
			}
			damage(t, db)
			if _, err := dynamodb.New(db, o).Journal(t.Context()); !errors.Is(err, lake.ErrCorrupt) {
				t.Fatalf("got %v", err)
			}
		})
	}
}

// find is the n-th item whose pk begins so; -1 is the last.
func find(db *awsfake.DynamoDB, prefix string, n int) map[string]types.AttributeValue {
	var found []map[string]types.AttributeValue
	for _, i := range db.Items("ledger") {
		if strings.HasPrefix(attribute(i["pk"]), prefix) {
			found = append(found, i)
		}
	}
	return found[(n+len(found))%len(found)]
}

func remove(db *awsfake.DynamoDB, prefix string, n int) { db.Delete("ledger", find(db, prefix, n)) }

func put(t *testing.T, db *awsfake.DynamoDB, i map[string]types.AttributeValue) {
	t.Helper()
	name := "ledger"
	if _, err := db.PutItem(t.Context(), &sdk.PutItemInput{TableName: &name, Item: i}); err != nil {
		t.Fatal(err)
	}
}

package dynamodb_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/aws/dynamodb"
	"github.com/eventlake/lake/laketest/awsfake"
	"github.com/eventlake/lake/laketest/awslocal"
)

// receipt is one of the records (after..to], at a minute of the test's day.
func receipt(s lake.ShardID, after, to uint64, minute int) lake.Receipt {
	at := epoch.Day().Start().Add(time.Duration(minute) * time.Minute)
	return lake.Receipt{
		Shard: s, First: position(after + 1), To: position(to), Events: int64(to - after), Time: at,
		Books: []lake.Tally{{Book: lake.Book{Source: "s", Type: "account", Hour: at.Hour()}, Unique: int64(to - after)}},
	}
}

func record(t *testing.T, l *dynamodb.Ledger, all ...lake.Receipt) {
	t.Helper()
	for _, r := range all {
		if err := l.Record(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
}

// between reads the receipts of some minutes and writes them shortly.
func between(t *testing.T, l *dynamodb.Ledger, from, to int) (out []string) {
	t.Helper()
	midnight := epoch.Day().Start()
	for r, err := range l.Receipts(t.Context(), midnight.Add(time.Duration(from)*time.Minute), midnight.Add(time.Duration(to)*time.Minute)) {
		if err != nil {
			t.Fatal(err)
		}
		if len(r.Books) != 1 || r.Books[0].Unique != r.Events || r.Books[0].Hour != r.Time.Hour() {
			t.Errorf("%+v", r)
		}
		out = append(out, fmt.Sprintf("%s %s %d", r.Shard, r.First, r.Events))
	}
	return out
}

func short(rs ...lake.Receipt) (out []string) {
	for _, r := range rs {
		out = append(out, fmt.Sprintf("%s %s %d", r.Shard, r.First, r.Events))
	}
	return out
}

func TestReceipts(t *testing.T) {
	for name, client := range map[string]func(t *testing.T) dynamodb.Client{
		"in memory": func(*testing.T) dynamodb.Client { return fake(dynamodb.Options{}) },
		"on moto": func(t *testing.T) dynamodb.Client {
			t.Helper()
			c := dynamodb.NewClient(awslocal.Moto(t).Config(), 0)
			if err := dynamodb.CreateTables(t.Context(), c, dynamodb.Options{}); err != nil {
				t.Fatal(err)
			}
			return c
		},
	} {
		t.Run(name, func(t *testing.T) {
			db := client(t)
			var a, b []lake.Receipt
			for i := range uint64(6) { // one every 30 minutes
				a = append(a, receipt("a", i*10, i*10+10, int(i)*30))
				b = append(b, receipt("b", 1000+i*10, 1000+i*10+5, int(i)*30))
			}
			record(t, dynamodb.New(db, dynamodb.Options{}), a...)
			record(t, dynamodb.New(db, dynamodb.Options{}), b...)
			l := dynamodb.New(db, dynamodb.Options{})
			for _, c := range []struct {
				from, to int
				want     []string
			}{
				{0, 24 * 60, short(append(slices.Clone(a), b...)...)},
				{60, 120, short(a[2], a[3], b[2], b[3])},
				{61, 121, short(a[3], a[4], b[3], b[4])},
				{24 * 60, 25 * 60, nil},
			} {
				if got := between(t, l, c.from, c.to); !slices.Equal(got, c.want) {
					t.Errorf("from %d to %d: %q, want %q", c.from, c.to, got, c.want)
				}
			}
		})
	}
}

// TestReadingReceiptsCostsWhatLiesInTheTime and not what is kept.
func TestReadingReceiptsCostsWhatLiesInTheTime(t *testing.T) {
	db := fake(dynamodb.Options{})
	l := dynamodb.New(db, dynamodb.Options{})
	for i := range uint64(24 * 30) { // every two minutes of a day
		record(t, l, receipt("a", i*10, i*10+10, int(i)*2))
	}
	if puts := db.Calls("PutItem"); puts > 24*30+24 {
		t.Errorf("%d puts for %d receipts", puts, 24*30)
	}
	before := db.Calls("Query")
	if got := between(t, l, 10*60, 11*60); len(got) != 30 {
		t.Fatalf("%d receipts", len(got))
	}
	// Pages of 7: the hours that follow, an hour of receipts and one of slack.
	if pages := db.Calls("Query") - before; pages > 15 {
		t.Errorf("%d pages were read", pages)
	}
}

// TestReceiptsSurviveFaults at every call, before and after its effect.
func TestReceiptsSurviveFaults(t *testing.T) {
	for call := 1; ; call++ {
		fired := false
		for _, when := range []awsfake.When{awsfake.Before, awsfake.After} {
			db := fake(dynamodb.Options{})
			gate := strike(call, when, awsfake.Lost)
			db.Fault = gate.fault
			l := dynamodb.New(db, dynamodb.Options{Retry: atOnce()})
			a, b := receipt("a", 0, 10, 30), receipt("a", 10, 20, 90)
			record(t, l, a, b, a)
			if got, want := between(t, l, 0, 120), short(a, b); !slices.Equal(got, want) {
				t.Fatalf("fault at call %d: %q, want %q", call, got, want)
			}
			fired = fired || gate.struck()
		}
		if !fired {
			if call < 6 {
				t.Fatalf("only %d calls", call)
			}
			return
		}
	}
}

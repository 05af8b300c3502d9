package dynamodb_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/aws/dynamodb"
	"github.com/eventlake/lake/laketest/awslocal"
)

func TestCheckTellsWhichTableIsMissingOrAnotherOne(t *testing.T) {
	t.Parallel()
	client := dynamodb.NewClient(awslocal.Moto(t).Config(), 0)
	if err := dynamodb.CreateTables(t.Context(), client, dynamodb.Options{}); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name string
		o    dynamodb.Options
		want error
		says string
	}{
		{"what it should be", dynamodb.Options{}, nil, ""},
		{"no claims are made", dynamodb.Options{Claims: "nothing", Dedup: dynamodb.DedupNone}, nil, ""},
		{"no ledger", dynamodb.Options{Ledger: "nothing"}, lake.ErrNotFound, "table nothing"},
		{"no claims", dynamodb.Options{Claims: "nothing"}, lake.ErrNotFound, "table nothing"},
		{"the claims are no ledger", dynamodb.Options{Ledger: "claims"}, lake.ErrInvalid, "table claims"},
		{"the ledger has no claims", dynamodb.Options{Claims: "ledger"}, lake.ErrInvalid, "table ledger"},
	} {
		err := dynamodb.New(client, test.o).Check(t.Context())
		if !errors.Is(err, test.want) || err != nil && !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: %v", test.name, err)
		}
	}
	l := dynamodb.New(client, dynamodb.Options{})
	out := make([]lake.Outcome, 1)
	if err := l.Claim(t.Context(), "s", []lake.Claim{{Position: lake.Pos(1), Time: epoch}}, out); err != nil || out[0] != lake.Owned {
		t.Errorf("a check has claimed something: %v, %v", out, err)
	}
}

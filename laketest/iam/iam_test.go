package iam_test

import (
	"testing"

	"github.com/eventlake/lake/laketest/iam"
)

func TestPoliciesAllowWhatAStatementCoversAndNoneDenies(t *testing.T) {
	t.Parallel()
	p, err := iam.Parse([]byte(`{"Version":"2012-10-17","Statement":[
		{"Sid":"a","Effect":"Allow","Action":["s3:GetObject","s3:Put*"],"Resource":"arn:aws:s3:::b/raw/*"},
		{"Effect":"Allow","Action":"sqs:?endMessage","Resource":["arn:aws:sqs:r:1:q","arn:aws:sqs:r:1:p"]},
		{"Effect":"Deny","Action":"s3:*","Resource":"arn:aws:s3:::b/raw/secret*"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		action, resource string
		want             bool
	}{
		{"s3:GetObject", "arn:aws:s3:::b/raw/x/y", true},
		{"s3:getobject", "arn:aws:s3:::b/raw/", true}, // actions know no case
		{"s3:PutObject", "arn:aws:s3:::b/raw/x", true},
		{"s3:DeleteObject", "arn:aws:s3:::b/raw/x", false},
		{"s3:GetObject", "arn:aws:s3:::b/tables/x", false},
		{"s3:GetObject", "arn:aws:s3:::B/raw/x", false},
		{"s3:GetObject", "arn:aws:s3:::b/raw/secret", false},
		{"sqs:SendMessage", "arn:aws:sqs:r:1:p", true},
		{"sqs:SendMessage", "arn:aws:sqs:r:1:pp", false},
		{"sqs:endMessage", "arn:aws:sqs:r:1:p", false},
	} {
		if got := p.Allows(c.action, c.resource); got != c.want {
			t.Errorf("%s on %s: %v, want %v", c.action, c.resource, got, c.want)
		}
	}
}

func TestPoliciesThatAreNotUnderstoodAreRefused(t *testing.T) {
	t.Parallel()
	for _, doc := range []string{
		``, `{"Statement":[{"Effect":"Allow","Action":"s3:*"}]}`, `{"Statement":[{"Effect":"Maybe","Action":"s3:*","Resource":"*"}]}`,
		`{"Statement":[{"Effect":"Allow","NotAction":"s3:*","Resource":"*"}]}`,
		`{"Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*","Condition":{"Bool":{"a":"b"}}}]}`,
	} {
		if p, err := iam.Parse([]byte(doc)); err == nil {
			t.Errorf("%s: read as %+v", doc, p)
		}
	}
}

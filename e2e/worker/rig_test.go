package worker

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdkdynamodb "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	sdkkinesis "github.com/aws/aws-sdk-go-v2/service/kinesis"
	sdks3 "github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/aws/dynamodb"
	"github.com/eventlake/lake/aws/kinesis"
	"github.com/eventlake/lake/aws/kinesis/lease"
	"github.com/eventlake/lake/aws/s3"
	"github.com/eventlake/lake/laketest/awslocal"
	"github.com/eventlake/lake/transform"
)

// services are the emulators that all lakes of a test share.
type services struct{ moto, kinesalite *awslocal.Endpoint }

// rig is a lake for workers, as Terraform makes it, and the parts of it as this
// process sees them.
type rig struct {
	services
	t      *testing.T
	names  awslocal.Names
	claims bool // else LAKE_AWS_CLAIMS is empty

	api    *sdkkinesis.Client
	topic  *awslocal.Stream
	stream *kinesis.Stream
	ledger *dynamodb.Ledger
	store  *s3.Store
	leases lease.Store
	begun  lake.Instant
	ends   map[lake.ShardID]lake.Position // of the stream, as last read
	at     map[place]lake.Record          // everything in the stream, by its place
}

// place is where a record is.
type place struct {
	shard    lake.ShardID
	position string
}

// settings is the lake.yaml of those workers that read one.
const settings = "ingest: {flush_age: 1s}\n"

func newRig(t *testing.T, s services, name string, claims bool) *rig {
	t.Helper()
	r := &rig{
		services: s, t: t, names: awslocal.NamesOf(name, "test"), claims: claims, begun: lake.SystemClock(),
		api: sdkkinesis.NewFromConfig(s.kinesalite.Config()), ends: map[lake.ShardID]lake.Position{}, at: map[place]lake.Record{},
	}
	r.resources()
	var err error
	r.stream, err = kinesis.New(r.api, kinesis.Options{Stream: r.names.Stream, ReadPause: -1, Unpack: kinesis.UnpackOptions{Identify: transform.RouteID}})
	if err != nil {
		t.Fatal(err)
	}
	if r.store, err = s3.New(s3.NewClient(s.moto.Config()), s3.Options{Bucket: r.names.Bucket}); err != nil {
		t.Fatal(err)
	}
	r.ledger = dynamodb.New(dynamodb.NewClient(s.moto.Config(), 8), dynamodb.Options{Claims: r.names.Claims, Ledger: r.names.Ledger, Store: r.store})
	r.leases = lease.NewTable(sdkdynamodb.NewFromConfig(s.moto.Config()), r.names.Leases, r.names.Stream)
	return r
}

// resources makes a stream of three shards, a bucket with a configuration, and
// the tables.
func (r *rig) resources() {
	r.t.Helper()
	var err error
	if r.topic, err = awslocal.CreateStream(r.t.Context(), r.api, r.names.Stream, 3); err != nil {
		r.t.Fatal(err)
	}
	bucket := r.moto.S3()
	if _, err := bucket.CreateBucket(r.t.Context(), &sdks3.CreateBucketInput{Bucket: &r.names.Bucket}); awslocal.Made(err) != nil {
		r.t.Fatal(err)
	}
	_, err = bucket.PutObject(r.t.Context(), &sdks3.PutObjectInput{Bucket: &r.names.Bucket, Key: aws.String("config/lake.yaml"), Body: strings.NewReader(settings)})
	if err != nil {
		r.t.Fatal(err)
	}
	client := sdkdynamodb.NewFromConfig(r.moto.Config())
	if err := dynamodb.CreateTables(r.t.Context(), client, dynamodb.Options{Claims: r.names.Claims, Ledger: r.names.Ledger}); err != nil {
		r.t.Fatal(err)
	}
	if err := dynamodb.CreateTable(r.t.Context(), client, lease.Definition(r.names.Leases)); err != nil {
		r.t.Fatal(err)
	}
}

// env is what a worker is told, with changes; an empty value takes a variable
// away.
func (r *rig) env(changes map[string]string) map[string]string {
	env := map[string]string{
		"HOME":                      r.t.TempDir(),
		"AWS_ENDPOINT_URL":          r.moto.URL,
		"AWS_ENDPOINT_URL_KINESIS":  r.kinesalite.URL,
		"AWS_ACCESS_KEY_ID":         "test",
		"AWS_SECRET_ACCESS_KEY":     "test",
		"AWS_REGION":                awslocal.Region,
		"AWS_EC2_METADATA_DISABLED": "true",
		"LAKE_AWS_STREAM":           r.names.Stream,
		"LAKE_AWS_BUCKET":           r.names.Bucket,
		"LAKE_AWS_LEDGER":           r.names.Ledger,
		"LAKE_AWS_LEASES":           r.names.Leases,
		"LAKE_LOG_FORMAT":           "json",
		"LAKE_LOG_LEVEL":            "debug",
	}
	if r.claims {
		env["LAKE_AWS_CLAIMS"] = r.names.Claims
	}
	maps.Copy(env, changes)
	maps.DeleteFunc(env, func(_, v string) bool { return v == "" })
	return env
}

// read reads what is new in the stream.
func (r *rig) read() {
	r.t.Helper()
	shards, err := r.stream.Shards(r.t.Context())
	if err != nil {
		r.t.Fatal(err)
	}
	var b lake.Batch
	for _, sh := range shards {
		for {
			if err := r.stream.Read(r.t.Context(), sh.ID, r.ends[sh.ID], lake.MaxBody, &b); err != nil {
				r.t.Fatal(err)
			}
			if len(b.Records) == 0 {
				break
			}
			for _, rec := range b.Records {
				rec.Body = slices.Clone(rec.Body)
				r.at[place{sh.ID, rec.Position.String()}], r.ends[sh.ID] = rec, rec.Position
			}
		}
	}
}

// known are the sequence numbers of all records that were read.
func (r *rig) known() map[string]bool {
	known := map[string]bool{}
	for at := range r.at {
		seq, _, _ := strings.Cut(at.position, ".")
		known[seq] = true
	}
	return known
}

// drained waits until everything in the stream is committed.
func (r *rig) drained() {
	r.t.Helper()
	r.read()
	begun := time.Now()
	await(r.t, "everything is committed", func() bool {
		for shard, end := range r.ends {
			if at, err := r.ledger.Position(r.t.Context(), shard); err != nil {
				r.t.Fatal(err)
			} else if at != end {
				return false
			}
		}
		return true
	})
	r.t.Logf("%d events are committed after %s", len(r.at), time.Since(begun).Round(time.Millisecond))
}

// owners waits until each of the workers has a share of the open shards, and
// nobody else has any or waits for one. It returns the leases that are open.
func (r *rig) owners(workers ...*process) (open []lease.Lease) {
	r.t.Helper()
	await(r.t, "the shards have their owners", func() bool {
		leases, err := r.leases.List(r.t.Context())
		if err != nil {
			r.t.Fatal(err)
		}
		open = slices.DeleteFunc(leases, func(l lease.Lease) bool { return l.Done })
		count := map[*process]int{}
		for _, l := range open {
			i := slices.IndexFunc(workers, func(p *process) bool { return p.owns(l.Owner) && p.working()[l.Shard] })
			if i < 0 || l.Next != "" {
				return false
			}
			count[workers[i]]++
		}
		return len(count) == len(workers)
	})
	return open
}

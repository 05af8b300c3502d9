package worker

import (
	"bytes"
	"net/http"
	"syscall"
	"testing"
	"time"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/laketest/awslocal"
)

func TestWorker(t *testing.T) {
	awslocal.Need(t)
	if _, err := binary(); err != nil {
		t.Fatal(err)
	}
	s := services{awslocal.Moto(t), awslocal.Kinesalite(t, awslocal.KinesaliteOptions{})}
	t.Run("shares a stream and claims every event", func(t *testing.T) {
		t.Parallel()
		share(t, newProducer(newRig(t, s, "claiming", true), 1), idle{})
	})
	t.Run("shares a stream without claims", func(t *testing.T) {
		t.Parallel()
		share(t, newProducer(newRig(t, s, "bare", false), 2), committing{})
	})
	t.Run("says what is wrong", func(t *testing.T) {
		t.Parallel()
		mistakes(t, newRig(t, s, "mistaken", true))
	})
	t.Run("leaves a shard of which records are lost, until it is told to go on", func(t *testing.T) {
		t.Parallel()
		trimmed(t, newRig(t, s, "trimmed", true))
	})
}

// cut is how the first worker is killed and the second one stopped.
type cut interface {
	// kill sets the trap in which the first worker dies, in the middle of a
	// commit.
	kill(first *gate) *trap
	// env is what the second worker is told otherwise than the rest.
	env() map[string]string
	// stop sets the trap that tells when the second worker is to be stopped.
	stop(calls, records *gate, known map[string]bool) *trap
	// rest stops it when it has gone into the trap.
	rest(t *testing.T, p *process, records *gate, stopped *trap)
	// late demands that the second worker, woken, has tried to commit and lost.
	late(t *testing.T, p *process, calls *gate, stopped *trap)
	// leaves is whether the second worker has something in hand when it ends.
	leaves() bool
}

// share is the life of three workers on one stream.
func share(t *testing.T, p *producer, how cut) {
	// The first worker has the stream for itself.
	firstCalls := newGate(t, p.moto)
	first := start(t, "the first worker", p.env(map[string]string{"AWS_ENDPOINT_URL": firstCalls.url}))
	p.send(64)
	p.settle()

	// A second one comes and gets its share.
	calls, records := newGate(t, p.moto), newGate(t, p.kinesalite)
	env := map[string]string{"AWS_ENDPOINT_URL": calls.url, "AWS_ENDPOINT_URL_KINESIS": records.url}
	for k, v := range how.env() {
		env[k] = v
	}
	second := start(t, "the second worker", p.env(env))
	owned := p.owners(first, second)

	// The first dies in a commit, the second is stopped with events in hand. A
	// third one, which has its configuration from S3, has to do it all; and one of
	// the first one's shards is split behind the events.
	dies, stops := how.kill(firstCalls), how.stop(calls, records, p.known())
	p.pack(p.make(90))
	arrived(t, "the first worker's commit", dies.caught)
	first.kill()
	arrived(t, "the second worker's events", stops.caught)
	how.rest(t, second, records, stops)
	third := start(t, "the third worker", p.env(map[string]string{"LAKE_CONFIG": "s3://" + p.names.Bucket + "/config/lake.yaml"}))
	for _, l := range owned {
		if first.owns(l.Owner) {
			if err := p.topic.Split(t.Context(), string(l.Shard)); err != nil {
				t.Fatal(err)
			}
			break
		}
	}
	dies.open()
	p.settle()

	// The second wakes, not knowing that it has lost its shards; it loses at the
	// commit, and is a worker like any other again.
	stops.open()
	arrived(t, "the second worker's call", stops.gone)
	second.signal(syscall.SIGCONT)
	how.late(t, second, calls, stops)
	p.owners(second, third)

	// It ends in the middle of work and gives back what it has.
	commits := calls.counted("TransactWriteItems", 200)
	again := records.catchTaken(p.known())
	p.send(64)
	arrived(t, "the second worker's further events", again.caught)
	second.end()
	again.open()
	if n := calls.counted("TransactWriteItems", 200); how.leaves() && n == commits {
		t.Error("the second worker has not committed what it had")
	}
	if left := second.working(); len(left) > 0 {
		t.Errorf("the second worker has ended at work on %v", left)
	}
	p.owners(third)
	p.send(32)
	p.settle()

	// In the end each open shard has one worker.
	open := p.owners(third)
	if got := third.working(); len(got) != len(open) {
		t.Errorf("the third worker works on %v, %d shards are open", got, len(open))
	}
	third.end()
	leases, err := p.leases.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	done := 0
	for _, l := range leases {
		if l.Owner != "" || l.Next != "" {
			t.Errorf("%s still belongs to %q, and then to %q", l.Shard, l.Owner, l.Next)
		}
		if l.Done {
			done++
		}
	}
	if len(leases) != 5 || done != 1 {
		t.Errorf("%+v: want 5 leases, one of them done", leases)
	}
	p.prove().tables()
}

// idle is a worker that is stopped while it gathers events, and wakes when
// another one has committed the same span. Its files are packed otherwise, as
// by an older version.
type idle struct{}

func (idle) kill(first *gate) *trap { return first.catch(false, is("TransactWriteItems")) }

func (idle) env() map[string]string {
	return map[string]string{"LAKE_INGEST_FLUSH_AGE": "1h", "LAKE_RAW_LEVEL": "9"}
}

func (idle) stop(_, records *gate, known map[string]bool) *trap { return records.catchTaken(known) }

// rest lets the call pass and stops the worker between two polls of its shards,
// which are 400 ms apart: a call under way would fail when it wakes, and it would
// drop its events instead of trying to commit them.
func (idle) rest(t *testing.T, p *process, records *gate, stopped *trap) {
	stopped.open()
	arrived(t, "the answer to the second worker", stopped.gone)
	await(t, "the second worker is stopped between two calls", func() bool {
		time.Sleep(100 * time.Millisecond) // for the last answer to be read, by the worker
		before, _ := records.calls()
		p.signal(syscall.SIGSTOP)
		time.Sleep(100 * time.Millisecond) // for the last call to come, at the gate
		if came, under := records.calls(); came == before && under == 0 {
			return true
		}
		p.signal(syscall.SIGCONT)
		return false
	})
}

func (idle) late(t *testing.T, p *process, calls *gate, _ *trap) {
	await(t, "the second worker's commit is refused", func() bool { return p.log.says("the last batch stays in the stream", lake.ErrStale.Error()) })
	if calls.counted("TransactWriteItems", 200) > 0 {
		t.Error("the second worker has committed")
	}
	if calls.counted("PUT raw", 412) == 0 {
		t.Error("the second worker's files were not in the way of others: nothing was tried")
	}
	for _, status := range []int{200, 204} {
		if calls.counted("DELETE raw", status) > 0 {
			t.Error("the second worker has deleted files that another one has committed")
		}
	}
}

func (idle) leaves() bool { return true }

// committing is a worker that is stopped in a commit, which arrives when another
// one has committed the span.
type committing struct{}

func (committing) kill(first *gate) *trap { return first.catch(true, is("TransactWriteItems")) }

func (committing) env() map[string]string { return nil }

func (committing) stop(calls, _ *gate, _ map[string]bool) *trap {
	return calls.catch(false, is("TransactWriteItems"))
}

func (committing) rest(_ *testing.T, p *process, _ *gate, _ *trap) { p.signal(syscall.SIGSTOP) }

func (committing) late(t *testing.T, p *process, _ *gate, stopped *trap) {
	if c := stopped.call; c.status != http.StatusBadRequest || !bytes.Contains(c.answer, []byte("ConditionalCheckFailed")) {
		t.Errorf("the second worker's commit was answered with %d %s", c.status, c.answer)
	}
	await(t, "the second worker knows that it has lost its shards", func() bool {
		return p.log.says("a shard was lost", "") || p.log.says("a lease could not be renewed in time; its work is stopped", "")
	})
}

func (committing) leaves() bool { return false }

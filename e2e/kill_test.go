package e2e

import (
	"bytes"
	"database/sql"
	"encoding/csv"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// busy is a configuration under which files are merged, compacted and trimmed
// all the time.
const busy = `
stream: {segment_size: 256KiB}
ingest: {flush_age: 50ms}
claims: {memory: 8MiB}
raw: {merge_interval: 1s, merge_files: 2}
curate: {interval: 100ms, compact_interval: 1s, compact_files: 2}
`

// underway are commands that work when the lake is killed; none is nil.
var underway = [][]string{
	nil, nil, {"compact"}, {"compact"}, {"compact", "--full"}, {"rebuild"}, {"replay", "--to", "stream"}, {"verify"},
}

// TestKillsUnderLoadLoseAndDoubleNothing kills the real binary at random
// moments while a client sends and upkeep, rebuilds and replays are underway,
// then compares, id by id, what the client saw acknowledged with what is in the
// table.
func TestKillsUnderLoadLoseAndDoubleNothing(t *testing.T) {
	kills := 20
	if s := os.Getenv("KILLS"); s != "" {
		var err error
		if kills, err = strconv.Atoi(s); err != nil {
			t.Fatal(err)
		}
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d, %d kills", seed, kills)
	rng := rand.New(rand.NewPCG(seed, 1))

	data, config := filepath.Join(t.TempDir(), "lake"), filepath.Join(t.TempDir(), "lake.yaml")
	write(t, config, busy)
	s := up(t, data, "--config", config)
	c := &killClient{url: s.url("/v1/events"), rng: rand.New(rand.NewPCG(seed, 2)), acked: map[string]int{}, sent: map[string]bool{}}
	done := make(chan struct{})
	go func() { defer close(done); c.run() }()
	for range kills {
		before := c.batches.Load()
		ended := s.begin(underway[rng.IntN(len(underway))])
		time.Sleep(time.Duration(rng.IntN(400)) * time.Millisecond) // the moment of the kill is what is varied
		s.kill()
		<-ended
		s.start()
		s.await("taking events again", func() bool { return c.batches.Load() > before })
	}
	c.stop.Store(true)
	<-done
	if c.err != nil {
		t.Fatal(c.err)
	}
	st := s.settle()
	t.Logf("%d ids acknowledged in %d batches; books: %+v", len(c.acked), c.batches.Load(), st.Books)
	s.stop()

	out, errs, exit := run(t, "verify", "--data", s.data)
	if exit != 0 {
		t.Fatalf("lake verify: exit %d\n%s%s", exit, out, errs)
	}
	rows := tableIDs(t, s.data)
	for id := range c.acked {
		if rows[id] != 1 {
			t.Errorf("acknowledged event %s is %d times in the table", id, rows[id])
		}
	}
	for id, n := range rows {
		if n != 1 || !c.sent[id] {
			t.Errorf("event %s is %d times in the table; it was sent: %v", id, n, c.sent[id])
		}
	}
	if len(c.acked) == 0 {
		t.Fatal("nothing was acknowledged: the test proves nothing")
	}
	db, err := sql.Open("duckdb", "")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var lines, ids int
	if err := db.QueryRowContext(t.Context(), "select count(*), count(distinct event_id) from "+rawFiles(s.data, "'source': 'varchar'")).Scan(&lines, &ids); err != nil {
		t.Fatal(err)
	}
	if lines != len(rows) || ids != len(rows) {
		t.Errorf("another program finds %d lines and %d ids in the raw files of the stopped lake, the table has %d rows", lines, ids, len(rows))
	}
}

// begin starts a command on the lake's data; the channel closes when it has
// ended, well or with an error: the lake under it is killed.
func (s *server) begin(args []string) (ended <-chan struct{}) {
	done := make(chan struct{})
	if args == nil {
		close(done)
		return done
	}
	go func() {
		defer close(done)
		out, errs, exit := run(s.t, append(args, "--data", s.data)...)
		s.t.Logf("lake %s: exit %d %s", strings.Join(args, " "), exit, lastLine(out+errs))
	}()
	return done
}

func lastLine(s string) string {
	s = strings.TrimSpace(s)
	return s[strings.LastIndexByte(s, '\n')+1:]
}

// tableIDs counts every event_uuid over all tables.
func tableIDs(t *testing.T, data string) map[string]int {
	t.Helper()
	r := csv.NewReader(strings.NewReader(must(t, "sql", "--data", data, "--format", "csv", "select event_uuid from kill")))
	records, err := r.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	ids := map[string]int{}
	for _, rec := range records[1:] {
		ids[rec[0]]++
	}
	return ids
}

// killClient sends batches, each again until it is acknowledged, and sends
// some acknowledged events a second time.
type killClient struct {
	url     string
	rng     *rand.Rand
	stop    atomic.Bool
	batches atomic.Int64
	acked   map[string]int
	sent    map[string]bool
	recent  []string
	err     error
}

func (c *killClient) run() {
	for n := 0; !c.stop.Load(); n++ {
		var ids, lines []string
		size := 1 << c.rng.IntN(10) // so that files have many sizes
		pad := fmt.Sprintf("%x", randomBytes(c.rng, size))
		for i := range 20 + c.rng.IntN(200) {
			id := fmt.Sprintf("k-%d-%d", n, i)
			line := fmt.Sprintf(`{"event_uuid":%q,"event_name":"kill:%s","created_at":%d,"n":%d,"pad":%q}`,
				id, []string{"a", "b", "c"}[i%3], time.Now().Unix(), i, pad[:c.rng.IntN(size)])
			if len(c.recent) > 0 && c.rng.IntN(10) == 0 {
				lines = append(lines, c.recent[c.rng.IntN(len(c.recent))])
			}
			ids, lines = append(ids, id), append(lines, line)
			c.sent[id] = true
		}
		body := []byte(strings.Join(lines, "\n"))
		for {
			ok, err := c.post(body)
			if err != nil {
				c.err = err
				return
			}
			if ok {
				break
			}
			time.Sleep(5 * time.Millisecond) // the lake is being started again
		}
		for _, id := range ids {
			c.acked[id]++
		}
		c.recent = lines
		c.batches.Add(1)
	}
}

func randomBytes(rng *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(rng.Uint32())
	}
	return b
}

// post reports whether the batch was acknowledged; an error is an answer that
// a client should never get.
func (c *killClient) post(body []byte) (bool, error) {
	resp, err := http.Post(c.url, "application/x-ndjson", bytes.NewReader(body))
	if err != nil {
		return false, nil // not reachable or killed in between: unknown, so it is sent again
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil && resp.StatusCode != http.StatusAccepted {
		return false, nil
	}
	switch resp.StatusCode {
	case http.StatusAccepted:
		return true, nil
	case http.StatusServiceUnavailable, http.StatusTooManyRequests:
		return false, nil
	}
	return false, fmt.Errorf("answer %s: %s", resp.Status, text)
}

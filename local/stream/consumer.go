package stream

import (
	"context"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/local/disk"
)

// consumers are the named consumers; all of them are in memory, for Trim.
type consumers struct {
	mu        sync.Mutex
	positions map[string]map[lake.ShardID]lake.Position
}

// savedConsumer is a consumer's file.
type savedConsumer struct {
	Name      string                         `json:"name"`
	Positions map[lake.ShardID]lake.Position `json:"positions"`
}

const consumerHint = "delete the file if the consumer may begin again at the oldest record, or restore it from a backup"

// openConsumers reads all consumers' files.
func (s *Stream) openConsumers() error {
	s.consumers.positions = map[string]map[lake.ShardID]lake.Position{}
	dir := filepath.Join(s.dir, consumersName)
	if err := removeTemporary(s.fsys, dir); err != nil {
		return err
	}
	entries, err := s.fsys.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		name, ok := strings.CutSuffix(e.Name, ".json")
		if !ok || e.Dir || validName(name) != nil {
			s.log.Warn("not a consumer's file", "path", filepath.Join(dir, e.Name))
			continue
		}
		var c savedConsumer
		path := filepath.Join(dir, e.Name)
		if err := readJSON(s.fsys, path, consumerHint, &c); err != nil {
			return err
		}
		for id, p := range c.Positions {
			sh, err := s.shard(id)
			if err != nil {
				return lake.Errorf(lake.ErrCorrupt, consumerHint, "%s: %v", path, err)
			}
			if last := lake.Pos(sh.next - 1); p.After(last) {
				return lake.Errorf(lake.ErrCorrupt, damageHint,
					"%s: the consumer has read position %s of %s but the log ends at %s; records are missing", path, p, id, last)
			}
		}
		if c.Positions == nil {
			c.Positions = map[lake.ShardID]lake.Position{}
		}
		s.consumers.positions[name] = c.Positions
	}
	return nil
}

// Consumer is a named reader whose positions are kept with the stream, and
// whose records Trim keeps.
type Consumer struct {
	stream *Stream
	name   string
}

// Consumer returns a handle for a named consumer, which exists from its first
// Save on. Names are 1 to 64 of a-z, 0-9, '-', '_' and '.', not starting with
// '.'; others are lake.ErrInvalid.
func (s *Stream) Consumer(name string) (*Consumer, error) {
	if err := validName(name); err != nil {
		return nil, err
	}
	return &Consumer{s, name}, nil
}

// Consumers lists the names of the consumers that exist, sorted.
func (s *Stream) Consumers() []string {
	s.consumers.mu.Lock()
	defer s.consumers.mu.Unlock()
	return slices.Sorted(maps.Keys(s.consumers.positions))
}

func validName(name string) error {
	if lake.SourceID(name).Validate() != nil {
		return lake.Errorf(lake.ErrInvalid, "use a-z, 0-9, '-', '_' and '.', at most 64 characters, not starting with '.'", "consumer %q", name)
	}
	return nil
}

// Load returns the saved positions; lake.ErrNotFound when the consumer does not
// exist. A shard that is not in the map begins at its oldest record.
func (c *Consumer) Load(context.Context) (map[lake.ShardID]lake.Position, error) {
	cs := &c.stream.consumers
	cs.mu.Lock()
	defer cs.mu.Unlock()
	p, ok := cs.positions[c.name]
	if !ok {
		return nil, lake.Errorf(lake.ErrNotFound, "", "consumer %q", c.name)
	}
	return maps.Clone(p), nil
}

// Save makes the positions durable, over those saved before; shards that are
// not named keep theirs. A position may move back. Positions behind the end of a
// shard are lake.ErrInvalid and change nothing.
func (c *Consumer) Save(ctx context.Context, positions map[lake.ShardID]lake.Position) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s := c.stream
	for id, p := range positions {
		sh, err := s.shard(id)
		if err != nil {
			return err
		}
		sh.mu.RLock()
		last := lake.Pos(sh.next - 1)
		sh.mu.RUnlock()
		if p.After(last) {
			return lake.Errorf(lake.ErrInvalid, "", "%s: position %s is behind the end %s", id, p, last)
		}
	}
	cs := &s.consumers
	cs.mu.Lock()
	defer cs.mu.Unlock()
	merged := maps.Clone(cs.positions[c.name])
	if merged == nil {
		merged = map[lake.ShardID]lake.Position{}
	}
	maps.Copy(merged, positions)
	if err := writeJSON(s.fsys, c.path(), savedConsumer{c.name, merged}); err != nil {
		return disk.Full(err)
	}
	cs.positions[c.name] = merged
	return nil
}

// Delete forgets the consumer; Trim no longer waits for it. Deleting one that
// does not exist is success.
func (c *Consumer) Delete(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	cs := &c.stream.consumers
	cs.mu.Lock()
	defer cs.mu.Unlock()
	if err := c.stream.fsys.Remove(c.path()); err != nil && !disk.IsNotExist(err) {
		return err
	}
	delete(cs.positions, c.name)
	return c.stream.fsys.SyncDir(filepath.Join(c.stream.dir, consumersName))
}

func (c *Consumer) path() string {
	return filepath.Join(c.stream.dir, consumersName, c.name+".json")
}

// floor is the lowest position of all consumers on a shard; all is true when
// there is no consumer to wait for.
func (c *consumers) floor(id lake.ShardID) (low lake.Position, all bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	all = true
	for _, positions := range c.positions {
		if p := positions[id]; all || low.After(p) {
			low, all = p, false
		}
	}
	return low, all
}

package keys

import (
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/local/disk"
)

// checkEvery is how old an answer may be with respect to a change that another
// process made.
const checkEvery = time.Second

// Store is the keys of one data directory. Safe for concurrent use.
type Store struct {
	fsys disk.FS
	dir  string
	opt  Options

	current atomic.Pointer[snapshot]
	checked atomic.Int64 // lake.Instant of the last look at the file

	mu sync.Mutex // held while reading or changing the file
}

// Options are for tests and logs; the zero value works.
type Options struct {
	Clock  lake.Clock   // nil: the system's clock
	Logger *slog.Logger // nil: nothing is logged
}

type snapshot struct {
	*Set
	mark mark
}

// mark tells one state of the file from the next.
type mark struct {
	size int64
	time time.Time
}

// Open reads the keys of the data directory. A missing file, or directory, is
// no keys; Create makes them. ErrCorrupt when it cannot be understood.
func Open(fsys disk.FS, dir string, opt Options) (*Store, error) {
	if opt.Clock == nil {
		opt.Clock = lake.SystemClock
	}
	if opt.Logger == nil {
		opt.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Store{fsys: fsys, dir: dir, opt: opt}
	if err := s.Reload(); err != nil {
		return nil, err
	}
	return s, nil
}

// Create makes a key that works at once and returns its secret, which cannot
// be had again. The change is durable on return.
func (s *Store) Create(source lake.SourceID, role Role, note string) (secret string, k Key, err error) {
	if err := errors.Join(source.Validate(), role.Validate()); err != nil {
		return "", Key{}, err
	}
	if len(note) > 200 {
		return "", Key{}, lake.Errorf(lake.ErrInvalid, "use at most 200 bytes", "note of %d bytes", len(note))
	}
	err = s.change(func(keys []Key) ([]Key, error) {
		var id string
		for {
			id, secret = newSecret()
			if !slices.ContainsFunc(keys, func(k Key) bool { return k.ID == id }) {
				break
			}
		}
		k = Key{ID: id, Source: source, Role: role, Note: note, Created: s.opt.Clock(), hash: hashOf(secret)}
		return append(keys, k), nil
	})
	if err != nil {
		return "", Key{}, fmt.Errorf("create key: %w", err)
	}
	return secret, k, nil
}

// Revoke makes the key stop working: here at once, in a lake that runs in
// another process within a second. Revoking it again changes nothing.
// ErrNotFound when there is no such key.
func (s *Store) Revoke(id string) (k Key, err error) {
	err = s.change(func(keys []Key) ([]Key, error) {
		for i := range keys {
			if keys[i].ID != id {
				continue
			}
			if keys[i].Active() {
				keys[i].Revoked = max(s.opt.Clock(), 1)
			}
			k = keys[i]
			return keys, nil
		}
		return nil, lake.Errorf(lake.ErrNotFound, "`lake keys list` shows the ids", "key %q", id)
	})
	if err != nil {
		return Key{}, fmt.Errorf("revoke key: %w", err)
	}
	return k, nil
}

// List returns all keys, revoked ones too, in the order they were made.
func (s *Store) List() []Key {
	s.refresh()
	return slices.Clone(s.current.Load().keys)
}

// Active counts the keys that work and may do what needs the role.
func (s *Store) Active(need Role) int {
	n := 0
	for _, k := range s.List() {
		if k.Active() && k.Role.Allows(need) {
			n++
		}
	}
	return n
}

// Authenticate is Set.Authenticate of the file as it was a second ago at most.
func (s *Store) Authenticate(secret string) (Key, error) {
	s.refresh()
	return s.current.Load().Authenticate(secret)
}

// Reload reads the file now (on SIGHUP). After an error the keys are as before.
func (s *Store) Reload() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.read()
}

// refresh looks whether the file changed, at most once a second. One caller
// looks, the others go on with what is known. A file that became unreadable
// changes nothing: the keys known before stay good.
func (s *Store) refresh() {
	now, last := s.opt.Clock(), s.checked.Load()
	if age := now.Sub(lake.Instant(last)); age >= 0 && age < checkEvery || !s.mu.TryLock() {
		return
	}
	defer s.mu.Unlock()
	s.checked.Store(int64(now))
	m, err := s.look()
	if err == nil && m == s.current.Load().mark {
		return
	}
	if err == nil {
		err = s.read()
	}
	if err != nil {
		s.opt.Logger.Error("keys not reloaded, the old ones stay", "error", err, "hint", lake.Hint(err))
	}
}

// read replaces the snapshot; s.mu is held.
func (s *Store) read() error {
	s.checked.Store(int64(s.opt.Clock()))
	m, err := s.look() // before reading: a change in between is found next time
	if err != nil {
		return err
	}
	keys, err := load(s.fsys, s.path())
	if err != nil {
		return err
	}
	s.current.Store(&snapshot{newSet(keys), m})
	return nil
}

// change applies f to the keys in the file as it is now and writes the result.
func (s *Store) change(f func([]Key) ([]Key, error)) (err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.fsys.Mkdir(s.dir); err != nil {
		return fmt.Errorf("make the data directory: %w", disk.Full(err))
	}
	unlock, err := lock(s.fsys, filepath.Join(s.dir, "keys.lock"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	keys, err := load(s.fsys, s.path())
	if err != nil {
		return err
	}
	if keys, err = f(keys); err != nil {
		return err
	}
	if err := save(s.fsys, s.path(), keys); err != nil {
		return err
	}
	return s.read()
}

func (s *Store) path() string { return filepath.Join(s.dir, Name) }

// look returns the file's mark, the zero mark when there is no file.
func (s *Store) look() (mark, error) {
	entries, err := s.fsys.ReadDir(s.dir)
	if disk.IsNotExist(err) {
		return mark{}, nil
	}
	if err != nil {
		return mark{}, fmt.Errorf("look for %s: %w", s.path(), err)
	}
	for _, e := range entries {
		if e.Name == Name {
			return mark{e.Size, e.ModTime}, nil
		}
	}
	return mark{}, nil
}

package keys_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/eventlake/lake"
	"github.com/eventlake/lake/local/disk"
	"github.com/eventlake/lake/local/keys"
)

// clock is a time that only the test moves.
type clock struct {
	mu  sync.Mutex
	now lake.Instant
}

func (c *clock) read() lake.Instant { c.mu.Lock(); defer c.mu.Unlock(); return c.now }
func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func open(t *testing.T, dir string, c *clock) *keys.Store {
	t.Helper()
	s, err := keys.Open(disk.OS{}, dir, keys.Options{Clock: c.read})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func create(t *testing.T, s *keys.Store, source lake.SourceID, role keys.Role) (string, keys.Key) {
	t.Helper()
	secret, k, err := s.Create(source, role, "a note")
	if err != nil {
		t.Fatal(err)
	}
	return secret, k
}

func TestCreatedKeyOpensItsSourceUntilRevoked(t *testing.T) {
	c := &clock{now: 1_700_000_000_000_000}
	dir := filepath.Join(t.TempDir(), "not-yet")
	s := open(t, dir, c)
	secret, made := create(t, s, "web", keys.Write)
	if !strings.HasPrefix(secret, "lk_"+made.ID+"_") {
		t.Errorf("secret %q does not carry the id %q", secret, made.ID)
	}
	got, err := s.Authenticate(secret)
	if err != nil || got.Source != "web" || got.Role != keys.Write || got.ID != made.ID || got.Created != c.now {
		t.Fatalf("authenticate = %+v, %v", got, err)
	}
	if _, err := s.Revoke(made.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Authenticate(secret); !errors.Is(err, lake.ErrInvalid) || !strings.Contains(err.Error(), "revoked") {
		t.Errorf("revoked key: %v", err)
	}
	c.add(time.Hour)
	again, err := s.Revoke(made.ID)
	if err != nil || again.Revoked != c.now.Add(-time.Hour) {
		t.Errorf("revoking again = %+v, %v; want the first time kept", again, err)
	}
	reopened := open(t, dir, c)
	if l := reopened.List(); len(l) != 1 || l[0].Active() || l[0].Note != "a note" {
		t.Errorf("after reopening: %+v", l)
	}
}

func TestWrongSecretsAreRefused(t *testing.T) {
	s := open(t, t.TempDir(), &clock{now: 1})
	secret, k := create(t, s, "web", keys.Write)
	flipped := secret[:len(secret)-1] + string(secret[len(secret)-1]^1)
	for name, wrong := range map[string]string{
		"empty":             "",
		"id only":           "lk_" + k.ID,
		"one bit off":       flipped,
		"other id":          "lk_000000000000" + secret[15:],
		"upper case prefix": "LK" + secret[2:],
		"trailing space":    secret + " ",
		"very long":         strings.Repeat("x", 1<<20),
		"no secret part":    "lk_" + k.ID + "_",
		"zero id and hash":  "lk__",
		"separator changed": strings.Replace(secret, k.ID+"_", k.ID+"-", 1),
	} {
		if got, err := s.Authenticate(wrong); !errors.Is(err, lake.ErrInvalid) {
			t.Errorf("%s: got %+v, %v", name, got, err)
		}
	}
}

func TestFileHoldsNoSecretAndOnlyItsOwnerReadsIt(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, &clock{now: 1})
	secret, k := create(t, s, "web", keys.Admin)
	path := filepath.Join(dir, keys.Name)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(data), strings.TrimPrefix(secret, "lk_"+k.ID+"_")) {
		t.Error("the secret is in the file")
	}
	st, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if st.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, want 0600", st.Mode())
	}
}

func TestChangesOfAnotherProcessAreSeenWithinASecond(t *testing.T) {
	c := &clock{now: 1_000_000}
	dir := t.TempDir()
	running, cli := open(t, dir, c), open(t, dir, c)
	secret, k := create(t, cli, "web", keys.Write)
	if _, err := running.Authenticate(secret); err == nil {
		t.Fatal("seen before the second was over: the file is read too often")
	}
	c.add(time.Second)
	if _, err := running.Authenticate(secret); err != nil {
		t.Fatal(err)
	}
	if _, err := cli.Revoke(k.ID); err != nil {
		t.Fatal(err)
	}
	if err := running.Reload(); err != nil {
		t.Fatal(err)
	}
	if _, err := running.Authenticate(secret); err == nil {
		t.Error("revoked key works after Reload")
	}
	if err := os.Remove(filepath.Join(dir, keys.Name)); err != nil {
		t.Fatal(err)
	}
	c.add(time.Second)
	if n := len(running.List()); n != 0 {
		t.Errorf("%d keys after the file was removed", n)
	}
}

func TestDamagedFileIsRefusedAtOpenAndIgnoredWhileRunning(t *testing.T) {
	for name, content := range map[string]string{
		"empty":       "",
		"torn":        `{"version":1,"keys":[{"id":"00112233`,
		"new version": `{"version":2,"keys":[]}`,
		"short hash":  `{"version":1,"keys":[{"id":"001122334455","source":"web","role":"read","created_us":1,"sha256":"00"}]}`,
		"bad role":    `{"version":1,"keys":[{"id":"001122334455","source":"web","role":"root","created_us":1,"sha256":"` + strings.Repeat("0", 64) + `"}]}`,
		"bad source":  `{"version":1,"keys":[{"id":"001122334455","source":"../x","role":"read","created_us":1,"sha256":"` + strings.Repeat("0", 64) + `"}]}`,
	} {
		t.Run(name, func(t *testing.T) {
			c := &clock{now: 1}
			dir := t.TempDir()
			running := open(t, dir, c)
			secret, _ := create(t, running, "web", keys.Write)
			if err := os.WriteFile(filepath.Join(dir, keys.Name), []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := keys.Open(disk.OS{}, dir, keys.Options{}); !errors.Is(err, lake.ErrCorrupt) || lake.Hint(err) == "" {
				t.Errorf("open: %v", err)
			}
			c.add(2 * time.Second)
			if _, err := running.Authenticate(secret); err != nil {
				t.Errorf("the running lake forgot its keys: %v", err)
			}
			if _, _, err := running.Create("web", keys.Write, ""); !errors.Is(err, lake.ErrCorrupt) {
				t.Errorf("create over a damaged file: %v", err)
			}
		})
	}
}

func TestOneFlippedBitInTheFileIsFound(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, &clock{now: 1})
	create(t, s, "web", keys.Write)
	if _, _, err := s.Create("web", keys.Read, "a note with <html> and \xff\x80 in it"); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, keys.Name)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := keys.Open(disk.OS{}, dir, keys.Options{}); err != nil || len(again.List()) != 2 {
		t.Fatalf("as written: %v", err)
	}
	for at := range whole {
		for _, bit := range []int{at % 8, (at + 5) % 8} {
			harmed := bytes.Clone(whole)
			harmed[at] ^= 1 << bit
			if err := os.WriteFile(path, harmed, 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := keys.Open(disk.OS{}, dir, keys.Options{}); !errors.Is(err, lake.ErrCorrupt) || !strings.Contains(err.Error(), keys.Name) {
				t.Fatalf("bit %d of byte %d (%q): %v", bit, at, whole[at], err)
			}
		}
	}
}

func TestAFileWithoutAChecksumIsRead(t *testing.T) {
	dir := t.TempDir()
	secret, _ := create(t, open(t, dir, &clock{now: 1}), "web", keys.Write)
	path := filepath.Join(dir, keys.Name)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	old := regexp.MustCompile(`,\s*"crc32c": "[0-9a-f]{8}"`).ReplaceAll(text, nil)
	if bytes.Equal(old, text) {
		t.Fatalf("no checksum in %s", text)
	}
	if err := os.WriteFile(path, old, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := open(t, dir, &clock{now: 1}).Authenticate(secret); err != nil {
		t.Error(err)
	}
}

func TestConcurrentCreatesOfManyProcessesAllSurvive(t *testing.T) {
	dir := t.TempDir()
	const stores, each = 4, 5
	var wg sync.WaitGroup
	errs := make(chan error, stores*each)
	for range stores {
		s := open(t, dir, &clock{now: 1})
		wg.Go(func() {
			for range each {
				if _, _, err := s.Create("web", keys.Read, ""); err != nil {
					errs <- err
				}
			}
		})
	}
	wg.Wait()
	close(errs)
	for err := range errs {
		t.Error(err)
	}
	if n := len(open(t, dir, &clock{now: 1}).List()); n != stores*each {
		t.Errorf("%d keys in the file, want %d", n, stores*each)
	}
}

func TestBadRequestsMakeNoKey(t *testing.T) {
	s := open(t, t.TempDir(), &clock{now: 1})
	for _, c := range []struct {
		source lake.SourceID
		role   keys.Role
		note   string
	}{{"", keys.Write, ""}, {"a/b", keys.Write, ""}, {"web", "owner", ""}, {"web", keys.Read, strings.Repeat("x", 201)}} {
		if _, _, err := s.Create(c.source, c.role, c.note); !errors.Is(err, lake.ErrInvalid) || lake.Hint(err) == "" {
			t.Errorf("create(%q, %q): %v", c.source, c.role, err)
		}
	}
	if _, err := s.Revoke("nothing"); !errors.Is(err, lake.ErrNotFound) {
		t.Errorf("revoke of an unknown key: %v", err)
	}
	if n := len(s.List()); n != 0 {
		t.Errorf("%d keys were made", n)
	}
}

func TestActiveCountsByWhatTheRoleAllows(t *testing.T) {
	s := open(t, t.TempDir(), &clock{now: 1})
	create(t, s, "web", keys.Write)
	create(t, s, "web", keys.Admin)
	_, revoked := create(t, s, "web", keys.Write)
	if _, err := s.Revoke(revoked.ID); err != nil {
		t.Fatal(err)
	}
	if w, r := s.Active(keys.Write), s.Active(keys.Read); w != 2 || r != 1 {
		t.Errorf("active write = %d, read = %d; want 2 and 1", w, r)
	}
}

func TestReadOnlyDirectorySaysSo(t *testing.T) {
	if os.Getuid() == 0 {
		t.Log("root may write everywhere: a file in the place of the directory stands in for it")
	}
	dir := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(dir, nil, 0o400); err != nil {
		t.Fatal(err)
	}
	if _, err := keys.Open(disk.OS{}, dir, keys.Options{}); err == nil {
		t.Error("opened keys in a file")
	}
}

func BenchmarkAuthenticate(b *testing.B) {
	s, err := keys.Open(disk.OS{}, b.TempDir(), keys.Options{})
	if err != nil {
		b.Fatal(err)
	}
	var secret string
	for i := range 100 {
		if secret, _, err = s.Create(lake.SourceID(fmt.Sprint("s", i)), keys.Write, ""); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Authenticate(secret); err != nil {
			b.Fatal(err)
		}
	}
}

package sqltext_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/eventlake/lake/sqltext"
)

// pieces writes what is not blank, with a letter for its kind.
func pieces(sql string) string {
	var out []string
	for i := 0; i < len(sql); {
		n, kind := sqltext.Next(sql[i:])
		if kind != sqltext.Blank {
			out = append(out, fmt.Sprintf("%c:%s", " bwqo"[kind], sql[i:i+n]))
		}
		i += n
	}
	return strings.Join(out, " ")
}

func TestPieces(t *testing.T) {
	for sql, want := range map[string]string{
		`select 1;`:                      `w:select w:1 o:;`,
		`a -- ; b` + "\n" + `;`:          `w:a o:;`,
		`-- no end`:                      ``,
		`a/* ; /* ; */ ; */b`:            `w:a w:b`,
		`/* /* */ no end ;`:              ``,
		`'it''s; ok' x`:                  `q:'it' q:'s; ok' w:x`,
		`"a;""b" y`:                      `q:"a;" q:"b" w:y`,
		`'no end ;`:                      `q:'no end ;`,
		`e'\';' ;`:                       `q:e'\';' o:;`,
		`E'\\' ;`:                        `q:E'\\' o:;`,
		`name'x'`:                        `w:name q:'x'`,
		`$$ ; $$ $tag$ ; $$ ; $tag$ $1;`: `q:$$ ; $$ q:$tag$ ; $$ ; $tag$ o:$ w:1 o:;`,
		`$tag$ no end ;`:                 `q:$tag$ no end ;`,
		`größe<=2.5`:                     `w:größe o:< o:= w:2 o:. w:5`,
		`$`:                              `o:$`,
	} {
		if got := pieces(sql); got != want {
			t.Errorf("%s\n got %s\nwant %s", sql, got, want)
		}
	}
}

func FuzzNext(f *testing.F) {
	for _, s := range []string{"select 1; -- x", "/* /* */", "$a$ $a$", "e'\\", "'", "--", "/*", "$"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, sql string) {
		for i := 0; i < len(sql); {
			n, kind := sqltext.Next(sql[i:])
			if n < 1 || i+n > len(sql) || kind < sqltext.Blank || kind > sqltext.Other {
				t.Fatalf("%q at %d: %d bytes of kind %d", sql, i, n, kind)
			}
			i += n
		}
	})
}

package s3

import (
	"strconv"
	"testing"
)

func TestChecksumsAreWrittenAsS3Does(t *testing.T) {
	// The check value of CRC-32C for "123456789" is e3069283.
	if got := *encodeCRC(crcUpdate(0, []byte("123456789"))); got != "4waSgw==" {
		t.Fatal(got)
	}
}

func FuzzChecksum(f *testing.F) {
	for _, s := range []string{"4waSgw==", "4waSgw==-3", "", "AAAA", "AAAAAAAA", "????"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if crc, ok := decodeCRC(&s); ok && len(s) == 8 {
			if again, ok := decodeCRC(encodeCRC(crc)); !ok || again != crc {
				t.Fatalf("%q: %08x, %08x", s, crc, again)
			}
		}
	})
}

func FuzzSize(f *testing.F) {
	for _, s := range []string{"bytes 0-9/200", "bytes 0-9/*", "/", "bytes 0-0/-1", "bytes 0-0/99999999999999999999"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		n, err := parseSize(s)
		if err == nil && n < 0 {
			t.Fatalf("%q: %d", s, n)
		}
		if back, err := parseSize("bytes 0-0/" + strconv.FormatInt(n, 10)); err != nil || back != n {
			t.Fatalf("%d: %d, %v", n, back, err)
		}
	})
}

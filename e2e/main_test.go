package e2e

import (
	"fmt"
	"os"
	"testing"

	"github.com/eventlake/lake/laketest/built"
)

func TestMain(m *testing.M) {
	code := m.Run()
	if err := built.Remove(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

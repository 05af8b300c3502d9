package e2e

import (
	"os"
	"testing"

	"github.com/eventlake/lake/laketest/built"
)

func TestMain(m *testing.M) { os.Exit(built.Main(m)) }

package s3

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/eventlake/lake"
)

// parseSize reads the size of the whole object from a Content-Range header,
// "bytes 0-9/200".
func parseSize(header string) (int64, error) {
	_, total, ok := strings.Cut(header, "/")
	n, err := strconv.ParseUint(total, 10, 63)
	if !ok || err != nil {
		return 0, fmt.Errorf("content-range %q: %w", header, lake.ErrInvalid)
	}
	return int64(n), nil
}

package event

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/eventlake/lake"
)

// Request reads what a person or a schedule asks of a function. ErrInvalid for
// anything that it is not, also for a member that into does not have: a range
// whose name is misspelt would be no range, and everything be done.
func Request(payload []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(payload))
	d.DisallowUnknownFields()
	err := d.Decode(into)
	if err == nil {
		if _, end := d.Token(); !errors.Is(end, io.EOF) {
			err = errors.New("something follows behind it")
		}
	}
	if err != nil {
		return fmt.Errorf("%w: %w", lake.ErrInvalid, err)
	}
	return nil
}

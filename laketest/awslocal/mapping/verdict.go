package mapping

import (
	"bytes"
	"encoding/json"
	"slices"
)

// failures reads a function's answer to a batch with these identifiers and
// returns the failed ones' indexes, in ascending order. whole means that every
// item failed. An answer that is no JSON object, or has no list, is a success:
// AWS sees an empty answer.
func failures(answer []byte, ids []string) (failed []int, whole bool) {
	var said struct {
		BatchItemFailures []struct {
			ItemIdentifier *string `json:"itemIdentifier"`
		} `json:"batchItemFailures"`
	}
	if len(bytes.TrimSpace(answer)) == 0 {
		return nil, false
	}
	if err := json.Unmarshal(answer, &said); err != nil {
		var other any
		if json.Unmarshal(answer, &other) == nil {
			if object, ok := other.(map[string]any); !ok || object["batchItemFailures"] == nil {
				return nil, false // another kind of answer
			}
		}
		return nil, true // a list that cannot be understood
	}
	for _, f := range said.BatchItemFailures {
		if f.ItemIdentifier == nil {
			return nil, true
		}
		i := slices.Index(ids, *f.ItemIdentifier)
		if i < 0 {
			return nil, true
		}
		failed = append(failed, i)
	}
	slices.Sort(failed)
	return slices.Compact(failed), false
}

package firehose

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/itchyny/gojq"

	"github.com/eventlake/lake"
)

// query is a compiled metadata extraction query.
type query struct{ code *gojq.Code }

// errExtract means that a record has no partition keys.
var errExtract = errors.New("partition keys could not be extracted")

func compile(src string) (*query, error) {
	parsed, err := gojq.Parse(src)
	if err != nil {
		return nil, lake.Errorf(lake.ErrInvalid, "it must be jq 1.6", "query %q: %v", src, err)
	}
	code, err := gojq.Compile(parsed)
	if err != nil {
		return nil, lake.Errorf(lake.ErrInvalid, "it must be jq 1.6", "query %q: %v", src, err)
	}
	return &query{code}, nil
}

// keys returns the partition keys of a record.
func (q *query) keys(record []byte) (map[string]string, error) {
	if depth(record) > MaxDepth {
		return nil, fmt.Errorf("%w: nested deeper than %d", errExtract, MaxDepth)
	}
	var input any
	if err := json.Unmarshal(record, &input); err != nil {
		return nil, fmt.Errorf("%w: %v", errExtract, err)
	}
	iter := q.code.Run(input)
	out, ok := iter.Next()
	if !ok {
		return nil, fmt.Errorf("%w: the query has no result", errExtract)
	}
	if err, failed := out.(error); failed {
		return nil, fmt.Errorf("%w: %v", errExtract, err)
	}
	object, ok := out.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("%w: the query's result is %s", errExtract, gojq.TypeOf(out))
	}
	keys := make(map[string]string, len(object))
	for name, v := range object {
		text, err := scalar(v)
		if err != nil {
			return nil, fmt.Errorf("%w: %s is %v", errExtract, name, err)
		}
		keys[name] = text
	}
	return keys, nil
}

// scalar is the text of a partition key.
func scalar(v any) (string, error) {
	switch v := v.(type) {
	case string:
		if v == "" {
			return "", errors.New("empty")
		}
		return v, nil
	case bool:
		return strconv.FormatBool(v), nil
	case nil, map[string]any, []any:
		return "", fmt.Errorf("%s", gojq.TypeOf(v))
	}
	b, err := gojq.Marshal(v)
	return string(b), err
}

// depth is how deeply JSON is nested.
func depth(b []byte) int {
	deepest, now := 0, 0
	text := false
	for i := 0; i < len(b); i++ {
		switch c := b[i]; {
		case text && c == '\\':
			i++
		case c == '"':
			text = !text
		case text:
		case c == '{' || c == '[':
			now++
			deepest = max(deepest, now)
		case c == '}' || c == ']':
			now--
		}
	}
	return deepest
}

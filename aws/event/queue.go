package event

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/eventlake/lake"
)

// Message is one message of a queue.
type Message struct {
	ID   string `json:"messageId"` // what a partial failure is reported by
	Body string `json:"body"`
}

// Messages reads the payload of an SQS event source mapping; ok is false when
// it is none.
func Messages(payload []byte) (messages []Message, ok bool) {
	var in struct {
		Records []struct {
			Message
			Source string `json:"eventSource"`
		}
	}
	if json.Unmarshal(payload, &in) != nil {
		return nil, false
	}
	for _, r := range in.Records {
		if r.Source != "aws:sqs" {
			return nil, false
		}
		messages = append(messages, r.Message)
	}
	return messages, len(messages) > 0
}

// notification is what S3 tells about objects (event structure version 2).
type notification struct {
	Event   string // "s3:TestEvent" when notifications were switched on
	Records []struct {
		Name string    `json:"eventName"` // e.g. ObjectCreated:Put
		Time time.Time `json:"eventTime"`
		S3   struct {
			Bucket struct{ Name string }
			Object struct {
				Key  string // as in a URL, '+' for a blank
				Size int64
			}
		}
	}
}

// Created returns the objects of the bucket that the text of an S3
// notification says were created. Other events and buckets are passed over.
// ErrInvalid when it is no notification.
func Created(text, bucket string) (objects []lake.Info, err error) {
	var n notification
	if err := json.Unmarshal([]byte(text), &n); err != nil {
		return nil, fmt.Errorf("notification: %w: %w", err, lake.ErrInvalid)
	}
	if n.Event == "" && n.Records == nil {
		return nil, fmt.Errorf("notification without records: %w", lake.ErrInvalid)
	}
	for _, r := range n.Records {
		if !strings.HasPrefix(strings.TrimPrefix(r.Name, "s3:"), "ObjectCreated:") || r.S3.Bucket.Name != bucket {
			continue
		}
		key, err := url.QueryUnescape(r.S3.Object.Key)
		if err != nil {
			return nil, fmt.Errorf("notification about %q: %w: %w", r.S3.Object.Key, err, lake.ErrInvalid)
		}
		objects = append(objects, lake.Info{Key: lake.Key(key), Bytes: r.S3.Object.Size, Time: lake.InstantOf(r.Time)})
	}
	return objects, nil
}

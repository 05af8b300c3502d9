package awslocal

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// Notify lets a bucket tell a queue of every object that is created under one
// of the prefixes. moto sends the messages itself, in the structure of S3 (keys
// as in a URL, a test event at first), at once, and of a multipart upload twice;
// AWS sends them within seconds, in any order, at least once.
func Notify(ctx context.Context, client *s3.Client, bucket, queueARN string, prefixes ...string) error {
	in := &s3.PutBucketNotificationConfigurationInput{Bucket: &bucket, NotificationConfiguration: &types.NotificationConfiguration{}}
	for _, p := range prefixes {
		in.NotificationConfiguration.QueueConfigurations = append(in.NotificationConfiguration.QueueConfigurations, types.QueueConfiguration{
			QueueArn: &queueARN,
			Events:   []types.Event{types.EventS3ObjectCreated},
			Filter: &types.NotificationConfigurationFilter{Key: &types.S3KeyFilter{
				FilterRules: []types.FilterRule{{Name: types.FilterRuleNamePrefix, Value: &p}},
			}},
		})
	}
	if _, err := client.PutBucketNotificationConfiguration(ctx, in); err != nil {
		return fmt.Errorf("notifications of bucket %s: %w", bucket, err)
	}
	return nil
}

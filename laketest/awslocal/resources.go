package awslocal

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/glue"
	gluetypes "github.com/aws/aws-sdk-go-v2/service/glue/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go"
)

// create makes the resources that a lake needs besides its tables.
func (c *Cloud) create(ctx context.Context, o CloudOptions) (err error) {
	if c.Stream, err = CreateStream(ctx, c.Kinesis(), o.Names.Stream, cmp.Or(o.Shards, 2)); err != nil {
		return err
	}
	if c.made {
		queue, err := sqs.NewFromConfig(c.Moto.Config()).GetQueueUrl(ctx, &sqs.GetQueueUrlInput{QueueName: &o.Names.Queue})
		if err != nil {
			return fmt.Errorf("queue %s: %w", o.Names.Queue, err)
		}
		c.QueueURL = *queue.QueueUrl
		return nil
	}
	store := c.Moto.S3()
	if _, err := store.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: &o.Names.Bucket}); Made(err) != nil {
		return fmt.Errorf("create bucket %s: %w", o.Names.Bucket, err)
	}
	invisible := cmp.Or(o.Invisible, 30*time.Second)
	queue, err := sqs.NewFromConfig(c.Moto.Config()).CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: &o.Names.Queue, Attributes: map[string]string{
		string(types.QueueAttributeNameVisibilityTimeout): strconv.Itoa(int(invisible.Seconds())),
	}})
	if err != nil {
		return fmt.Errorf("create queue %s: %w", o.Names.Queue, err)
	}
	c.QueueURL = *queue.QueueUrl
	if len(o.Told) > 0 {
		if err := Notify(ctx, store, o.Names.Bucket, o.Names.QueueARN(), o.Told...); err != nil {
			return err
		}
	}
	_, err = glue.NewFromConfig(c.Catalog.Config()).CreateDatabase(ctx, &glue.CreateDatabaseInput{DatabaseInput: &gluetypes.DatabaseInput{Name: &o.Names.Database}})
	if Made(err) != nil {
		return fmt.Errorf("create database %s: %w", o.Names.Database, err)
	}
	return nil
}

// Made returns the error of a call that makes what nobody else makes, nil when
// it is there after the call. The SDK calls again when an answer is lost, and
// hears then that there is one.
func Made(err error) error {
	var said smithy.APIError
	if errors.As(err, &said) {
		switch said.ErrorCode() {
		case "AlreadyExistsException", "BucketAlreadyOwnedByYou", "ResourceInUseException":
			return nil
		}
	}
	return err
}

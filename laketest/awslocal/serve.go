package awslocal

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"
)

// Serve answers on a free port of 127.0.0.1 in this process until Stop.
func Serve(h http.Handler) (*Endpoint, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("serve an emulator: %w", err)
	}
	server := &http.Server{Handler: h, ReadHeaderTimeout: time.Minute}
	done := make(chan error, 1)
	go func() { done <- server.Serve(l) }()
	stop := func() error {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		err := server.Shutdown(ctx)
		if err != nil { // calls that do not end are cut off
			err = server.Close()
		}
		select {
		case e := <-done:
			if !errors.Is(e, http.ErrServerClosed) {
				err = errors.Join(err, e)
			}
		default: // stopped before
		}
		return err
	}
	return &Endpoint{URL: "http://" + l.Addr().String(), end: stop}, nil
}

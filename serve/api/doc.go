// Package api is what all HTTP endpoints of the lake have in common: how an
// error looks, how a request is named, how a caller shows who it is. It does
// no work of its own and knows no endpoint.
package api

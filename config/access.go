package config

import "net"

// KeysRequired reports whether requests need a key: as keys.required says, and
// with auto where the address can be reached from other machines.
func (c Config) KeysRequired() bool {
	host, _, err := net.SplitHostPort(c.Listen)
	return c.Keys.Required == "on" || c.Keys.Required == "auto" && (err != nil || !loopback(host))
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

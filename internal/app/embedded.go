package app

import (
	"crypto/rand"
	"fmt"

	"github.com/alicebob/miniredis/v2"
)

// startEmbeddedRedis runs an in-memory Redis inside this process, on a loopback
// port that only who knows the password can use. It returns its URL.
func startEmbeddedRedis() (*miniredis.Miniredis, string, error) {
	server := miniredis.NewMiniRedis()
	server.ClockTTL(true) // let keys expire as time goes by
	if err := server.Start(); err != nil {
		return nil, "", fmt.Errorf("start the embedded Redis: %w", err)
	}
	password := rand.Text()
	server.RequireAuth(password)
	url := "redis://:" + password + "@" + server.Addr() + "?read_timeout=" + embeddedTimeout.String()
	return server, url, nil
}

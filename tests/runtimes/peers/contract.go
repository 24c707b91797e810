// What the Go peers share; the contract is told in ../run.py.
package main

import (
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"runtime"
	"strings"
	"time"
)

const (
	own           = "own"
	flood         = 16 << 20 // bytes
	heartbeatTime = time.Second
	patience      = 2 * time.Second // of the heartbeat, for a pong
)

var role, target = os.Args[1], os.Args[2]

// peer runs the role: dial for a client, accept for every connection of a server.
func peer(dial func(url string) error, accept http.HandlerFunc) {
	go func() {
		io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	if role != "server" {
		log.Fatal(dial(target))
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("{\"event\": \"listening\", \"port\": %d}\n", listener.Addr().(*net.TCPAddr).Port)
	log.Fatal(http.Serve(listener, accept))
}

// obey answers one message; ping sends a ping of the runtime's.
func obey(text, library string, send func(text string) error, ping func() error) error {
	switch text {
	case "ping":
		return ping()
	case "version":
		return send(library + ", " + runtime.Version())
	case "flood":
		return send(strings.Repeat("x", flood))
	}
	return send(text)
}

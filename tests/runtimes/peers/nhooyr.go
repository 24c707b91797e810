// nhooyr.io/websocket, as client and as server. Its Ping waits for the pong and chooses the payload itself; its
// heartbeat is Ping in a loop.
package main

import (
	"context"
	"net/http"
	"time"

	"nhooyr.io/websocket"
)

func beat(connection *websocket.Conn) {
	for {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		err := connection.Ping(ctx)
		cancel()
		if err != nil {
			connection.Close(websocket.StatusPolicyViolation, "no pong")
			return
		}
		time.Sleep(heartbeatTime)
	}
}

func serve(connection *websocket.Conn, heartbeat bool) error {
	always := context.Background()
	send := func(text string) error { return connection.Write(always, websocket.MessageText, []byte(text)) }
	ping := func() error {
		go func() {
			if connection.Ping(always) == nil {
				send("pong")
			}
		}()
		return nil
	}
	if heartbeat {
		go beat(connection)
	}
	for {
		_, data, err := connection.Read(always)
		if err != nil {
			return err
		}
		if err := obey(string(data), "nhooyr.io/websocket", send, ping); err != nil {
			return err
		}
	}
}

func main() {
	dial := func(url string) error {
		connection, _, err := websocket.Dial(context.Background(), url, nil)
		if err != nil {
			return err
		}
		return serve(connection, false)
	}
	peer(dial, func(answer http.ResponseWriter, request *http.Request) {
		if connection, err := websocket.Accept(answer, request, nil); err == nil {
			serve(connection, target == "heartbeat")
		}
	})
}

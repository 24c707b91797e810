// gorilla/websocket, as client and as server. Its heartbeat is that of its documentation: pings by a ticker, and a
// read deadline that every pong moves on. As "silent" it is a client whose application has replaced the ping handler by
// one that does nothing.
package main

import (
	"net/http"
	"time"

	"github.com/gorilla/websocket"
)

func serve(connection *websocket.Conn, heartbeat bool) error {
	defer connection.Close()
	send := func(text string) error { return connection.WriteMessage(websocket.TextMessage, []byte(text)) }
	sendPing := func(payload string) error {
		return connection.WriteControl(websocket.PingMessage, []byte(payload), time.Now().Add(patience))
	}
	connection.SetPongHandler(func(payload string) error {
		if heartbeat {
			connection.SetReadDeadline(time.Now().Add(patience))
		}
		if payload == own {
			return send("pong")
		}
		return nil
	})
	if heartbeat {
		connection.SetReadDeadline(time.Now().Add(patience))
		ticker := time.NewTicker(heartbeatTime)
		defer ticker.Stop()
		go func() {
			for range ticker.C {
				if sendPing("") != nil {
					return
				}
			}
		}()
	}
	for {
		_, data, err := connection.ReadMessage()
		if err != nil {
			return err
		}
		if err := obey(string(data), "gorilla/websocket", send, func() error { return sendPing(own) }); err != nil {
			return err
		}
	}
}

func main() {
	dial := func(url string) error {
		connection, _, err := websocket.DefaultDialer.Dial(url, nil)
		if err != nil {
			return err
		}
		if role == "silent" {
			connection.SetPingHandler(func(string) error { return nil })
		}
		return serve(connection, false)
	}
	upgrader := websocket.Upgrader{CheckOrigin: func(*http.Request) bool { return true }}
	peer(dial, func(answer http.ResponseWriter, request *http.Request) {
		if connection, err := upgrader.Upgrade(answer, request, nil); err == nil {
			serve(connection, target == "heartbeat")
		}
	})
}

// Package ws in node, as client and as server. Its heartbeat is the pattern of the ws documentation.
import process from "node:process";
import { OWN, heartbeat, listening, load, obey, role, target } from "./contract.mjs";

const { WebSocket, WebSocketServer } = load("ws");
const version = `ws ${load("ws/package.json").version}, node ${process.versions.node}`;

function serve(socket) {
  const send = (text) => socket.send(text);
  socket.on("message", (data) => obey(data.toString(), { send, version, ping: () => socket.ping(OWN) }));
  socket.on("pong", (data) => data.toString() === OWN && send("pong"));
  socket.on("error", (error) => console.error(error.message));
}

function check(socket) {
  if (!socket.alive) return socket.terminate();
  socket.alive = false;
  socket.ping();
}

if (role === "client") {
  serve(new WebSocket(target));
} else {
  const server = new WebSocketServer({ host: "127.0.0.1", port: 0 });
  server.on("listening", () => listening(server.address().port));
  server.on("connection", (socket) => {
    serve(socket);
    socket.alive = true;
    socket.on("pong", () => (socket.alive = true));
  });
  if (heartbeat) setInterval(() => server.clients.forEach(check), 1000);
}

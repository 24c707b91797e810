// A backend in node with the package ws.
//
// Options: deflate, echo (default true), heartbeat (ms: the server half of the `ws` keepalive pattern).
// Connections are numbered from 0 in the order in which they came.
import { createRequire } from "node:module";
import process from "node:process";
import { describe, obey, options, payload, say } from "./io.mjs";

const { WebSocketServer } = createRequire(`${process.env.WSKEEP_NODE_MODULES}/`)("ws");
const server = new WebSocketServer({
  host: "127.0.0.1",
  port: 0,
  backlog: 4096,
  perMessageDeflate: options.deflate ? { threshold: 0 } : false,
});
const sockets = [];
let fragments = [];

server.on("listening", () => say("listening", { port: server.address().port }));
server.on("connection", (socket, request) => {
  const id = sockets.push(socket) - 1;
  socket.answered = true;
  say("connection", { id, path: request.url, headers: request.headers, extensions: socket.extensions });
  socket.on("message", (data, binary) => {
    say("message", { id, ...describe(data, binary) });
    if (options.echo ?? true) socket.send(data, { binary });
  });
  socket.on("ping", (data) => say("ping", { id, size: data.length }));
  socket.on("pong", (data) => {
    socket.answered = true;
    say("pong", { id, size: data.length });
  });
  socket.on("close", (code, reason) => say("close", { id, code, reason: reason.toString() }));
  socket.on("error", (error) => say("error", { id, message: error.message }));
});

// Each round ends those who left the last round's ping unanswered and pings the others.
function heartbeat() {
  for (const [id, socket] of sockets.entries()) {
    if (socket.readyState !== socket.OPEN) continue;
    if (!socket.answered) {
      say("unanswered", { id });
      socket.terminate();
      continue;
    }
    socket.answered = false;
    socket.ping();
    say("round", { id });
  }
}
if (options.heartbeat) setInterval(heartbeat, options.heartbeat);

obey({
  send({ id, size, binary }) {
    const bytes = payload(size, binary);
    say("sent", { id, ...describe(bytes, binary) });
    sockets[id].send(bytes, { binary });
  },
  begin({ id, size, binary, parts }) {
    const bytes = payload(size, binary);
    const step = Math.ceil(size / parts);
    fragments = Array.from({ length: parts }, (_, i) => bytes.subarray(i * step, (i + 1) * step));
    fragments.binary = binary;
    say("sent", { id, ...describe(bytes, binary) });
  },
  fragment({ id }) {
    const part = fragments.shift();
    const fin = fragments.length === 0;
    sockets[id].send(part, { binary: fragments.binary, fin }, () => say("fragment", { id, fin }));
  },
  ping: ({ id, data }) => sockets[id].ping(data),
  close: ({ id, code, reason }) => (code === undefined ? sockets[id].close() : sockets[id].close(code, reason)),
  terminate: ({ id }) => sockets[id].terminate(),
});

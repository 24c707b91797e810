// Bun's own WebSocket client and server. Its heartbeat is idleTimeout (whole seconds, at least 8) with sendPings.
import { OWN, heartbeat, listening, obey, role, target } from "./contract.mjs";

const version = `Bun ${Bun.version}`;
const answer = (socket, text) =>
  obey(text, { send: (reply) => socket.send(reply), version, ping: () => socket.ping(OWN) });

if (role === "client") {
  const socket = new WebSocket(target);
  socket.addEventListener("message", ({ data }) => answer(socket, data));
  socket.addEventListener("pong", ({ data }) => Buffer.from(data).toString() === OWN && socket.send("pong"));
  socket.addEventListener("error", (event) => console.error(event.message ?? "error"));
} else {
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: (request, bun) => (bun.upgrade(request) ? undefined : new Response("upgrade only", { status: 426 })),
    websocket: {
      sendPings: heartbeat,
      idleTimeout: heartbeat ? 8 : 0,
      message: answer,
      pong: (socket, data) => data.toString() === OWN && socket.send("pong"),
    },
  });
  listening(server.port);
}

// Deno's own WebSocket client and server, which have no pings of their own to call. The server's heartbeat is
// idleTimeout, in seconds.
import { heartbeat, listening, obey, role, target } from "./contract.mjs";

const version = `Deno ${Deno.version.deno}`;

function serve(socket) {
  socket.addEventListener("message", ({ data }) => obey(data, { send: (text) => socket.send(text), version }));
  socket.addEventListener("error", (event) => console.error(event.message ?? "error"));
}

if (role === "client") {
  serve(new WebSocket(target));
} else {
  const options = { hostname: "127.0.0.1", port: 0, onListen: ({ port }) => listening(port) };
  Deno.serve(options, (request) => {
    const { socket, response } = Deno.upgradeWebSocket(request, { idleTimeout: heartbeat ? 2 : 0 });
    serve(socket);
    return response;
  });
}

// An HTTP backend in node, with the package ws behind it for upgrades, which echoes.
//
// /echo sends the request's body back, /size/N a body of N bytes, /pieces/N the same in chunks, /trailers chunks with
// trailers behind them, /status/N that status, /hints an interim answer before the real one, /early its answer before
// the body has come, /last a body that ends with the connection.
import { createServer } from "node:http";
import { createRequire } from "node:module";
import process from "node:process";
import { obey, say } from "./io.mjs";

const { WebSocketServer } = createRequire(`${process.env.WSKEEP_NODE_MODULES}/`)("ws");
const filled = (size) => Buffer.alloc(size, "0123456789abcdef.");

function describe(request) {
  return { "X-Request": `${request.method} ${request.url}`, "X-Custom": request.headers["x-custom"] ?? "none" };
}

const routes = {
  echo(request, response) {
    const parts = [];
    request.on("data", (part) => parts.push(part));
    request.on("end", () => {
      const body = Buffer.concat(parts);
      const sum = request.trailers["x-sum"] ?? "none";
      response.writeHead(200, { ...describe(request), "X-Sum": sum, "Content-Length": body.length });
      response.end(body);
    });
  },
  size(request, response, size) {
    response.writeHead(200, { ...describe(request), "Content-Length": size, "Set-Cookie": ["a=1", "b=2"] });
    response.end(request.method === "HEAD" ? "" : filled(size));
  },
  pieces(request, response, size) {
    response.writeHead(200, describe(request));
    const body = filled(size);
    for (let at = 0; at < size; at += 10007) response.write(body.subarray(at, at + 10007));
    response.end();
  },
  trailers(request, response) {
    response.writeHead(200, { ...describe(request), Trailer: "X-Checksum" });
    response.write("in two ");
    response.addTrailers({ "X-Checksum": "of it" });
    response.end("pieces");
  },
  status(request, response, status) {
    response.writeHead(status, describe(request));
    response.end([204, 304].includes(status) ? undefined : "as you wish\n");
  },
  hints(request, response) {
    response.writeEarlyHints({ link: "</style.css>; rel=preload" }, () => routes.size(request, response, 10));
  },
  early(request, response) {
    response.writeHead(200, { ...describe(request), "Content-Length": 6 });
    response.end("early\n");
    request.resume();
  },
  last(request, response) {
    response.writeHead(200, { ...describe(request), Connection: "close" });
    response.useChunkedEncodingByDefault = false;
    response.end("to the end");
  },
};

const server = createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
  const [, name, argument] = request.url.split(/[/?]/);
  (routes[name] ?? routes.echo)(request, response, Number(argument));
});
const sockets = new WebSocketServer({ server });
sockets.on("connection", (socket) => socket.on("message", (data, binary) => socket.send(data, { binary })));
server.listen(0, "127.0.0.1", 4096, () => say("listening", { port: server.address().port }));
obey({});

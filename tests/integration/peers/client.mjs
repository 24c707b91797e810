// A WebSocket client in node (package ws), Bun or Deno (their own global WebSocket).
//
// Options: url, impl (ws, bun, deno), deflate, protocols, expectPingWithin (ms; ws only).
// It remembers what it sent and says of each message whether it equals the oldest one not yet echoed.
import { createRequire } from "node:module";
import process from "node:process";
import { describe, obey, options, payload, say } from "./io.mjs";

const isWs = options.impl === "ws";
const WebSocketClass = isWs ? createRequire(`${process.env.WSKEEP_NODE_MODULES}/`)("ws") : globalThis.WebSocket;
const socket = isWs
  ? new WebSocketClass(options.url, options.protocols ?? [], {
      perMessageDeflate: options.deflate ? { threshold: 0 } : false,
    })
  : new WebSocketClass(options.url, options.protocols ?? []);
socket.binaryType = isWs ? "nodebuffer" : "arraybuffer";

const expected = [];
let fragments = []; // of a message under way, sent one by one
let overdue;

// The client half of the `ws` keepalive pattern: no ping for too long means that the connection is gone.
function expectPing() {
  if (!options.expectPingWithin) return;
  clearTimeout(overdue);
  overdue = setTimeout(() => {
    say("overdue");
    socket.terminate();
  }, options.expectPingWithin);
}

socket.addEventListener("open", () => {
  say("open", { protocol: socket.protocol, extensions: socket.extensions });
  expectPing();
});
socket.addEventListener("message", ({ data }) => {
  const binary = typeof data !== "string";
  const bytes = Buffer.from(data);
  const equal = expected.length > 0 && bytes.equals(expected.shift());
  say("message", { ...describe(bytes, binary), equal, ...(bytes.length <= 200 ? { text: bytes.toString() } : {}) });
});
socket.addEventListener("close", ({ code, reason, wasClean }) => {
  clearTimeout(overdue);
  say("close", { code, reason, wasClean });
});
socket.addEventListener("error", (event) => say("error", { message: String(event.message ?? event.error) }));

if (isWs) {
  for (const name of ["ping", "pong"]) {
    socket.on(name, (data) => {
      if (name === "ping") expectPing();
      say(name, { size: data.length });
    });
  }
}

obey({
  send({ size, binary }) {
    const bytes = payload(size, binary);
    expected.push(bytes);
    say("sent", describe(bytes, binary));
    socket.send(binary ? bytes : bytes.toString());
  },
  text({ text }) {
    expected.push(Buffer.from(text));
    socket.send(text);
  },
  // A message in parts: begin, then one part for each fragment command, the last with fin (ws only).
  begin({ size, binary, parts }) {
    const bytes = payload(size, binary);
    const step = Math.ceil(size / parts);
    fragments = Array.from({ length: parts }, (_, i) => bytes.subarray(i * step, (i + 1) * step));
    fragments.binary = binary;
    expected.push(bytes);
    say("sent", describe(bytes, binary));
  },
  fragment() {
    const part = fragments.shift();
    const fin = fragments.length === 0;
    socket.send(part, { binary: fragments.binary, fin }, () => say("fragment", { fin }));
  },
  close: ({ code, reason }) => (code === undefined ? socket.close() : socket.close(code, reason)),
  terminate: () => socket.terminate(),
});

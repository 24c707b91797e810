// An HTTP client in node: makes the requests one after the other on one connection, which its agent keeps alive.
//
// Options: port, requests (each with method, path, headers, body: its size, chunked, trailers, expect).
import { Agent, request } from "node:http";
import { createHash } from "node:crypto";
import { obey, options, say } from "./io.mjs";

const agent = new Agent({ keepAlive: true, maxSockets: 1 });

function perform({ method, path, headers = {}, body = 0, chunked = false, trailers = {}, expect = false }) {
  return new Promise((resolve) => {
    const interim = [];
    const own = { ...headers, ...(chunked ? {} : body || method === "POST" ? { "Content-Length": body } : {}) };
    if (Object.keys(trailers).length) own.Trailer = Object.keys(trailers).join(", ");
    if (expect) own.Expect = "100-continue";
    const call = request({ host: "127.0.0.1", port: options.port, agent, method, path, headers: own }, (answer) => {
      const hash = createHash("sha256");
      let size = 0;
      answer.on("data", (part) => {
        hash.update(part);
        size += part.length;
      });
      answer.on("close", () => {
        say("answer", {
          status: answer.statusCode, reason: answer.statusMessage, headers: answer.rawHeaders, size, interim,
          sha256: hash.digest("hex"), trailers: answer.rawTrailers, whole: answer.complete, reused: call.reusedSocket,
        });
        resolve();
      });
    });
    call.on("information", (information) => interim.push(information.statusCode));
    call.on("error", (error) => {
      say("answer", { error: error.message });
      resolve();
    });
    const finish = () => {
      for (let left = body; left > 0; left -= 65536) call.write(Buffer.alloc(Math.min(left, 65536), "b"));
      if (Object.keys(trailers).length) call.addTrailers(trailers);
      call.end();
    };
    if (expect) call.on("continue", finish);
    else finish();
  });
}

obey({});
for (const one of options.requests) await perform(one);
say("done");

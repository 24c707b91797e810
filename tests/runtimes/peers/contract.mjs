// What the JavaScript peers share; the contract is told in ../run.py.
import { createRequire } from "node:module";
import process from "node:process";

export const [role, target] = process.argv.slice(2);
export const heartbeat = target === "heartbeat";
export const OWN = "own";
export const FLOOD = 16 << 20; // bytes
export const load = createRequire(`${process.env.RUNTIMES_NODE_MODULES}/`);

process.stdin.on("end", () => process.exit(0)).resume();

export const listening = (port) => process.stdout.write(JSON.stringify({ event: "listening", port }) + "\n");

// Obeys one message. `ping` sends a ping with the payload OWN; without it the runtime has no such thing.
export function obey(text, { send, version, ping }) {
  if (text === "version") send(version);
  else if (text === "flood") send("x".repeat(FLOOD));
  else if (text !== "ping") send(text);
  else if (ping) ping();
  else send("no ping");
}

// The WebSocket of undici, which is node's own from node 22 on. It has no server and no pings of its own.
import process from "node:process";
import { load, obey, target } from "./contract.mjs";

const { WebSocket } = load("undici");
const version = `undici ${load("undici/package.json").version}, node ${process.versions.node}`;
const socket = new WebSocket(target);
socket.addEventListener("message", ({ data }) => obey(data, { send: (text) => socket.send(text), version }));
socket.addEventListener("error", (event) => console.error(event.message ?? "error"));

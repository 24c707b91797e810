// The client of Chromium, headless, by playwright-core. A browser has no pings of its own to send.
import { FLOOD, load, target } from "./contract.mjs";

const { chromium } = load("playwright-core");
const browser = await chromium.launch({
  executablePath: "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-dev-shm-usage"], // as root it refuses to run with a sandbox
});
const page = await browser.newPage();
const talk = ({ url, flood }) => {
  const socket = new WebSocket(url);
  const replies = { version: navigator.userAgent, ping: "no ping", flood: "x".repeat(flood) };
  socket.onmessage = ({ data }) => socket.send(replies[data] ?? data);
};
await page.evaluate(talk, { url: target, flood: FLOOD });

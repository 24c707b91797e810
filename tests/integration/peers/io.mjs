// What the JavaScript peers share: JSON lines in and out, and payloads that can be told apart.
import { createHash, randomBytes } from "node:crypto";
import process from "node:process";
import { createInterface } from "node:readline";

export const options = JSON.parse(process.argv[2]);

export function say(event, fields = {}) {
  process.stdout.write(JSON.stringify({ event, ...fields }) + "\n");
}

// Commands by name; a peer whose standard input ends has no test any more and leaves.
export function obey(commands) {
  const lines = createInterface({ input: process.stdin });
  lines.on("line", (line) => {
    const { do: name, ...fields } = JSON.parse(line);
    commands[name](fields);
  });
  lines.on("close", () => process.exit(0));
}

export const sha256 = (data) => createHash("sha256").update(data).digest("hex");

// `size` random bytes; as text, random characters of one to four bytes of UTF-8.
export function payload(size, binary) {
  const random = randomBytes(size);
  if (binary) return random;
  const alphabet = ["a", "Z", "0", " ", "\n", '"', "ß", "Ж", "€", "語", "𝄞", "🙂"].map((c) => Buffer.from(c));
  const text = Buffer.alloc(size, "x");
  for (let at = 0, i = 0; at < size; i++) {
    const character = alphabet[random[i] % alphabet.length];
    if (at + character.length > size) break;
    character.copy(text, at);
    at += character.length;
  }
  return text;
}

export function describe(data, binary) {
  return { binary, size: data.length, sha256: sha256(data) };
}

import { connect } from "node:net";
import type { Spoilt } from "./requests.ts";

/** Longer than the service waits for anybody. */
const ANSWER_MS = 8_000;
/** What a WebSocket that was left in the middle of a frame may still say. */
const LEFT_MS = 60;

/** Sends the bytes as they are; gives all that comes back, or what did not happen. */
export function send(url: string, { bytes, frames }: Spoilt): Promise<{ text: string; isLate: boolean }> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve) => {
    const received: Buffer[] = [];
    const socket = connect(Number(port), hostname, () => socket.write(bytes));
    const isHead = bytes.subarray(0, 5).toString() === "HEAD ";
    let isOver = false;
    const end = (isLate: boolean) => {
      if (isOver) return;
      isOver = true;
      clearTimeout(late);
      socket.destroy();
      resolve({ text: Buffer.concat(received).toString("latin1"), isLate });
    };
    const late = setTimeout(() => end(true), ANSWER_MS);
    let isUpgraded = false;
    socket.on("data", (data: Buffer) => {
      received.push(data);
      const all = Buffer.concat(received);
      if (!frames && isWhole(all, isHead)) return end(false);
      if (!frames || isUpgraded || !all.includes("\r\n\r\n")) return;
      isUpgraded = true;
      socket.write(frames);
      setTimeout(() => end(false), LEFT_MS);
    });
    socket.on("error", () => {}); // whoever is refused may have more to send
    socket.on("close", () => end(false));
  });
}

/** Whether an answer is there to its end. A stream is when its first value is. */
function isWhole(all: Buffer, isHead: boolean): boolean {
  const text = all.toString("latin1");
  const at = text.indexOf("\r\n\r\n");
  if (at < 0) return false;
  const head = text.slice(0, at).toLowerCase();
  if (/^http\/1\.1 1\d\d/.test(head)) return isWhole(all.subarray(at + 4), isHead);
  if (isHead || /^http\/1\.1 (204|304)/.test(head)) return true;
  const length = /\r\ncontent-length: (\d+)/.exec(head)?.[1];
  if (length !== undefined) return all.length >= at + 4 + Number(length);
  return text.endsWith("0\r\n\r\n") || (head.includes("event-stream") && text.includes("data:"));
}

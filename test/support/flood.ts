import { Agent, request } from "node:http";
import { signatureOf } from "./webhook.ts";

interface FloodOptions {
  /** How many are under way at once. */
  concurrency: number;
  onProgress?: (done: number) => void;
}

/**
 * Delivers events, signed, so many at once; gives how long each took to be acknowledged, in ms.
 * @throws Error when one is not
 */
export async function flood(
  url: string,
  events: readonly object[],
  { concurrency, onProgress = () => {} }: FloodOptions,
): Promise<number[]> {
  const agent = new Agent({ keepAlive: true, maxSockets: concurrency });
  const latencies: number[] = [];
  let next = 0;
  const worker = async () => {
    for (let at = next++; at < events.length; at = next++) {
      const body = JSON.stringify(events[at]);
      const began = performance.now();
      const { status, text } = await post(agent, url, body);
      if (status !== 200) throw new Error(`${status} for ${body.slice(0, 200)}: ${text}`);
      latencies.push(performance.now() - began);
      if (at % 100 === 0) onProgress(at);
    }
  };
  await Promise.all(Array.from({ length: concurrency }, worker)).finally(() => agent.destroy());
  return latencies;
}

function post(agent: Agent, url: string, body: string): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const headers = { "content-type": "application/json", "stripe-signature": signatureOf(body) };
    const call = request(url, { method: "POST", agent, headers }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (part: string) => (text += part));
      response.on("end", () => resolve({ status: response.statusCode ?? 0, text }));
    });
    call.on("error", reject);
    call.end(body);
  });
}

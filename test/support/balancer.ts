import { connect as connectTo, createServer, type Socket } from "node:net";
import { quietPort } from "./ports.ts";

const LOOKS_EVERY_MS = 50;

/** Hands each connection to one of the replicas that say they are ready, in turn, and never looks into it. */
export interface Balancer {
  readonly url: string;
  /** Those that connections may go to from now on; the ones that there are go on. */
  use(urls: readonly string[]): Promise<void>;
  close(): Promise<void>;
}

/** What a Service of Kubernetes does with readiness, in one process. */
export async function startBalancer(): Promise<Balancer> {
  const port = await quietPort();
  let all: readonly string[] = [];
  let ready: string[] = [];
  let turn = 0;
  const open = new Set<Socket>();
  const look = async () => {
    const states = await Promise.all(all.map(isReady));
    ready = all.filter((_, at) => states[at]);
  };
  const looking = setInterval(() => void look(), LOOKS_EVERY_MS);
  const server = createServer((client) => {
    const url = ready[turn++ % ready.length];
    if (!url) return client.destroy();
    const replica = connectTo(Number(new URL(url).port), "127.0.0.1");
    for (const [one, other] of [
      [client, replica],
      [replica, client],
    ] as const) {
      open.add(one);
      one.pipe(other);
      one.on("error", () => other.destroy());
      one.on("close", () => {
        open.delete(one);
        other.destroy();
      });
    }
  });
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${port}`,
    async use(urls) {
      all = urls;
      await look();
    },
    async close() {
      clearInterval(looking);
      for (const socket of open) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

const isReady = (url: string) =>
  fetch(`${url}/health/readiness`).then(
    ({ ok }) => ok,
    () => false,
  );

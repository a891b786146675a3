import { createServer } from "node:net";

/** A port that something else listens on. The message names the port, who wanted it and the way out. */
export class PortTaken extends Error {}

/**
 * Makes sure that `port` can be listened on.
 * @param name what wants it, as in "the service"; @param variable what changes it, as in `PORT`.
 * @throws PortTaken
 */
export async function assertPortFree(
  port: number,
  name: string,
  variable: string,
  host = "127.0.0.1",
): Promise<void> {
  if (port === 0 || (await isPortFree(port, host))) return;
  throw new PortTaken(
    `Port ${port} is taken by another program, but ${name} needs it: stop that program, or set ${variable} to a free port.`,
  );
}

/** Whether something could listen on `port` of `host` now. */
export async function isPortFree(port: number, host = "127.0.0.1"): Promise<boolean> {
  try {
    await listenOnce(port, host);
    return true;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === "EADDRINUSE") return false;
    if (code === "EACCES") return false; // below 1024 for an ordinary user
    throw new Error(`cannot listen on ${host}:${port}: ${message}`);
  }
}

/** The preferred port when it is free, else one that the system chooses. */
export async function freePort(preferred?: number): Promise<number> {
  if (preferred && (await isPortFree(preferred))) return preferred;
  return await listenOnce(0, "127.0.0.1");
}

function listenOnce(port: number, host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen({ port, host, exclusive: true }, () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address ? address.port : port));
    });
  });
}

import { createServer } from "node:net";

/** A port that cannot be listened on. The message names the port, who wanted it and the way out. */
export class PortTaken extends Error {}

/** A port that something needs. */
export interface PortNeed {
  readonly port: number;
  /** What needs it, as in "the service". */
  readonly name: string;
  /** What changes it, as in `PORT`. */
  readonly variable: string;
  readonly host?: string;
}

/** Makes sure that all of them can be listened on; 0 means any port. @throws PortTaken naming each that is taken */
export async function assertPortsFree(...needs: readonly PortNeed[]): Promise<void> {
  const taken: string[] = [];
  for (const { port, name, variable, host } of needs)
    if (port !== 0 && !(await isPortFree(port, host)))
      taken.push(
        `Port ${port} is taken by another program, but ${name} needs it: stop that program, or set ${variable} to a free port.`,
      );
  if (taken.length > 0) throw new PortTaken(taken.join("\n"));
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
    throw new PortTaken(`Nothing can listen on ${host}, port ${port}: ${message}.`);
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

import { randomInt } from "node:crypto";
import { freePort } from "../../dev/embedded/ports.ts";

/**
 * A free port below those that systems give to outgoing connections, of which a run has thousands: one of them
 * would now and then take the port between here and the moment when a server listens on it.
 */
export const quietPort = (): Promise<number> => freePort(randomInt(15_000, 32_000));

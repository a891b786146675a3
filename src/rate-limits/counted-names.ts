import type { IncomingMessage } from "node:http";
import type { Caller } from "../auth/caller.ts";
import { type AddressOf, networkOf } from "./client-address.ts";

/**
 * Under which name a caller's calls are counted: the user of a good token, else the network that the request came from.
 * Staff is not counted: a service asks for everybody, and whoever has an admin's token can do worse than ask often.
 */
export const countedNames =
  (addressOf: AddressOf) =>
  (caller: Caller, request: IncomingMessage): string | undefined => {
    if (caller.isKnown) return caller.isStaff ? undefined : `user:${caller.id}`;
    const address = addressOf(request);
    return address && `from:${networkOf(address)}`;
  };

import { Socket } from "node:net";
import type { Gate } from "../support/gate.ts";

/** What is refused at once: nobody listens there. */
const NOBODY = 1;
/** Ports of a stretch that `fetch` asks at all: it refuses those of other protocols. */
const FIRST_NAME = 640;
const NAMES = 340;

/** A way that can be shut, as a gate can. */
export type Way = Omit<Gate, "hold">;

interface Led {
  target: number | (() => number);
  isShut: boolean;
  sockets: Set<Socket>;
}

const ways = new Map<number, Led>();
const connect = Socket.prototype.connect;
let named = 0;

/**
 * A gate for connections that this process makes, which costs them nothing: instead of being passed on they are led to
 * another port as they are made. Its port is a name that only this process knows.
 */
export function openWay(target: number | (() => number)): Way {
  const way: Led = { target, isShut: false, sockets: new Set() };
  const port = FIRST_NAME + (named++ % NAMES);
  ways.set(port, way);
  Socket.prototype.connect = connectOnWay as typeof connect;
  const cut = () => {
    for (const socket of way.sockets) socket.destroy(connectionReset());
  };
  return {
    port,
    open: () => {
      way.isShut = false;
    },
    shut: () => {
      way.isShut = true;
      cut();
    },
    close: async () => {
      cut();
      ways.delete(port);
      if (ways.size === 0) Socket.prototype.connect = connect;
    },
  };
}

const connectionReset = () => Object.assign(new Error("the way was shut"), { code: "ECONNRESET" });

type Options = { port?: number | string; host?: string };

function connectOnWay(this: Socket, ...args: unknown[]): Socket {
  const [first] = args;
  if (typeof first === "number") return call(this, [lead(this, first), ...args.slice(1)]);
  // Node's own callers give an array that carries a mark, whose first entry are the options
  if (Array.isArray(first)) {
    const marked = Object.assign([], first, { 0: led(this, first[0]) });
    return call(this, [marked, ...args.slice(1)]);
  }
  return call(this, [led(this, first as Options), ...args.slice(1)]);
}

const call = (socket: Socket, args: unknown[]) => Reflect.apply(connect, socket, args) as Socket;

function led<T extends Options>(socket: Socket, options: T): T {
  return options?.port ? { ...options, port: lead(socket, Number(options.port)) } : options;
}

function lead(socket: Socket, port: number): number {
  const way = ways.get(port);
  if (!way) return port;
  if (way.isShut) return NOBODY;
  way.sockets.add(socket);
  socket.once("close", () => way.sockets.delete(socket));
  return typeof way.target === "number" ? way.target : way.target();
}

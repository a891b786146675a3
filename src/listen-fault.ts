import { type Config, ConfigError } from "./config.ts";

/** What is wrong with HOST or the port's variable when the system does not let us listen there; other errors stay as they are. */
export function listenFault(
  error: NodeJS.ErrnoException,
  { host, port }: Pick<Config, "host" | "port">,
  variable = "PORT",
): Error {
  if (error.code === "EADDRINUSE")
    return new ConfigError([
      `${variable} is ${port}, which another program listens on: stop that one, or set another`,
    ]);
  if (error.code === "EACCES")
    return new ConfigError([`${variable} is ${port}, which this user may not listen on: set one above 1023`]);
  if (/^(EADDRNOTAVAIL|ENOTFOUND|EAI_AGAIN|EINVAL)$/.test(error.code ?? ""))
    return new ConfigError([`HOST is ${host}, which is no address of this machine: set one that it has`]);
  return error;
}

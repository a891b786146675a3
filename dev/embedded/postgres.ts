import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Client } from "pg";
import { clusterIn, ensureCluster } from "./initdb.ts";
import { FolderInUse, holdLock } from "./lock.ts";
import { assertPortsFree, freePort } from "./ports.ts";
import { type Account, databaseAccount } from "./postgres-account.ts";
import { type Binaries, binariesFor } from "./postgres-binaries.ts";
import { choosePlace, knownPlace, postgresHome } from "./postgres-place.ts";
import {
  disarmPidFile,
  findPostmaster,
  launchPostmaster,
  StartFailed,
  stopPostmaster,
  untilReady,
} from "./postmaster.ts";
import { randomSecret, recall, recallOr, remember } from "./remembered.ts";

/** How {@link startPostgres} should start. */
export interface PostgresOptions {
  /** DATA_DIR: everything is kept in its `postgres` folder, or found by a pointer there. */
  readonly dataDir: string;
  /** A port it must have; without one it takes a free port and prefers it from then on. */
  readonly port?: number;
  /** The database, made when it is not there. */
  readonly name?: string;
  readonly user?: string;
  /** Taken for a new cluster; without one a random password is kept in DATA_DIR. */
  readonly password?: string;
  /** False: faster, not safe from a power cut, and with room for many services at once. For tests. */
  readonly durable?: boolean;
  readonly log?: (line: string) => void;
}

/** A running PostgreSQL of our own. */
export interface Postgres {
  /** postgresql://… to the database, with the password. */
  readonly url: string;
  /** The same to the database `postgres`, for making others. */
  readonly adminUrl: string;
  readonly port: number;
  /** The folder with the cluster and the server's log. */
  readonly place: string;
  /** Stops the server, also one that an earlier process had left behind. Twice is the same as once. */
  stop(): Promise<void>;
}

const RETRY_MS = 250;
const RETRIES = 40;
const SETTINGS = {
  listen_addresses: "127.0.0.1",
  unix_socket_directories: "",
  timezone: "UTC",
  log_timezone: "UTC",
  log_checkpoints: "off",
};
// What is committed still survives a kill -9, only not a power cut.
const NOT_DURABLE = { fsync: "off", full_page_writes: "off", max_connections: "400" };

/**
 * Starts a real PostgreSQL on the loopback address, with data that stay: as root or as an ordinary user,
 * the first time or again, after a kill -9 of its owner (a server still running is used again) or of itself.
 * @throws FolderInUse when another live process has this DATA_DIR, PortTaken, StartFailed, or an Error
 * that says what is missing.
 */
export async function startPostgres(options: PostgresOptions): Promise<Postgres> {
  const home = await postgresHome(resolve(options.dataDir));
  const releases = [holdLock(join(home, "lock"), "PostgreSQL")];
  const release = () => {
    for (const free of releases.splice(0)) free();
  };
  try {
    const account = await databaseAccount(clusterIn(await knownPlace(home)));
    const place = await choosePlace(home, account);
    // A copied DATA_DIR points to the same place as its original.
    if (place !== home) releases.push(holdLock(join(place, "lock"), "PostgreSQL"));
    const server = new Server(options, home, place, account);
    const { pid, port } = await server.run();
    return { ...(await server.addresses(port)), port, place, stop: stopOnce(pid, release) };
  } catch (error) {
    release();
    throw error;
  }
}

/**
 * The same, or else the server of another process that has this DATA_DIR, used along with it: stopping does nothing.
 * @throws as {@link startPostgres}; FolderInUse when that process has no server to use (yet)
 */
export async function shareOrStartPostgres(options: PostgresOptions): Promise<Postgres> {
  try {
    return await startPostgres(options);
  } catch (error) {
    const shared = error instanceof FolderInUse ? await sharePostgres(options) : undefined;
    if (shared) return shared;
    throw error;
  }
}

async function sharePostgres(options: PostgresOptions): Promise<Postgres | undefined> {
  const home = await postgresHome(resolve(options.dataDir));
  const place = await knownPlace(home);
  const running = await findPostmaster(clusterIn(place));
  if (!running || !(await untilReady(clusterIn(place), () => running.pid))) return undefined;
  const { port } = running;
  const addresses = await new Server(options, home, place, undefined).addresses(port);
  return { ...addresses, port, place, stop: async () => {} };
}

function stopOnce(pid: number, release: () => void): () => Promise<void> {
  let stopped: Promise<void> | undefined;
  return () => {
    stopped ??= stopPostmaster(pid).finally(release);
    return stopped;
  };
}

class Server {
  private readonly user: string;
  private readonly log: (line: string) => void;
  private readonly cluster: string;

  constructor(
    private readonly options: PostgresOptions,
    private readonly home: string,
    private readonly place: string,
    private readonly account: Account | undefined,
  ) {
    this.user = options.user ?? "postgres";
    this.log = options.log ?? (() => {});
    this.cluster = clusterIn(place);
  }

  /** The orphan of an earlier run, or a new server. */
  async run(): Promise<{ pid: number; port: number }> {
    const orphan = await this.adoptOrphan();
    if (orphan) return orphan;
    const binaries = await binariesFor(this.account);
    const { place, account, user, options } = this;
    const password = await this.password();
    await ensureCluster(
      { place, binaries, account, user, password, durable: options.durable !== false },
      this.log,
    );
    return await this.start(binaries);
  }

  private async adoptOrphan() {
    const orphan = await findPostmaster(this.cluster);
    if (!orphan) return undefined;
    const fits = !this.options.port || this.options.port === orphan.port;
    if (fits && (await untilReady(this.cluster, () => orphan.pid)) && (await this.answers(orphan.port))) {
      this.log(`PostgreSQL was still running as process ${orphan.pid}: used again`);
      return orphan;
    }
    await stopPostmaster(orphan.pid);
    return undefined;
  }

  private async start(binaries: Binaries): Promise<{ pid: number; port: number }> {
    const { cluster, account, options } = this;
    const remembered = join(this.home, "port");
    const settings = { ...SETTINGS, ...(options.durable === false && NOT_DURABLE) };
    const log = join(this.place, "server.log");
    if (options.port) await assertPortsFree({ port: options.port, name: "PostgreSQL", variable: "its port" });
    for (let attempt = 1; ; attempt++) {
      await disarmPidFile(cluster);
      const port = options.port ?? (await freePort(Number(await recall(remembered)) || undefined));
      try {
        const pid = await launchPostmaster({
          program: binaries.postgres,
          cluster,
          port,
          account,
          log,
          settings,
        });
        await remember(remembered, `${port}`);
        return { pid, port };
      } catch (error) {
        if (attempt === RETRIES || !isPassing(error)) throw withAdvice(error, log);
        await sleep(RETRY_MS);
      }
    }
  }

  /** Makes the database when it is not there. */
  async addresses(port: number): Promise<{ url: string; adminUrl: string }> {
    const name = this.options.name ?? "payment_service";
    const adminUrl = await this.url(port, "postgres");
    await withClient(adminUrl, async (client) => {
      const found = await client.query("select 1 from pg_database where datname = $1", [name]);
      if (found.rowCount === 0) await client.query(`create database ${client.escapeIdentifier(name)}`);
    });
    return { url: await this.url(port, name), adminUrl };
  }

  private async answers(port: number): Promise<boolean> {
    const url = await this.url(port, "postgres");
    return await withClient(url, (client) => client.query("select 1")).then(
      () => true,
      () => false,
    );
  }

  private async url(port: number, database: string): Promise<string> {
    const login = `${encodeURIComponent(this.user)}:${encodeURIComponent(await this.password())}`;
    return `postgresql://${login}@127.0.0.1:${port}/${encodeURIComponent(database)}`;
  }

  private async password(): Promise<string> {
    return await recallOr(join(this.home, "password"), () => this.options.password ?? randomSecret());
  }
}

/** Faults that pass: the port was taken in between, or parts of a killed server are still ending. */
const isPassing = (error: unknown) =>
  error instanceof StartFailed &&
  /Address already in use|could not bind|pre-existing shared memory block/.test(error.reason);

function withAdvice(error: unknown, log: string): unknown {
  if (!(error instanceof StartFailed)) return error;
  return new StartFailed(
    `${error.reason}\nIts log is ${log}. Removing DATA_DIR begins anew, without the data.`,
  );
}

async function withClient<T>(url: string, use: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 5_000 });
  client.on("error", () => {}); // a cut connection also fails the query
  await client.connect();
  try {
    return await use(client);
  } finally {
    await client.end();
  }
}

// A process of its own that starts an embedded part, tells its address in one line of JSON and keeps it
// until SIGTERM: something to kill -9. `node owner.js postgres|redis DATA_DIR`
import { startPostgres } from "../../dev/embedded/postgres.ts";
import { startRedis } from "../../dev/embedded/redis.ts";

const [kind, dataDir = ""] = process.argv.slice(2);
const part =
  kind === "redis" ? await startRedis({ dataDir }) : await startPostgres({ dataDir, durable: false });
process.once("SIGTERM", async () => {
  await part.stop();
  process.exit(0);
});
console.log(JSON.stringify(part));
setInterval(() => {}, 60_000);

// Migrates the database and seeds the four plans; twice is the same as once. Plain JavaScript, so that
// `node scripts/setup-database.js` works as documented: it builds first when nothing is built yet.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

const HELP = `npm run db:setup   (or: node scripts/setup-database.js)

Brings the database named by DATABASE_URL (or POSTGRES_HOST, …) to today's schema and adds the plans that are
missing. In development without either, the embedded PostgreSQL is used.`;

const root = fileURLToPath(new URL("..", import.meta.url));
const program = new URL("../dist/scripts/setup-database-main.js", import.meta.url);
const node = fileURLToPath(new URL("../node_modules/node/bin/node", import.meta.url));

if (process.argv.includes("--help")) {
  console.log(HELP);
} else {
  if (!existsSync(program)) {
    const built = spawnSync(process.execPath, ["node_modules/typescript/bin/tsc", "-p", "tsconfig.json"], {
      cwd: root,
      stdio: "inherit",
    });
    if (built.status !== 0) process.exit(built.status ?? 1);
  }
  // whatever node started this, the program runs on the version that the project pins
  const runtime = existsSync(node) ? node : process.execPath;
  const ran = spawnSync(runtime, [fileURLToPath(program)], { stdio: "inherit" });
  process.exitCode = ran.status ?? 1;
}

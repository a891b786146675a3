// Migrates the database and seeds the four plans; twice is the same as once. Plain JavaScript, so that
// `node scripts/setup-database.js` works as documented: it builds first when the sources are newer than what is built.
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, statSync } from "node:fs";
import { fileURLToPath } from "node:url";

const HELP = `npm run db:setup   (or: node scripts/setup-database.js)

Brings the database named by DATABASE_URL (or POSTGRES_HOST, …) to today's schema and adds the plans that are
missing. In development without either, the embedded PostgreSQL is used.`;

const root = fileURLToPath(new URL("..", import.meta.url));
const program = fileURLToPath(new URL("../dist/scripts/setup-database-main.js", import.meta.url));
const node = fileURLToPath(new URL("../node_modules/node/bin/node", import.meta.url));
const compiler = fileURLToPath(new URL("../node_modules/typescript/bin/tsc", import.meta.url));
const SOURCES = ["src", "migrations", "scripts"];

/** When a source was last changed; a file that was deleted shows in the time of its folder. */
function newestSource() {
  const times = SOURCES.map((name) => fileURLToPath(new URL(`../${name}/`, import.meta.url)))
    .filter((folder) => existsSync(folder))
    .flatMap((folder) => [folder, ...readdirSync(folder, { recursive: true }).map((name) => folder + name)])
    .map((path) => statSync(path).mtimeMs);
  return Math.max(0, ...times);
}

function buildIfStale() {
  const built = existsSync(program) ? statSync(program).mtimeMs : 0;
  if (newestSource() <= built) return;
  if (!existsSync(compiler)) {
    if (!built)
      throw new Error("nothing is built, and there is no compiler to build it: npm ci && npm run build");
    // a production image has none, and copying may have changed the times
    console.error(`the sources are newer than the build of ${new Date(built).toISOString()}, which is used`);
    return;
  }
  const done = spawnSync(process.execPath, [compiler, "-p", "tsconfig.json"], {
    cwd: root,
    stdio: "inherit",
  });
  if (done.status !== 0) process.exit(done.status ?? 1);
}

if (process.argv.includes("--help")) {
  console.log(HELP);
} else {
  buildIfStale();
  // whatever node started this, the program runs on the version that the project pins
  const runtime = existsSync(node) ? node : process.execPath;
  const ran = spawnSync(runtime, [program], { stdio: "inherit" });
  process.exitCode = ran.status ?? 1;
}

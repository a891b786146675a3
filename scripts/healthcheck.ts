// Whether the service in this container lives: for Docker's HEALTHCHECK. Kubernetes asks by itself.
const HELP = `node dist/scripts/healthcheck.js

Exits with 0 while the service on this machine's PORT (3004) says that it lives, else with 1.`;

const WITHIN_MS = 2_500;

async function lives(): Promise<boolean> {
  const url = `http://127.0.0.1:${process.env.PORT || 3004}/health/liveness`;
  try {
    return (await fetch(url, { signal: AbortSignal.timeout(WITHIN_MS) })).ok;
  } catch {
    return false;
  }
}

if (process.argv.includes("--help")) console.log(HELP);
else process.exitCode = (await lives()) ? 0 : 1;

import { type Browser, chromium } from "playwright-core";
import { isProgram, programOnPath } from "../../dev/embedded/programs.ts";

const NAMES = ["chromium", "chromium-browser", "google-chrome"];
const QUIET = [
  "--no-sandbox", // the suite may run as root
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** The machine's Chromium; undefined when it has none. */
export function chromiumPath(): string | undefined {
  const found = NAMES.map((name) => programOnPath(name)).find(Boolean);
  return found ?? (isProgram("/usr/bin/chromium") ? "/usr/bin/chromium" : undefined);
}

/** A real browser without a window that talks to nobody by itself. Close it when done. @throws Error without Chromium. */
export async function openBrowser(): Promise<Browser> {
  const executablePath = chromiumPath();
  if (!executablePath) throw new Error("There is no Chromium: `npm test -- --install` installs it.");
  return await chromium.launch({ executablePath, headless: true, args: QUIET });
}

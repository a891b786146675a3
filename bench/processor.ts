import { readdirSync, readFileSync } from "node:fs";

const TICKS_A_SECOND = 100;

/** What Linux tells of a process; nothing of one that has ended. */
function stat(pid: number | string): string[] {
  try {
    return readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
  } catch {
    return [];
  }
}

const seconds = (fields: string[], ...at: number[]) =>
  at.reduce((sum, index) => sum + Number(fields[index] ?? 0), 0) / TICKS_A_SECOND;

/** Seconds of processor time that a process has used. */
export const cpuOf = (pid: number | string): number => seconds(stat(pid), 11, 12);

/** Microseconds of processor time that a process has used, as the scheduler counts them. */
export const scheduledCpu = (pid: number): number =>
  Number(readFileSync(`/proc/${pid}/schedstat`, "utf8").split(" ")[0]) / 1_000;

/** Seconds that all processes of the PostgreSQL server of a backend have used, also those that have ended. */
export function postgresCpu(backendPid: number): number {
  const server = stat(backendPid)[1] ?? "";
  const running = readdirSync("/proc").filter((name) => /^\d+$/.test(name) && stat(name)[1] === server);
  const ended = seconds(stat(server), 13, 14);
  return running.reduce((sum, pid) => sum + cpuOf(pid), ended);
}

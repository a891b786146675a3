const WIDTH = 24;
const isTerminal = process.stderr.isTTY === true;

/** One line that tells how far a long piece of work has come; drawn on a terminal only, and to stderr. */
export class Progress {
  private drawnAt = 0;

  constructor(private readonly label: string) {}

  /** @param total null while nobody knows it */
  show(done: number, total: number | null, what = ""): void {
    const now = Date.now();
    if (!isTerminal || (now - this.drawnAt < 100 && done !== total)) return;
    this.drawnAt = now;
    const share = total ? Math.min(1, done / total) : 0;
    const filled = Math.round(share * WIDTH);
    const bar = total === null ? "" : ` ${"█".repeat(filled)}${"░".repeat(WIDTH - filled)}`;
    const count = total === null ? `${done}` : `${done}/${total}`;
    process.stderr.write(`\r\u001b[K${this.label}${bar} ${count} ${what}`.slice(0, 120));
  }

  /** Takes the line away, before anything else is printed. */
  end(): void {
    if (isTerminal) process.stderr.write("\r\u001b[K");
  }
}

/** Rows under headings, the columns as wide as they have to be; numbers to the right. */
export function table(headings: string[], rows: (string | number)[][]): string {
  const all = [headings, ...rows];
  const widths = headings.map((_, column) => Math.max(...all.map((row) => String(row[column] ?? "").length)));
  const line = (row: (string | number)[]) =>
    widths
      .map((width, column) => {
        const cell = row[column] ?? "";
        return typeof cell === "number" ? String(cell).padStart(width) : cell.padEnd(width);
      })
      .join("  ")
      .trimEnd();
  return [line(headings), widths.map((width) => "─".repeat(width)).join("  "), ...rows.map(line)].join("\n");
}

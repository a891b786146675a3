import { createHmac, timingSafeEqual } from "node:crypto";
import { LinkExpired, NotFound } from "../errors.ts";

/** What of an invoice can be opened: the page where it is shown and paid, and the file. */
export type InvoiceView = "page" | "pdf";

/** For how long a link leads somewhere, on real time as tokens do. */
export const LINK_SECONDS = 300;

/**
 * Links of ours to an invoice at the provider. Whoever has one can open it: they are given to the invoice's owner
 * alone, and live five minutes. Nothing is stored, so any replica honours what another has given.
 */
export class InvoiceLinks {
  /**
   * @param secrets the first signs; any of them is good, while one is being rolled
   * @param publicUrl where browsers reach the service; without it there are no links
   */
  constructor(
    private readonly secrets: readonly string[],
    private readonly publicUrl: string | undefined,
    private readonly nowMs: () => number = Date.now,
  ) {}

  to(view: InvoiceView, invoiceId: string): string | null {
    if (!this.publicUrl) return null;
    const expiresAt = String(Math.floor(this.nowMs() / 1000) + LINK_SECONDS);
    const token = `${expiresAt}.${signed(this.secrets[0] as string, view, invoiceId, expiresAt)}`;
    return `${this.publicUrl}/invoices/${invoiceId}/${view}?token=${token}`;
  }

  /** @throws NotFound for a token that is not ours for this view of this invoice, LinkExpired for one that was */
  assertGood(view: InvoiceView, invoiceId: string, token: unknown): void {
    const [, expiresAt, signature] = (typeof token === "string" && TOKEN.exec(token)) || [];
    // first the signature: of a token that is not ours nothing is told, not even that it is old
    const isOurs = (secret: string) =>
      expiresAt && signature && isSame(signature, signed(secret, view, invoiceId, expiresAt));
    if (!this.secrets.some(isOurs)) throw new NotFound("link");
    if (Number(expiresAt) * 1000 <= this.nowMs()) throw new LinkExpired();
  }
}

const signed = (secret: string, ...what: [InvoiceView, invoiceId: string, expiresAt: string]) => {
  const [view, invoiceId, expiresAt] = what;
  return createHmac("sha256", secret)
    .update(JSON.stringify([invoiceId, view, expiresAt]))
    .digest("base64url");
};

const TOKEN = /^(\d{1,12})\.([\w-]{43})$/;

/** In constant time; both have the length of a signature. */
const isSame = (given: string, due: string) => timingSafeEqual(Buffer.from(given), Buffer.from(due));

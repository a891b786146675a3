import { createHash } from "node:crypto";
import type { HttpReply } from "../http.ts";
import { Html, html } from "./html.ts";
import { STYLE } from "./style.ts";

const hashes = new Map<string, string>();

/** How a policy names a style that it allows. */
function hashOf(style: string): string {
  const hash = hashes.get(style) ?? `'sha256-${createHash("sha256").update(style).digest("base64")}'`;
  hashes.set(style, hash);
  return hash;
}

/** The origins a form may end at: browsers check redirects after a form's submission, too. */
function formTargets(urls: (string | null | undefined)[]): string {
  const origins = urls.flatMap((url) => {
    if (!url || !URL.canParse(url)) return [];
    const { origin, protocol } = new URL(url);
    return [origin === "null" ? protocol : origin];
  });
  return ["'self'", ...new Set(origins)].join(" ");
}

export interface Page {
  title: string;
  body: Html;
  status?: number;
  /** What this page's style has beyond that of all pages. */
  style?: string;
  /** Where this page's forms may lead to besides the sandbox itself. */
  leadsTo?: (string | null | undefined)[];
}

/** A whole page in the layout that all pages share. Loads nothing, runs no script, is never framed. */
export function page({ title, body, status = 200, style = "", leadsTo = [] }: Page): HttpReply {
  const styles = STYLE + style;
  const document = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>${title}</title>
<link rel="icon" href="data:,">
<style>${new Html(styles)}</style>
</head>
<body>
<main>
${body}
<footer><span class="badge">Test mode</span> Stripe sandbox: no real money moves here.</footer>
</main>
</body>
</html>
`;
  return {
    status,
    headers: {
      "content-type": "text/html; charset=utf-8",
      "cache-control": "no-store",
      "content-security-policy": `default-src 'none'; style-src ${hashOf(styles)}; img-src data:; form-action ${formTargets(leadsTo)}; frame-ancestors 'none'; base-uri 'none'`,
      "referrer-policy": "same-origin",
      "x-content-type-options": "nosniff",
    },
    body: document.text,
  };
}

/** A short page that says one thing. */
export function notice(
  title: string,
  text: string,
  status = 200,
  link?: { url: string; text: string },
): HttpReply {
  return page({
    title,
    status,
    body: html`<div class="sheet narrow center"><div>
<h1>${title}</h1>
<p class="soft">${text}</p>
${link && html`<p><a href="${link.url}">${link.text}</a></p>`}
</div></div>`,
  });
}

/** Goes on to another page after a form was sent. */
export function redirect(url: string): HttpReply {
  return { status: 303, headers: { location: url, "cache-control": "no-store" }, body: "" };
}

/** The style of every page: readable, responsive, light and dark, nothing loaded from elsewhere. */
export const STYLE = `
:root{color-scheme:light dark;--ink:#1a1f36;--soft:#5c6478;--line:#d9dde6;--paper:#fff;--ground:#f5f6fa;--brand:#3b4fd8;--brand-ink:#fff;--bad:#b3261e;--bad-ground:#fdecea;--good:#14713d}
@media (prefers-color-scheme:dark){:root{--ink:#eceef6;--soft:#a3abc2;--line:#3a4059;--paper:#1f2437;--ground:#151929;--brand:#7f90ff;--brand-ink:#0d1020;--bad:#ffb4ab;--bad-ground:#4a1f1c;--good:#7fd8a4}}
*{box-sizing:border-box}
body{margin:0;background:var(--ground);color:var(--ink);font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif}
main{max-width:60rem;margin:0 auto;padding:clamp(1rem,4vw,3.5rem) 1rem 2rem}
.sheet{display:grid;gap:2.5rem;background:var(--paper);border:1px solid var(--line);border-radius:16px;padding:clamp(1.25rem,4vw,3rem)}
@media (min-width:50rem){.sheet.two{grid-template-columns:1fr 1.1fr}}
.narrow{max-width:32rem;margin:0 auto}
h1{font-size:1.25rem;font-weight:600;margin:0 0 .25rem}
h2{font-size:1rem;font-weight:600;margin:0 0 1rem}
p{margin:0 0 .75rem}
.amount{font-size:2.25rem;font-weight:700;line-height:1.2;margin:0 0 1.25rem;letter-spacing:-.02em}
.amount small{font-size:1rem;font-weight:400;color:var(--soft);letter-spacing:0}
.soft{color:var(--soft)}
table{width:100%;border-collapse:collapse;font-size:.9375rem}
td,th{padding:.5rem 0;border-top:1px solid var(--line);text-align:left;vertical-align:top;font-weight:400}
td:last-child,th:last-child{text-align:right;white-space:nowrap;padding-left:1rem}
tfoot td,tfoot th{font-weight:600}
label{display:block;font-size:.875rem;font-weight:500;margin-bottom:.3rem}
.field{margin-bottom:1rem}
.row{display:grid;grid-template-columns:1fr 1fr;gap:1rem}
input{width:100%;font:inherit;color:inherit;background:transparent;padding:.65rem .75rem;border:1px solid var(--line);border-radius:8px}
input:focus-visible,button:focus-visible,a:focus-visible,summary:focus-visible{outline:3px solid var(--brand);outline-offset:1px}
button{width:100%;font:inherit;font-weight:600;cursor:pointer;padding:.8rem 1rem;border-radius:8px;border:1px solid var(--brand);background:var(--brand);color:var(--brand-ink)}
button:hover{filter:brightness(1.08)}
button.plain{background:transparent;color:var(--brand)}
.actions{display:grid;gap:.75rem;margin-top:.5rem}
a{color:var(--brand)}
.center{text-align:center}
.error{background:var(--bad-ground);color:var(--bad);border-radius:8px;padding:.7rem .9rem;margin:0 0 1rem}
.badge{display:inline-block;border:1px solid currentColor;border-radius:99px;padding:0 .6rem;font-size:.75rem;font-weight:600;color:var(--soft)}
.good{color:var(--good)}
details{margin-top:1.5rem;font-size:.8125rem;color:var(--soft)}
summary{cursor:pointer}
code{font:inherit;font-family:ui-monospace,SFMono-Regular,Menlo,monospace}
footer{margin-top:1.25rem;font-size:.8125rem;color:var(--soft);text-align:center}
`;

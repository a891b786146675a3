/** The style of every page: readable, responsive, light and dark, nothing loaded from elsewhere. */
export const STYLE = `
:root{color-scheme:light dark;--ink:#1a1f36;--soft:#5a6277;--line:#dfe3ec;--edge:#8a92a8;--paper:#fff;--tint:#f7f8fc;--ground:#eef0f6;--brand:#3b4fd8;--brand-ink:#fff;--bad:#b3261e;--bad-ground:#fdecea;--good:#14713d}
@media (prefers-color-scheme:dark){:root{--ink:#eceef6;--soft:#a9b1c7;--line:#343b55;--edge:#727b96;--paper:#1d2233;--tint:#181c2b;--ground:#10131f;--brand:#8c9bff;--brand-ink:#0d1020;--bad:#ffb4ab;--bad-ground:#4a1f1c;--good:#7fd8a4}}
*{box-sizing:border-box}
body{margin:0;background:var(--ground);color:var(--ink);font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;overflow-wrap:anywhere}
main{max-width:62rem;margin:0 auto;padding:clamp(1rem,4vw,3.5rem) 1rem 2rem}
.sheet{display:grid;background:var(--paper);border:1px solid var(--line);border-radius:16px;overflow:hidden;box-shadow:0 12px 32px -18px rgb(20 24 50/.35)}
.sheet>*{padding:clamp(1.25rem,4vw,2.5rem);min-width:0}
.order-side{background:var(--tint)}
@media (min-width:52rem){.sheet.two{grid-template-columns:1fr 1.1fr}.sheet.two .order-side{border-right:1px solid var(--line)}}
@media (max-width:51.99rem){.sheet.two .order-side{border-bottom:1px solid var(--line)}}
.narrow{max-width:34rem;margin:0 auto}
.stack{display:grid;gap:1.25rem}
h1{font-size:1.125rem;font-weight:600;margin:0 0 .25rem}
h1+form,h1+.order{margin-top:.75rem}
h2{font-size:1rem;font-weight:600;margin:0 0 1rem}
p{margin:0 0 .75rem}
.amount{font-size:2.25rem;font-weight:700;line-height:1.2;margin:0 0 1.25rem;letter-spacing:-.02em}
.amount small{font-size:1rem;font-weight:400;line-height:1.5;color:var(--soft);letter-spacing:0}
.amount small.then{display:block;margin-top:.35rem}
.amount .badge{letter-spacing:0;vertical-align:middle}
.soft{color:var(--soft);font-size:.9375rem}
.back{color:var(--soft);text-decoration:none;font-size:.9375rem}
.back:hover{color:var(--ink);text-decoration:underline}
table{width:100%;border-collapse:collapse;font-size:.9375rem}
td,th{padding:.65rem 0;border-top:1px solid var(--line);text-align:left;vertical-align:top;font-weight:400}
td:last-child,th:last-child{text-align:right;padding-left:1rem}
.order td:last-child{white-space:nowrap;font-variant-numeric:tabular-nums}
.order tbody th{font-weight:500}
.order th .soft{font-weight:400;font-size:.875rem}
.order tbody tr:first-child>*{border-top:0}
.total>*{font-weight:600;border-top-color:var(--edge)}
label,.label{font-size:.875rem;font-weight:500}
.field{margin-bottom:1rem}
.field label{display:block;margin-bottom:.3rem}
.row{display:grid;grid-template-columns:1fr 1fr;gap:1rem;align-items:start}
input,select,textarea{width:100%;font:inherit;color:inherit;background:var(--paper);padding:.65rem .75rem;border:1px solid var(--edge);border-radius:8px}
input::placeholder{color:var(--soft);opacity:.75}
input[aria-invalid]{border-color:var(--bad);box-shadow:0 0 0 1px var(--bad)}
input[type=radio],input[type=checkbox]{width:auto;margin:.3rem .6rem 0 0;accent-color:var(--brand)}
input:focus-visible,select:focus-visible,textarea:focus-visible,button:focus-visible,a:focus-visible,summary:focus-visible{outline:3px solid var(--brand);outline-offset:1px}
input[aria-invalid]:focus-visible{outline-color:var(--bad)}
button,.button{display:inline-block;width:100%;font:inherit;font-weight:600;cursor:pointer;padding:.75rem 1rem;border-radius:8px;border:1px solid var(--brand);background:var(--brand);color:var(--brand-ink);text-align:center;text-decoration:none}
button:hover,.button:hover{filter:brightness(1.08)}
button.plain,.button.plain{background:transparent;color:var(--brand)}
button.danger,.button.danger{background:transparent;color:var(--bad);border-color:var(--bad)}
button.small,.button.small{width:auto;padding:.35rem .8rem;font-size:.875rem}
button.link{width:auto;padding:0;border:0;background:none;color:var(--brand);font-weight:400;font-size:.875rem;text-decoration:underline}
.actions{display:grid;gap:.75rem;margin-top:.5rem}
.actions p{margin:0}
.buttons{display:flex;flex-wrap:wrap;gap:.5rem;margin:.5rem 0 0}
.buttons form{display:contents}
form.inline{display:inline-flex;flex-wrap:wrap;align-items:center;gap:.5rem}
.order tbody form.inline{margin-top:.4rem}
form.inline label{font-weight:400;color:var(--soft)}
form.inline input[type=number]{width:4.5rem;padding:.25rem .5rem}
.or{display:flex;align-items:center;gap:.75rem;color:var(--soft);margin:1rem 0}
.or::before,.or::after{content:"";flex:1;border-top:1px solid var(--line)}
a{color:var(--brand)}
.center{text-align:center}
.error{background:var(--bad-ground);color:var(--bad);border-radius:8px;padding:.6rem .8rem;margin:0 0 1rem;font-size:.9375rem}
.field .error{margin:.4rem 0 0}
.notice{background:var(--tint);border:1px solid var(--line);border-left:4px solid var(--good);border-radius:8px;padding:.6rem .8rem;margin:0 0 1.25rem}
.badge{display:inline-block;border:1px solid currentColor;border-radius:99px;padding:.05rem .6rem;font-size:.75rem;line-height:1.5;font-weight:600;color:var(--soft)}
.good{color:var(--good)}
.bad{color:var(--bad)}
.part{margin-top:2rem}
.part h2{padding-bottom:.5rem;margin-bottom:.75rem;border-bottom:1px solid var(--line)}
fieldset{border:0;margin:0 0 1rem;padding:0}
legend{font-size:.875rem;font-weight:500;padding:0;margin-bottom:.5rem}
thead th{color:var(--soft);font-size:.875rem;border-top:0}
.list{list-style:none;margin:0;padding:0}
.list>li{padding:.9rem 0;border-top:1px solid var(--line)}
.list>li:first-child{border-top:0;padding-top:0}
.field .choice,.choice{display:flex;align-items:flex-start;padding:.75rem .9rem;border:1px solid var(--edge);border-radius:8px;margin-bottom:.6rem;font-weight:400;font-size:1rem;cursor:pointer}
.choice:has(input:checked){border-color:var(--brand);box-shadow:0 0 0 1px var(--brand)}
details{margin-top:1rem;font-size:.9375rem}
summary{cursor:pointer;color:var(--brand);padding:.2rem 0}
details.hints{font-size:.8125rem;color:var(--soft)}
details.hints summary{color:inherit}
details.hints table{font-size:inherit}
details.hints td,details.hints th{padding:.3rem 0}
details form{margin-top:.75rem}
code{font-family:ui-monospace,SFMono-Regular,Menlo,monospace;font-size:.9em}
footer{margin-top:1.25rem;font-size:.8125rem;color:var(--soft);text-align:center}
@media print{body{background:#fff}.sheet{border:0;box-shadow:none}footer,details,form{display:none}}
`;

/** What the sandbox's own page adds to the style that all pages share. */
export const INSPECTOR_STYLE = `
main{max-width:76rem;padding-top:clamp(1rem,2vw,2rem)}
.top{display:flex;flex-wrap:wrap;gap:.5rem 1.5rem;align-items:baseline;justify-content:space-between;margin-bottom:.75rem}
.top h1 a{color:inherit;text-decoration:none}
.top form.tools{margin:0;flex:0 1 20rem;flex-wrap:nowrap}
.hidden{position:absolute;clip-path:inset(50%);width:1px;height:1px;overflow:hidden;white-space:nowrap}
nav{display:flex;gap:.25rem;overflow-x:auto;border-bottom:1px solid var(--line);margin-bottom:1.25rem;scrollbar-width:thin}
nav a{padding:.5rem .75rem;color:var(--soft);text-decoration:none;white-space:nowrap;border-bottom:2px solid transparent;font-weight:500;font-size:.9375rem}
nav a:hover{color:var(--ink)}
nav a[aria-current]{color:var(--ink);border-color:var(--brand)}
.cards{display:grid;gap:1rem;grid-template-columns:minmax(0,1fr);margin-bottom:1rem}
@media (min-width:56rem){.cards.halves{grid-template-columns:repeat(2,minmax(0,1fr))}}
.card{background:var(--paper);border:1px solid var(--line);border-radius:12px;padding:1rem 1.25rem;min-width:0}
.card>h2{margin-bottom:.5rem}
.card>table{margin-top:.25rem}
.stack{display:grid;gap:1rem;align-content:start;min-width:0}
.split{display:grid;gap:1.25rem 2.25rem}
@media (min-width:56rem){.split{grid-template-columns:repeat(2,minmax(0,1fr))}}
.clock{font-size:clamp(1.125rem,5vw,1.5rem);font-weight:650;letter-spacing:-.01em;margin:0;font-variant-numeric:tabular-nums}
form.tools{display:flex;flex-wrap:wrap;gap:.5rem;align-items:end;margin:.75rem 0 0}
td form.tools{margin:0}
form.tools .field{margin:0;flex:1 1 9rem;max-width:20rem}
form.tools .field.short{flex:0 1 6rem}
.tools button{width:auto;white-space:nowrap;padding:.4rem .8rem;font-size:.875rem}
.tools input,.tools select{padding:.4rem .6rem;font-size:.9375rem;height:2.375rem}
.tools>button{min-height:2.375rem}
td .tools>button{min-height:0;padding:.05rem .6rem;font-size:.8125rem;white-space:nowrap}
table.rows{font-variant-numeric:tabular-nums;font-size:.875rem}
.rows th{color:var(--soft);font-size:.8125rem;font-weight:500;border-top:0;white-space:nowrap}
.rows td,.rows th{padding:.45rem .75rem .45rem 0}
.rows td:last-child,.rows th:last-child{text-align:left;white-space:normal;padding:.45rem 0}
.rows .money,.rows th.money{text-align:right;padding-right:1.5rem}
.rows code{font-size:.8125rem}
.rows td{overflow-wrap:anywhere}
.rows .soft{font-size:inherit}
.rows .tag+.soft{margin-right:.5rem}
.when{white-space:nowrap}
.tag{display:inline-block;border-radius:6px;padding:0 .5rem;font-size:.8125rem;font-weight:600;line-height:1.6;white-space:nowrap;background:color-mix(in srgb,var(--tone,var(--soft)) 14%,transparent);color:var(--tone,var(--soft))}
.tag.good{--tone:var(--good)}
.tag.bad{--tone:var(--bad)}
.tag.busy{--tone:var(--brand)}
.pager{display:flex;justify-content:space-between;gap:1rem;margin-top:.75rem;font-size:.9375rem}
.empty{color:var(--soft);padding:1.25rem 0;text-align:center}
pre{margin:0;overflow-x:auto;font:.8125rem/1.55 ui-monospace,SFMono-Regular,Menlo,monospace;white-space:pre-wrap;overflow-wrap:anywhere}
.facts{display:grid;grid-template-columns:max-content minmax(0,1fr);gap:.25rem 1rem;margin:0;font-size:.9375rem}
.facts dt{color:var(--soft)}
.facts dd{margin:0;overflow-wrap:anywhere}
@media (max-width:44rem){
.card{padding:.9rem 1rem}
table.rows thead,.rows td.none{display:none}
table.rows,.rows tbody,.rows tr,.rows td{display:block}
.rows tr{border-top:1px solid var(--line);padding:.5rem 0}
.rows tbody tr:first-child{border-top:0}
.rows td,.rows td:last-child{border:0;padding:.1rem 0}
.rows .money{text-align:left;padding-right:0}
.rows td[data-label]{display:grid;grid-template-columns:6.5rem minmax(0,1fr);gap:.75rem}
.rows td[data-label]::before{content:attr(data-label);color:var(--soft)}
}
`;

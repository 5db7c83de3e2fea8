/** The page of the dashboard. Colours, controls and cards are those of the chat. */
export const dashboard = `
:host {
  display: block; --ground: light-dark(#ffffff, #171b1f); 
}
h1 { margin: 0; font-size: 22px; line-height: 30px; font-weight: 650; overflow-wrap: anywhere; }
h2 { font-size: 15px; line-height: 22px; }
.page { min-height: 100dvh; display: flex; flex-direction: column; }
.bar-top {
  display: flex; align-items: center; gap: 10px; min-height: 52px; padding: 6px max(20px, env(safe-area-inset-right)) 6px max(20px, env(safe-area-inset-left));
  border-bottom: 1px solid var(--line); background: var(--ground);
}
.brand { display: inline-flex; align-items: center; gap: 8px; font-weight: 650; color: var(--text); text-decoration: none; min-height: 36px; }
.brand .icon { color: var(--accent); }
.machine { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; font-size: 13.5px; }
.connected { display: inline-flex; gap: 8px; align-items: center; font-size: 13px; }
main { flex: 1; width: 100%; max-width: 1180px; margin-inline: auto; padding: 20px max(20px, env(safe-area-inset-right)) 48px max(20px, env(safe-area-inset-left)); }
main:focus-visible { outline: none; }
.waiting { padding: 60px 0; text-align: center; }
.gate { display: grid; justify-items: center; gap: 12px; padding: 72px 20px; text-align: center; }
.gate p { max-width: 46ch; color: var(--faint); }
.gate .problem { color: var(--bad); }
.gate > .icon { color: var(--accent); }
.small { font-size: 13px; line-height: 20px; }
.headline { display: flex; flex-wrap: wrap; align-items: center; gap: 4px 12px; min-height: 34px; }

.apps { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 330px), 1fr)); gap: 14px; margin-top: 14px; }
.card { background: var(--ground); }
.app { position: relative; align-content: start; gap: 8px; }
.app.bad { border-color: light-dark(#e3b3af, #6d3a36); }
.app h2 { min-width: 0; overflow-wrap: anywhere; font-size: 16px; }
.app h2 a { color: var(--text); text-decoration: none; }
.app h2 a::after { content: ""; position: absolute; inset: 0; border-radius: var(--radius); }
.app:hover { border-color: var(--faint); }
.app h2 a:focus-visible { outline: none; }
.app:has(h2 a:focus-visible) { outline: 2px solid var(--accent); outline-offset: 2px; }
.live { display: flex; align-items: center; gap: 8px; font-size: 14px; white-space: nowrap; overflow: hidden; }
.live .icon { color: var(--faint); }
.doing { min-height: 32px; font-size: 13.5px; line-height: 22px; display: grid; gap: 4px; align-content: start; }
.doing p { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.figures { display: grid; grid-template-columns: repeat(4, 1fr); gap: 8px; padding-block: 8px; border-block: 1px solid var(--line); }
.figures dt { font-size: 12px; line-height: 16px; color: var(--faint); }
.figures dd { font-size: 14px; line-height: 20px; font-variant-numeric: tabular-nums; white-space: nowrap; }
.attention { display: flex; align-items: center; gap: 6px; font-size: 13px; line-height: 20px; }
.attention.wait { color: var(--wait); }

.app-page { display: grid; gap: 18px; min-width: 0; }
.app-page > * { min-width: 0; }
.back { justify-self: start; font-size: 13.5px; padding-block: 4px; }
.back::before { content: "‹ "; }
.addresses { display: inline-flex; flex-wrap: wrap; gap: 4px 14px; font-size: 14px; }
.addresses .icon { display: inline-block; vertical-align: -2px; }
section { display: grid; gap: 8px; min-width: 0; }
section > *, .now, .logs { min-width: 0; }
.now { min-height: 24px; display: grid; gap: 8px; }
.columns { display: grid; gap: 18px; grid-template-columns: minmax(0, 5fr) minmax(0, 7fr); align-items: start; }
.notes { display: grid; gap: 6px; }
.note { display: flex; gap: 8px; padding: 8px 12px; border-radius: 8px; font-size: 14px; line-height: 20px; overflow-wrap: anywhere; margin-block: 0; }
.note .icon { margin-top: 2px; }
.note.quiet { padding-inline: 0; }
.note.wait { background: var(--wait-ground); color: var(--wait); }
.note.bad { background: var(--bad-ground); color: var(--bad); }
.queue-list { font-size: 14px; padding-inline-start: 18px; list-style: disc; }
.attempt .chip { margin-inline-start: auto; }

.scroll { overflow-x: auto; border: 1px solid var(--line); border-radius: var(--radius); background: var(--ground); }
table { border-collapse: collapse; width: 100%; font-size: 13.5px; line-height: 20px; }
th, td { text-align: start; padding: 7px 12px; font-weight: 400; vertical-align: top; white-space: nowrap; }
thead th { font-size: 12.5px; color: var(--faint); font-weight: 500; }
tbody tr { border-top: 1px solid var(--line); }
tbody th { font-weight: 500; }
.number { text-align: end; font-variant-numeric: tabular-nums; }
.why { white-space: normal; min-width: 220px; overflow-wrap: anywhere; color: var(--faint); }
.facts { display: grid; grid-template-columns: max-content minmax(0, 1fr); gap: 6px 18px; font-size: 13.5px; line-height: 22px; padding: 12px 14px; border: 1px solid var(--line); border-radius: var(--radius); background: var(--ground); }
.facts dt { color: var(--faint); }
.facts dd { overflow-wrap: anywhere; }

.charts { display: grid; grid-template-columns: repeat(3, minmax(0, 1fr)); gap: 10px; }
.chart { border: 1px solid var(--line); border-radius: var(--radius); background: var(--ground); padding: 8px 8px 4px; min-width: 0; }
.chart figcaption { display: flex; justify-content: space-between; gap: 8px; padding: 0 4px; font-size: 12.5px; line-height: 18px; color: var(--faint); font-variant-numeric: tabular-nums; }
.chart strong { color: var(--text); white-space: nowrap; }
.plot { height: 120px; overflow: hidden; }
.ink-live { color: var(--accent); }
.ink-previous { color: light-dark(#a86b00, #f2c063); }
.ink-text { color: var(--faint); }
.ink-line { color: light-dark(#e8ebee, #2a3037); }
.charts-to-come { min-height: 152px; }
.key { display: inline-block; width: 14px; height: 0; border-top: 2px solid var(--accent); vertical-align: middle; margin-inline-end: 2px; }
.key.previous { border-top: 2px dashed light-dark(#a86b00, #f2c063); }

.log-tools { display: flex; flex-wrap: wrap; align-items: center; gap: 8px 12px; font-size: 13.5px; padding-bottom: 8px; }
select { font: inherit; font-size: 13.5px; color: inherit; min-height: 34px; padding: 2px 8px; border: 1px solid light-dark(#8a939c, #6b757f); border-radius: 8px; background: var(--ground); max-width: 60vw; }
.log {
  height: 300px; overflow: auto; padding: 10px 12px; border: 1px solid var(--line); border-radius: var(--radius); background: var(--ground); font-size: 12.5px; line-height: 1.5;
  white-space: pre-wrap; overflow-wrap: anywhere; overflow-anchor: none; tab-size: 4;
}
.log:focus-visible { outline-offset: -2px; border-radius: var(--radius); }
.diffs { display: grid; gap: 16px; min-width: 0; }
.diffs > * { min-width: 0; }
.file { font-size: 13px; overflow-wrap: anywhere; }
.diff pre { background: var(--ground); }

dialog {
  width: min(520px, calc(100vw - 24px)); max-height: calc(100dvh - 24px); overflow: auto; padding: 0; border: 1px solid var(--line); border-radius: 14px; background: var(--ground); color: var(--text);
  box-shadow: 0 18px 60px rgb(0 0 0 / 0.3);
}
dialog::backdrop { background: rgb(10 14 18 / 0.45); }
dialog form { display: grid; gap: 14px; padding: 20px; }
dialog h2 { font-size: 18px; line-height: 26px; overflow-wrap: anywhere; }
dialog p { overflow-wrap: anywhere; }
.field-label { display: grid; gap: 4px; font-size: 13.5px; font-weight: 500; }
.field-label .faint { font-weight: 400; }
fieldset { margin: 0; padding: 0; border: 0; display: flex; flex-wrap: wrap; gap: 4px 18px; font-size: 14px; }
legend { padding: 0; font-size: 13.5px; font-weight: 500; margin-bottom: 4px; }
.choice { display: inline-flex; align-items: center; gap: 8px; min-height: 32px; }
.choice input { width: 18px; min-height: 18px; height: 18px; margin: 0; accent-color: var(--accent-ground); }

@media (max-width: 900px) {
  .columns { grid-template-columns: minmax(0, 1fr); }
}
@media (max-width: 560px) {
  main { padding-inline: 14px; }
  .bar-top { padding-inline: 14px; }
  .charts { grid-template-columns: minmax(0, 1fr); }
  .facts { grid-template-columns: minmax(0, 1fr); gap: 0; }
  .facts dd { padding-bottom: 8px; }
  .steps li { grid-template-columns: 16px 60px 1fr auto; }
  .why bdi { display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 3; overflow: hidden; }
}
@media (pointer: coarse) {
  .button, select, .back { min-height: 42px; }
  input:not([type="radio"]) { min-height: 42px; font-size: 16px; }
}
`;

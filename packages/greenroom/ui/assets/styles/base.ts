/** Colours, type and controls. `--greenroom-…` is for the page to set; `--…` is what we use. All pairs of text and ground meet WCAG AA. */
export const base = `
:host {
  color-scheme: light dark;
  --ground: var(--greenroom-background, light-dark(#ffffff, #15181b));
  --surface: var(--greenroom-surface, light-dark(#f5f6f7, #1d2125));
  --raised: light-dark(#ffffff, #23282d);
  --line: var(--greenroom-border, light-dark(#dfe3e7, #343b42));
  --text: var(--greenroom-text, light-dark(#1c2127, #e4e8eb));
  --faint: var(--greenroom-text-faint, light-dark(#57606a, #a0aab4));
  --accent: var(--greenroom-accent, light-dark(#0b6e4f, #5fd3a0));
  --accent-ground: var(--greenroom-accent-background, light-dark(#0b6e4f, #1d7a56));
  --on-accent: var(--greenroom-on-accent, #ffffff);
  --bubble: var(--greenroom-bubble, light-dark(#e8f3ee, #20342c));
  --good: light-dark(#0b6e4f, #5fd3a0);
  --bad: light-dark(#b3261e, #ff9c94);
  --wait: light-dark(#7a4d00, #f2c063);
  --bad-ground: light-dark(#fdf0ef, #33201f);
  --wait-ground: light-dark(#fdf6e6, #322a19);
  --good-ground: light-dark(#eaf5ef, #1a2f26);
  --plus-ground: light-dark(#e4f5ea, #16331f);
  --less-ground: light-dark(#fdebe9, #3b1f1d);
  --radius: var(--greenroom-radius, 12px);
  --mono: var(--greenroom-font-mono, ui-monospace, "SF Mono", "Cascadia Code", "DejaVu Sans Mono", Menlo, Consolas, monospace);
  font: 15px/1.55 var(--greenroom-font, system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Liberation Sans", Arial, sans-serif);
  color: var(--text);
}
:host([theme="light"]) { color-scheme: light; }
:host([theme="dark"]) { color-scheme: dark; }
:host([hidden]) { display: none !important; }

*, *::before, *::after { box-sizing: border-box; }
[hidden] { display: none !important; }
h2, h3, h4, p, ul, ol, dl, dd, figure, pre { margin: 0; padding: 0; }
ul, ol { list-style: none; }
h2, h3, h4 { font-size: inherit; line-height: inherit; font-weight: 600; }
.icon { flex: none; display: block; }
.mono, code, pre { font-family: var(--mono); font-size: 0.86em; font-variant-ligatures: none; }
.faint { color: var(--faint); }
.problem { color: var(--bad); }
.sr { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.end { margin-inline-start: auto; }

button, input, textarea { font: inherit; color: inherit; }
button { cursor: pointer; background: none; border: 0; padding: 0; text-align: start; }
button:disabled { cursor: default; opacity: 0.5; }
:focus { outline: none; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; border-radius: 6px; }
.button {
  display: inline-flex; align-items: center; gap: 6px; min-height: 34px; padding: 4px 14px; border-radius: 8px;
  border: 1px solid var(--line); background: var(--raised); font-size: 14px; font-weight: 500; text-decoration: none; color: var(--text);
}
.button:hover:not(:disabled) { border-color: var(--faint); }
.button.primary { background: var(--accent-ground); border-color: transparent; color: var(--on-accent); }
.button.primary:hover:not(:disabled) { filter: brightness(1.08); }
.button.danger { background: light-dark(#b3261e, #a32a22); border-color: transparent; color: #ffffff; }
.button.quiet { background: none; border-color: transparent; color: var(--faint); padding-inline: 10px; }
.button.quiet:hover:not(:disabled) { background: var(--surface); color: var(--text); }
.link { color: var(--accent); text-decoration: underline; text-underline-offset: 2px; text-decoration-thickness: 1px; }
.link:hover { text-decoration-thickness: 2px; }
.icon-button { display: inline-grid; place-items: center; width: 36px; height: 36px; border-radius: 8px; color: var(--faint); flex: none; }
.icon-button:hover { background: var(--surface); color: var(--text); }
.confirm { display: inline-flex; flex-wrap: wrap; align-items: center; gap: 6px; font-size: 14px; }
.chip {
  display: inline-block; padding: 1px 9px; border-radius: 99px; font-size: 12px; line-height: 20px; font-weight: 500; white-space: nowrap;
  border: 1px solid var(--line); color: var(--faint);
}
.chip.good { color: var(--good); background: var(--good-ground); border-color: transparent; }
.chip.bad { color: var(--bad); background: var(--bad-ground); border-color: transparent; }
.chip.wait, .chip.busy { color: var(--wait); background: var(--wait-ground); border-color: transparent; }
input {
  width: 100%; min-height: 36px; padding: 4px 10px; border: 1px solid light-dark(#8a939c, #6b757f); border-radius: 8px; background: var(--ground);
}

@media (prefers-reduced-motion: no-preference) {
  .button, .icon-button, .chevron .icon { transition: background-color 0.12s, border-color 0.12s, transform 0.12s; }
}
@media (prefers-reduced-motion: reduce) {
  *, *::before, *::after { animation: none !important; transition: none !important; scroll-behavior: auto !important; }
}
@media (forced-colors: active) {
  .status i, .bar i { forced-color-adjust: none; }
}
`;

/** The conversation: its column, messages, markdown, and the small lines between. */
export const log = `
.log-frame { flex: 1; min-height: 0; position: relative; }
.log { position: relative; height: 100%; overflow-y: auto; overflow-x: hidden; overflow-anchor: none; overscroll-behavior: contain; scrollbar-width: thin; }
.log:focus-visible { outline-offset: -3px; }
.log-content { max-width: 808px; margin-inline: auto; padding: 16px 20px 20px; padding-inline: max(20px, env(safe-area-inset-left)) max(20px, env(safe-area-inset-right)); }
.chunk, .log-content { display: flex; flex-direction: column; }
.item { min-width: 0; margin-top: 10px; overflow-wrap: anywhere; }
.older { text-align: center; font-size: 13px; color: var(--faint); padding-bottom: 4px; }
.jump {
  position: absolute; bottom: 10px; left: 50%; translate: -50% 0; display: inline-flex; align-items: center; gap: 6px; padding: 6px 14px; border-radius: 99px;
  background: var(--raised); border: 1px solid var(--line); font-size: 13px; font-weight: 500; box-shadow: 0 4px 14px rgb(0 0 0 / 0.16);
}
.jump .icon { rotate: 180deg; }

.item.is-message { display: flex; flex-direction: column; align-items: flex-end; margin-top: 22px; }
.bubble { max-width: min(85%, 60ch); padding: 8px 14px; border-radius: 14px 14px 4px 14px; background: var(--bubble); white-space: pre-wrap; }
.under { font-size: 12px; line-height: 18px; color: var(--faint); padding: 3px 4px 0; }
.under.problem { color: var(--bad); }
.pending .bubble { opacity: 0.85; }
.waits { color: var(--wait); }

.markdown { display: flex; flex-direction: column; gap: 0.7em; }
.markdown .block { display: flex; flex-direction: column; gap: 0.7em; min-width: 0; }
.markdown .block:empty { display: none; }
.markdown h3, .markdown h4, .markdown h5, .markdown h6 { font-size: 1.05em; font-weight: 650; margin: 0.4em 0 0; }
.markdown h3 { font-size: 1.18em; }
.markdown ul, .markdown ol { padding-inline-start: 1.5em; display: flex; flex-direction: column; gap: 0.25em; }
.markdown ul { list-style: disc; }
.markdown ol { list-style: decimal; }
.markdown li > ul, .markdown li > ol { margin-top: 0.25em; }
.markdown a { color: var(--accent); text-underline-offset: 2px; }
.markdown code { background: var(--surface); padding: 0.12em 0.36em; border-radius: 5px; }
.markdown pre { background: var(--surface); border: 1px solid var(--line); border-radius: 8px; padding: 10px 12px; overflow-x: auto; line-height: 1.5; font-size: 13px; }
.markdown pre code { background: none; padding: 0; font-size: inherit; }
.markdown blockquote { margin: 0; padding-inline-start: 12px; border-inline-start: 3px solid var(--line); color: var(--faint); }
.markdown hr { border: 0; border-top: 1px solid var(--line); width: 100%; }
.markdown table { border-collapse: collapse; display: block; overflow-x: auto; max-width: 100%; font-size: 14px; }
.markdown th, .markdown td { border: 1px solid var(--line); padding: 4px 10px; text-align: start; vertical-align: top; }
.markdown th { background: var(--surface); font-weight: 600; }

.start-line, .end-line, .working { font-size: 13px; color: var(--faint); }
.item.is-start { margin-top: 16px; }
.item.is-end { margin-top: 12px; }
.working { display: flex; align-items: center; gap: 9px; margin-top: 14px; }
.pulse { display: inline-flex; gap: 4px; }
.pulse i { width: 6px; height: 6px; border-radius: 50%; background: var(--accent); animation: pulse 1.2s infinite ease-in-out; }
.pulse i:nth-child(2) { animation-delay: 0.15s; }
.pulse i:nth-child(3) { animation-delay: 0.3s; }
@keyframes pulse { 0%, 60%, 100% { opacity: 0.25; } 30% { opacity: 1; } }

.notice { display: flex; gap: 10px; padding: 9px 12px; border-radius: 8px; font-size: 14px; background: var(--surface); color: var(--text); }
.notice > .icon { margin-top: 3px; color: var(--faint); }
.notice > div { display: grid; gap: 8px; justify-items: start; min-width: 0; }
.notice.warning { background: var(--wait-ground); }
.notice.warning > .icon { color: var(--wait); }
.notice.error { background: var(--bad-ground); }
.notice.error > .icon { color: var(--bad); }
.notice details { font-size: 13px; }
.notice summary { cursor: pointer; }
.notice ul { padding-top: 4px; }
`;

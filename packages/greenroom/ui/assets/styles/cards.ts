/** What the agent does: tools, diffs, plans, questions, commits, deploys. */
export const cards = `
.tool-head, .thought-head {
  display: flex; align-items: center; gap: 9px; width: 100%; min-height: 34px; padding: 4px 10px; font-size: 13.5px; line-height: 20px; border-radius: 8px; color: var(--text);
}
.item:is(.is-tool, .is-thought) + .item:is(.is-tool, .is-thought) { margin-top: 4px; }
.tool { border-radius: 8px; }
.tool:has(.tool-body) { box-shadow: inset 0 0 0 1px var(--line); }
.tool-head { background: var(--surface); }
.tool-head:hover, .thought-head:hover { background: light-dark(#eceef0, #262b30); }
.tool-head > .icon, .thought-head > .icon { color: var(--faint); }
.tool-title { flex: 1; min-width: 0; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.tool:has(.tool-body) .tool-title { white-space: normal; overflow-wrap: anywhere; }
.tool-status { display: inline-flex; align-items: center; gap: 5px; font-size: 12.5px; color: var(--faint); }
.tool.completed .tool-status { color: var(--good); }
.tool.failed .tool-status { color: var(--bad); }
.tool.in_progress .tool-status { color: var(--wait); }
.chevron { color: var(--faint); }
[aria-expanded="true"] > .chevron .icon { rotate: 90deg; }
[dir="rtl"] .chevron .icon { scale: -1 1; }
.tool-body, .tool-body > .outcome { display: grid; gap: 8px; min-width: 0; }
.tool-body { padding: 10px 12px 12px; min-width: 0; }
.label { margin-bottom: -4px; font-size: 12px; line-height: 18px; font-weight: 600; color: var(--faint); }
.locations { font-size: 12.5px; }
.thought-head { color: var(--faint); padding-inline: 10px; }
.thought-head .peek { flex: 1; min-width: 0; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; opacity: 0.95; font-style: italic; }
.thought-head[aria-expanded="true"] > span:first-of-type { flex: 1; }
.thought-body { padding: 4px 12px 8px 35px; font-size: 14px; color: var(--faint); }

.output { min-width: 0; }
.output pre, .diff pre { max-height: 420px; overflow: auto; font-size: 12.5px; line-height: 1.5; border: 1px solid var(--line); border-radius: 8px; background: var(--surface); }
.output pre { padding: 8px 10px; white-space: pre-wrap; overflow-wrap: anywhere; tab-size: 4; }
.output-foot { display: flex; gap: 12px; font-size: 12.5px; color: var(--faint); padding-top: 4px; }
.diff { min-width: 0; }
.diff figcaption { display: flex; flex-wrap: wrap; gap: 8px; align-items: baseline; font-size: 13px; padding-bottom: 4px; overflow-wrap: anywhere; }
.diff pre { padding: 6px 0; tab-size: 4; }
.diff code { display: block; width: max-content; min-width: 100%; font-size: inherit; }
.diff .line { display: block; padding-inline: 10px; white-space: pre; }
.diff .added { background: var(--plus-ground); }
.diff .removed { background: var(--less-ground); }
.diff .hunk { color: var(--faint); background: light-dark(#eceff2, #23282d); }
.count { font-size: 12.5px; white-space: nowrap; font-variant-numeric: tabular-nums; }
.plus { color: var(--good); }
.less { color: var(--bad); }

.card { border: 1px solid var(--line); border-radius: var(--radius); padding: 12px 14px; display: grid; gap: 10px; min-width: 0; background: var(--ground); }
.card header { display: flex; flex-wrap: wrap; align-items: center; gap: 4px 9px; font-size: 14px; }
.card header > .icon { color: var(--faint); }
.card .chip { margin-inline-start: auto; }
.card footer { display: flex; flex-wrap: wrap; align-items: center; gap: 6px 12px; font-size: 13px; min-height: 24px; }
.actions { display: flex; flex-wrap: wrap; gap: 8px; align-items: center; }
.plan ol { display: grid; gap: 4px; font-size: 14px; }
.plan li { display: flex; gap: 8px; align-items: flex-start; }
.plan li .icon { margin-top: 3px; color: var(--faint); }
.plan li.completed { color: var(--faint); }
.plan li.completed .icon { color: var(--good); }
.plan li.in_progress { font-weight: 500; }
.permission { border-color: light-dark(#c99a3a, #7d6226); background: var(--wait-ground); }
.asked { font-size: 15px; }
.answered, .commit-line { display: flex; gap: 8px; align-items: flex-start; font-size: 13.5px; line-height: 22px; padding-inline: 10px; }
.answered .icon, .commit-line > .icon { margin-top: 3px; color: var(--faint); }
.commit-line { flex-wrap: wrap; row-gap: 0; }

.attempt.bad { border-color: light-dark(#e3b3af, #6d3a36); }
.attempt.good { border-color: light-dark(#a9d3c1, #2f5a48); }
.bar { display: flex; gap: 3px; }
.bar i { flex: 1; height: 4px; border-radius: 2px; background: var(--line); }
.bar .succeeded { background: light-dark(#2a9d74, #46c792); }
.bar .running { background: light-dark(#c98a12, #f2c063); animation: pulse 1.2s infinite ease-in-out; }
.bar .failed { background: light-dark(#c9362c, #ff7b70); }
.steps { font-size: 13px; line-height: 20px; display: grid; gap: 3px; }
.steps li { display: grid; grid-template-columns: 16px 64px 1fr auto; gap: 8px; align-items: start; }
.steps .icon { margin-top: 2px; color: var(--faint); }
.steps .succeeded .icon { color: var(--good); }
.steps .running .icon { color: var(--wait); }
.steps .failed .icon, .steps .failed .step-name { color: var(--bad); }
.steps .pending, .steps .skipped { color: var(--faint); }
.steps .running .step-name { font-weight: 600; }
.step-detail { color: var(--faint); overflow-wrap: anywhere; min-width: 0; }
.failure { font-size: 14px; overflow-wrap: anywhere; }
.failure code { color: var(--faint); }
.proof { display: grid; gap: 8px; padding: 10px 12px; border-radius: 8px; background: var(--bad-ground); font-size: 13px; min-width: 0; }
.proof .label { margin-bottom: -4px; color: var(--text); }
.proof dl { display: grid; grid-template-columns: auto 1fr; gap: 2px 12px; }
.proof dt { color: light-dark(#5c4644, #c9b3b1); }
.proof dd { overflow-wrap: anywhere; font-family: var(--mono); font-size: 12.5px; }
.proof .output pre { background: var(--ground); }
.proof .output-foot { color: var(--text); }
.remedy { display: flex; gap: 8px; font-weight: 500; }
.remedy .icon { margin-top: 2px; }
.approval { display: grid; gap: 10px; padding: 12px; border-radius: 8px; background: var(--wait-ground); font-size: 14px; }
.approval .faint { color: light-dark(#5b5138, #cfc3a6); }
.deny { display: flex; flex-wrap: wrap; gap: 8px; align-items: end; width: 100%; }
.deny label { flex: 1 1 220px; display: grid; gap: 4px; font-size: 13px; }
.decided { font-size: 13px; }

@container chat (max-width: 480px) {
  .steps li { grid-template-columns: 16px 60px 1fr auto; }
  .log-content { padding-inline: 14px; }
  .composer { padding-inline: 10px; }
  .bubble { max-width: 92%; }
  .from { display: none; }
}
`;

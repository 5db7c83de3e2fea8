/** The element's box and what surrounds the conversation: header, banners, list, composer. */
export const frame = `
:host {
  display: block; height: var(--greenroom-height, min(720px, 100dvh)); min-width: 0; container: chat / inline-size; overflow: clip;
  border: 1px solid var(--line); border-radius: var(--radius); background: var(--ground); text-align: start;
}
:host([floating]), :host([standalone]) { height: 100%; border: 0; border-radius: inherit; }
.chat { display: flex; flex-direction: column; height: 100%; background: var(--ground); overflow: clip; position: relative; }

.top {
  display: flex; align-items: center; gap: 4px; padding: 8px 10px; border-bottom: 1px solid var(--line); flex: none;
  padding-top: max(8px, env(safe-area-inset-top)); padding-inline: max(10px, env(safe-area-inset-left)) max(10px, env(safe-area-inset-right));
}
.title { flex: 1; min-width: 0; padding-inline: 6px; }
.title h2 { font-size: 15px; line-height: 20px; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.status { display: flex; align-items: center; gap: 7px; font-size: 12.5px; line-height: 18px; color: var(--faint); min-height: 18px; white-space: nowrap; overflow: hidden; }
.status i { width: 8px; height: 8px; border-radius: 50%; background: var(--faint); flex: none; }
.status.none i { display: none; }
.status.good i { background: light-dark(#178a62, #46c792); }
.status.bad i { background: light-dark(#c9362c, #ff7b70); border-radius: 1px; }
.status.busy i { background: light-dark(#b97900, #f2c063); }
.status .chip { font-size: 11px; line-height: 16px; padding: 0 7px; }

.banner { display: flex; align-items: center; gap: 10px; padding: 8px 16px; font-size: 14px; border-bottom: 1px solid var(--line); }
.banner > span { flex: 1; min-width: 0; overflow-wrap: anywhere; }
.banner.warning { background: var(--wait-ground); color: var(--wait); }
.banner.warning .link, .banner.error .link { color: inherit; }
.banner.error { background: var(--bad-ground); color: var(--bad); }
.banner.error .icon-button { color: inherit; width: 28px; height: 28px; }
.banner.fresh { background: var(--good-ground); color: var(--good); }
.banner .link { white-space: nowrap; color: inherit; font-weight: 600; }

.main { flex: 1; min-height: 0; display: flex; position: relative; }
.talk { flex: 1; min-width: 0; display: flex; flex-direction: column; }

.list { display: none; flex-direction: column; gap: 8px; padding: 12px; background: var(--surface); overflow-y: auto; }
.list-open .list { display: flex; position: absolute; inset: 0; z-index: 3; }
.list-open .talk { visibility: hidden; }
.list .new { justify-content: center; }
.list ul { display: flex; flex-direction: column; gap: 2px; }
.list > p { padding: 4px 8px; }
.list .who { margin-top: auto; font-size: 13px; padding-top: 12px; }
.entry { display: flex; align-items: center; border-radius: 8px; flex-wrap: wrap; }
.entry:hover, .entry:focus-within { background: light-dark(#e9ecee, #272c31); }
.entry.current { background: light-dark(#e3e8e6, #2a3330); }
.choose { flex: 1; min-width: 0; padding: 7px 10px; border-radius: 8px; display: grid; font-size: 14px; line-height: 20px; }
.choose .name { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.choose .faint { font-size: 12px; line-height: 16px; }
.entry.current .name { font-weight: 600; }
.entry .faint, .list .faint { color: light-dark(#4f5861, #a9b3bc); }
.entry-actions { display: flex; flex-wrap: wrap; align-items: center; }
.entry-actions .icon-button { width: 30px; height: 32px; color: light-dark(#4f5861, #a9b3bc); }
.entry-actions .icon-button:hover { background: var(--ground); }
.entry .confirm { padding: 4px 8px 8px; }
.entry form { display: flex; gap: 6px; padding: 4px; width: 100%; }

.gate { flex: 1; display: flex; flex-direction: column; align-items: center; justify-content: center; gap: 10px; padding: 24px; text-align: center; overflow: auto; }
.gate > .icon { color: var(--accent); }
.gate h3 { font-size: 20px; line-height: 28px; }
.gate p { max-width: 40ch; color: var(--faint); overflow-wrap: anywhere; }
.gate .problem { color: var(--bad); }
.login label { display: grid; gap: 4px; width: min(100%, 320px); text-align: start; font-size: 14px; font-weight: 500; }
.login .button { width: min(100%, 320px); justify-content: center; }

.composer {
  flex: none; padding: 8px 16px max(14px, env(safe-area-inset-bottom)); padding-inline: max(16px, env(safe-area-inset-left)) max(16px, env(safe-area-inset-right));
  width: 100%; max-width: 808px; margin-inline: auto;
}
.queue { display: flex; align-items: center; gap: 6px; font-size: 13px; color: var(--wait); padding: 0 4px 6px; }
.field {
  display: flex; align-items: flex-end; gap: 6px; padding: 6px; border: 1px solid light-dark(#8f98a1, #5d6770); border-radius: 14px; background: var(--raised);
}
.field:focus-within { border-color: var(--accent); box-shadow: 0 0 0 1px var(--accent); }
.field textarea {
  flex: 1; min-width: 0; max-height: min(240px, 35dvh); resize: none; border: 0; background: none; padding: 6px 8px; line-height: 22px; font-size: max(15px, 1em); outline: none; overflow-y: auto;
}
.field textarea::placeholder { color: var(--faint); opacity: 1; }
.round { display: grid; place-items: center; width: 34px; height: 34px; border-radius: 10px; flex: none; }
.send { background: var(--accent-ground); color: var(--on-accent); }
.send:disabled { background: light-dark(#e4e7ea, #363d44); color: var(--faint); opacity: 1; }
.stop { border: 1px solid var(--line); color: var(--bad); }
.stop path { fill: currentColor; }
.stop:hover { background: var(--bad-ground); }
@media (pointer: coarse) {
  .field textarea { font-size: 16px; }
  .round { width: 40px; height: 40px; }
  .field textarea { padding-block: 9px; }
  .icon-button { width: 42px; height: 42px; }
}

@container chat (min-width: 860px) {
  .list, .list-open .list { display: flex; position: static; width: 264px; flex: none; border-inline-end: 1px solid var(--line); }
  .list-open .talk { visibility: visible; }
  .list-toggle, .new-top { display: none; }
  .list .entry:not(:hover, :focus-within) .entry-actions { width: 0; flex-wrap: nowrap; overflow: hidden; opacity: 0; }
}
`;

/** The floating button and its panel. */
export const launcher = `
:host { position: fixed; inset: 0; z-index: var(--greenroom-z-index, 2147483000); pointer-events: none; }
.launcher, .panel { pointer-events: auto; position: absolute; inset-inline-end: max(20px, env(safe-area-inset-right)); }
:host([data-position="left"]) .launcher, :host([data-position="left"]) .panel { inset-inline: max(20px, env(safe-area-inset-left)) auto; }
.launcher {
  bottom: max(20px, env(safe-area-inset-bottom)); display: grid; place-items: center; width: 56px; height: 56px; border-radius: 50%;
  background: var(--accent-ground); color: var(--on-accent); box-shadow: 0 6px 20px rgb(0 0 0 / 0.24);
}
.launcher:hover { filter: brightness(1.08); }
.launcher:focus-visible { border-radius: 50%; }
.panel {
  bottom: calc(max(20px, env(safe-area-inset-bottom)) + 68px); width: min(440px, calc(100vw - 40px)); height: min(700px, calc(100dvh - 120px));
  border: 1px solid var(--line); border-radius: 16px; background: var(--ground); overflow: hidden; box-shadow: 0 16px 48px rgb(0 0 0 / 0.26);
}
:host([data-theme="light"]) { color-scheme: light; }
:host([data-theme="dark"]) { color-scheme: dark; }
@media (max-width: 560px), (max-height: 480px) {
  .panel { inset: 0 !important; width: 100%; height: 100dvh; border: 0; border-radius: 0; }
  :host([open]) .launcher { display: none; }
}
@media (prefers-reduced-motion: no-preference) {
  .panel { animation: rise 0.16s ease-out; }
}
@keyframes rise { from { opacity: 0; transform: translateY(8px); } }
`;

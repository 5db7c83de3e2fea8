import type { Live } from '../state.ts';
import type { Draft, Ignored } from './draft.ts';

export function publish({ state, commands }: Draft, live: Live): void {
  if (!state.publishing.includes(live.attempt)) state.publishing.push(live.attempt);
  commands.push({ type: 'publish', attempt: live.attempt, live: live.commit, previous: state.previous?.commit ?? '' });
}

/** What could not be published stays on the list, so that the next start tries again. */
export function published({ state }: Draft, event: { attempt: string; error: string }): Ignored {
  if (!state.publishing.includes(event.attempt)) return `attempt ${event.attempt} is not being published`;
  if (!event.error) state.publishing = state.publishing.filter((it) => it !== event.attempt);
  return undefined;
}

/** What an earlier life of the orchestrator left unpublished: of several releases only the live one still matters. */
export function resumePublish(draft: Draft): void {
  const { state, commands } = draft;
  const { live } = state;
  const open = live !== null && state.publishing.includes(live.attempt);
  state.publishing = open ? [live.attempt] : [];
  if (open && !commands.some((it) => it.type === 'publish')) publish(draft, live);
}

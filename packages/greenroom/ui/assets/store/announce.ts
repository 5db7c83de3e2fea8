/** What a screen reader is told: once per thing that matters, never per token. */
import type { ChatEvent } from '@greenroom/sdk/chat';
import { cut, inertLine, shortCommit } from '../text.ts';
import type { Timeline } from '../timeline.ts';

const LONGEST = 300;

/** A sentence, or nothing. */
export function announcementOf(event: ChatEvent, timeline: Timeline): string {
  switch (event.kind) {
    case 'turn':
      if (event.status === 'running') return 'The agent is working.';
      if (event.status === 'queued') return '';
      if (event.status === 'completed') return `The agent is done. ${lastWords(event.turn, timeline)}`;
      return `The turn ended: ${event.status}. ${inertLine(event.detail)}`;
    case 'permission':
      return event.status === 'asked' ? `The agent asks: ${inertLine(event.title)}` : '';
    case 'attempt': {
      const { attempt } = event;
      const what = attempt.kind === 'deploy' ? `The deploy of ${shortCommit(attempt.commit)}` : `The ${attempt.kind}`;
      if (attempt.approval?.state === 'waiting') return `${what} waits for approval.`;
      if (attempt.status === 'succeeded') return `${what} is live.`;
      if (attempt.status === 'failed') return `${what} failed. ${inertLine(attempt.error ?? '')}`;
      return attempt.status === 'rolled_back' ? `${what} was rolled back.` : '';
    }
    case 'notice':
      return inertLine(event.text);
    default:
      return '';
  }
}

function lastWords(turn: string, timeline: Timeline): string {
  for (const chunk of timeline.chunks.toReversed()) {
    const item = chunk.items.findLast((one) => one.kind === 'text' && one.turn === turn);
    if (item?.kind === 'text') return cut(inertLine(item.text), LONGEST);
  }
  return '';
}

import type { RequestEvidence } from '@greenroom/sdk/wire';
import { plainText } from '../instances/text.ts';
import type { ProbeAnswer } from './request.ts';

const SHOWN_BODY_BYTES = 2 * 1024;

/** An exchange as evidence: what was asked and expected, and what came instead. The app's text is made safe to show. */
export function requestEvidence(asked: { method: string; url: string; expected: string }, answer: ProbeAnswer): RequestEvidence {
  if (!answer.ok) return { ...asked, error: plainText(answer.error) };
  return { ...asked, status: answer.status, body: shownBody(answer.body) };
}

/** For people, in one clause: "status 500 (body "boom")" or "connection refused". */
export function outcome({ status, body, error }: RequestEvidence): string {
  if (status === undefined) return error ?? 'no answer';
  const [first = ''] = (body ?? '').split('\n');
  return first === '' ? `status ${status}` : `status ${status} (${first.slice(0, 120)})`;
}

function shownBody(body: string): string {
  const lines = body.slice(0, SHOWN_BODY_BYTES).split(/\r\n|\n|\r/);
  return Buffer.from(lines.map(plainText).join('\n')).subarray(0, SHOWN_BODY_BYTES).toString('utf8');
}

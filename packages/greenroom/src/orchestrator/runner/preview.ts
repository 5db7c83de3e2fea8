import { createHmac } from 'node:crypto';
import type { AttemptView } from '@greenroom/sdk/wire';

/** 128 bits. */
const TOKEN_BYTES = 16;

export interface Previews {
  /** Secret that shows this attempt's candidate. Always the same for the same attempt, so that nothing has to remember it. */
  token(attempt: string): string;
  /** The view as the API shows it: with the path of its preview while it waits. Journal and logs never hold that. */
  show(view: AttemptView): AttemptView;
}

/** `chatPath` is the path below which the proxy serves previews; empty when the app has none. */
export function createPreviews({ key, chatPath }: { key: Buffer; chatPath: string }): Previews {
  const token = (attempt: string): string =>
    createHmac('sha256', key).update(`preview:${attempt}`).digest().subarray(0, TOKEN_BYTES).toString('base64url');
  return {
    token,
    show(view) {
      if (view.approval?.state !== 'waiting' || chatPath === '') return view;
      return { ...view, approval: { ...view.approval, preview_path: `${chatPath}/preview/${token(view.id)}` } };
    },
  };
}

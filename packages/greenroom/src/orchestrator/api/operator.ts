import type { DriftView } from '@greenroom/sdk/wire';
import type { Context, Hono } from 'hono';
import type { z } from 'zod';
import type { Decision, PullRequestAnswer, Service } from '../runner/service.ts';
import { parseBody, refuse } from './body.ts';
import type { Listener } from './caller.ts';
import { approveBody, denyBody, emptyBody, freezeBody, overrideBody, reconcileBody, thawBody } from './schemas.ts';

export interface OperatorOptions {
  service: Service;
  /** Looks for drift now; with `dryRun` it does nothing about it. */
  reconcile(dryRun: boolean): Promise<DriftView[]>;
  /** Opens or updates the pull request from the agent's branch to the human one. */
  pullRequest(): Promise<PullRequestAnswer>;
}

/** The calls that only a person may make: the operator socket alone serves them. */
export function addOperatorCalls(api: Hono, listener: Listener, { service, reconcile, pullRequest }: OperatorOptions): void {
  const caller = listener;

  serve('/freeze', freezeBody, async (c, { scope, reason }) => {
    await service.freeze({ scope, reason, caller });
    return c.json({ success: true, frozen: true });
  });
  serve('/thaw', thawBody, async (c, { reason = '' }) => {
    await service.thaw({ reason, caller });
    return c.json({ success: true, frozen: false });
  });
  serve('/approve', approveBody, (c, { id, by }) => decide(c, { id, by, reason: '', state: 'approved', caller }));
  serve('/deny', denyBody, (c, { id, by, reason = '' }) => decide(c, { id, by, reason, state: 'denied', caller }));
  serve('/override', overrideBody, async (c, { fingerprint, ...grant }) => {
    const granted = await service.override({ ...grant, ...(fingerprint === undefined ? {} : { fingerprint }), caller });
    return granted.ok ? c.json({ success: true, commit: granted.value.commit }) : refuse(c, 404, granted.failure);
  });
  serve('/reconcile', reconcileBody, async (c, { dry_run = false }) => c.json({ success: true, dry_run, drift: await reconcile(dry_run) }));

  serve('/pull-request', emptyBody, async (c) => {
    const answer = await pullRequest();
    if (!answer.ok) return refuse(c, 502, { code: 'internal_error', error: answer.error });
    return c.json({ success: true, change: answer.change, url: answer.url });
  });

  api.get('/deploys/:id/diff', async (c) => {
    if (listener !== 'operator-socket') return refuse(c, 403, forbidden('GET /deploys/:id/diff'));
    const found = await service.diff(c.req.param('id'));
    return found.ok ? c.json(found.diff) : refuse(c, 404, { code: 'not_found', error: found.error });
  });

  async function decide(c: Context, decision: Decision): Promise<Response> {
    const decided = await service.decide(decision);
    return decided.ok ? c.json(decided.answer) : refuse(c, 409, { code: 'not_waiting', error: decided.error });
  }

  function serve<S extends z.ZodObject>(path: string, schema: S, act: (c: Context, body: z.output<S>) => Promise<Response>): void {
    api.post(path, async (c) => {
      if (listener !== 'operator-socket') {
        return refuse(c, 403, forbidden(`POST ${path}`));
      }
      const parsed = parseBody(schema, await c.req.text());
      return 'refusal' in parsed ? refuse(c, 400, parsed.refusal) : act(c, parsed.body);
    });
  }
}

export function forbidden(call: string): { code: 'forbidden'; error: string } {
  return { code: 'forbidden', error: `${call} is the operator's: it is served on the operator socket only.` };
}

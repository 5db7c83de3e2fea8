import type { DriftView } from '@greenroom/sdk/wire';
import type { z } from 'zod';
import type { Decision, PullRequestAnswer, Service } from '../runner/service.ts';
import { parseBody, refuse } from './body.ts';
import { type Api, type ApiContext, calledBy, type Peers } from './caller.ts';
import { approveBody, denyBody, emptyBody, freezeBody, overrideBody, reconcileBody, thawBody } from './schemas.ts';

export interface OperatorOptions {
  service: Service;
  peers: Peers | null;
  /** Looks for drift now; with `dryRun` it does nothing about it. */
  reconcile(dryRun: boolean): Promise<DriftView[]>;
  /** Opens or updates the pull request from the agent's branch to the human one. */
  pullRequest(): Promise<PullRequestAnswer>;
}

/** The calls that only the operator may make: the operator socket alone serves them. */
export function addOperatorCalls(api: Api, { service, peers, reconcile, pullRequest }: OperatorOptions): void {
  serve('/freeze', freezeBody, async (c, { scope, reason }) => {
    await service.freeze({ scope, reason, ...(await calledBy(c, peers)) });
    return c.json({ success: true, frozen: true });
  });
  serve('/thaw', thawBody, async (c, { reason = '' }) => {
    await service.thaw({ reason, ...(await calledBy(c, peers)) });
    return c.json({ success: true, frozen: false });
  });
  serve('/approve', approveBody, (c, { id, by }) => decide(c, { id, by, reason: '', state: 'approved' }));
  serve('/deny', denyBody, (c, { id, by, reason = '' }) => decide(c, { id, by, reason, state: 'denied' }));
  serve('/override', overrideBody, async (c, { fingerprint, ...grant }) => {
    const finding = fingerprint === undefined ? {} : { fingerprint };
    const granted = await service.override({ ...grant, ...finding, ...(await calledBy(c, peers)) });
    return granted.ok ? c.json({ success: true, commit: granted.value.commit }) : refuse(c, 404, granted.failure);
  });
  serve('/reconcile', reconcileBody, async (c, { dry_run = false }) => c.json({ success: true, dry_run, drift: await reconcile(dry_run) }));

  serve('/pull-request', emptyBody, async (c) => {
    const answer = await pullRequest();
    if (!answer.ok) return refuse(c, 502, { code: 'internal_error', error: answer.error });
    return c.json({ success: true, change: answer.change, url: answer.url });
  });

  api.get('/deploys/:id/diff', async (c) => {
    const refusal = refuseOthers(c, 'GET /deploys/:id/diff');
    if (refusal) return refusal;
    const found = await service.diff(c.req.param('id'));
    return found.ok ? c.json(found.diff) : refuse(c, 404, { code: 'not_found', error: found.error });
  });

  async function decide(c: ApiContext, decision: Omit<Decision, 'caller' | 'called_by'>): Promise<Response> {
    const decided = await service.decide({ ...decision, ...(await calledBy(c, peers)) });
    return decided.ok ? c.json(decided.answer) : refuse(c, 409, { code: 'not_waiting', error: decided.error });
  }

  function serve<S extends z.ZodObject>(path: string, schema: S, act: (c: ApiContext, body: z.output<S>) => Promise<Response>): void {
    api.post(path, async (c) => {
      const refusal = refuseOthers(c, `POST ${path}`);
      if (refusal) return refusal;
      const parsed = parseBody(schema, await c.req.text());
      return 'refusal' in parsed ? refuse(c, 400, parsed.refusal) : act(c, parsed.body);
    });
  }
}

/** The answer to whoever is not the operator; null for the operator. */
export function refuseOthers(c: ApiContext, call: string): Response | null {
  const { listener, role } = c.var.caller;
  if (role === 'operator') return null;
  const why = listener === 'operator-socket' ? "the agent's user may not make it" : 'it is served on the operator socket only';
  return refuse(c, 403, { code: 'forbidden', error: `${call} is the operator's: ${why}.` });
}

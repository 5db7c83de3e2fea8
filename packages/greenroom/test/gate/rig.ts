import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import type { TestContext } from 'node:test';
import type { Failure } from '@greenroom/sdk/wire';
import { makeTokens } from '../../../../bench/gate/tokens.ts';
import { createGate } from '../../src/orchestrator/adapters/gate/gate.ts';
import type { Gate, GateRequest } from '../../src/orchestrator/ports.ts';
import { commit, contractOf, type Files, failure, git, value, world } from '../git/fixture.ts';

/** A repository of an app, its mirror, and a gate. */
export interface Gated {
  app: string;
  mirror: string;
  /** The commit that is live unless a request says otherwise. */
  first: string;
  /** Commits on the current branch. */
  commit: (files: Files, subject?: string) => string;
  git: (...args: string[]) => string;
  /** Back to the first commit. */
  reset: () => void;
  check: (candidate: string, more?: Partial<GateRequest>) => ReturnType<Gate['check']>;
  /** Fails the test unless the commit passes. Answers the detail. */
  passes: (candidate: string, more?: Partial<GateRequest>) => Promise<string>;
  /** Fails the test unless the commit is refused with the code. */
  refused: (candidate: string, code: Failure['code'], more?: Partial<GateRequest>) => Promise<Failure>;
  fetch: () => Promise<string>;
}

/** A made-up credential; of which provider does not matter. */
export function secret(provider = 'GitHub classic'): string {
  const token = makeTokens(process.pid).find((each) => each.provider === provider);
  assert.ok(token);
  return /'(.+)'/.exec(token.text)?.[1] ?? token.text;
}

export async function gated(t: TestContext, files: Files, contract: Record<string, unknown> = {}, scanDeadlineMs?: number): Promise<Gated> {
  const { app, first, repo, layout } = await world(t, files);
  const gate = createGate({ git: repo.git, contract: contractOf(contract), ...(scanDeadlineMs === undefined ? {} : { scanDeadlineMs }) });
  const signal = new AbortController().signal;
  const check: Gated['check'] = async (candidate, more = {}) => {
    const problem = await repo.fetch();
    assert.equal(problem, '');
    return await gate.check({ live: first, candidate, branch: '', trigger: 'manual', signal, ...more });
  };
  return {
    app,
    mirror: layout.repo,
    first,
    commit: (changed, subject) => commit(app, changed, subject),
    git: (...args) => git(app, ...args),
    reset: () => git(app, 'reset', '-q', '--hard', first),
    check,
    passes: async (candidate, more) => value(await check(candidate, more)).detail,
    refused: async (candidate, code, more) => {
      const refusal = failure(await check(candidate, more));
      assert.equal(refusal.code, code, refusal.error);
      assert.ok(refusal.evidence?.remedy && refusal.evidence.rule, 'a refusal says which rule and what to do');
      return refusal;
    },
    fetch: () => repo.fetch(),
  };
}

/** Runs git with input, for objects that no ordinary command makes. */
export function plumb(app: string, input: string | Buffer, ...args: string[]): string {
  return execFileSync('git', args, { cwd: app, input, encoding: 'utf8' }).trim();
}

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { INSTANCE_ENV } from '@greenroom/sdk/wire';
import { fromVariables, toVariables } from '../../../src/agent/tools/context.ts';
import { GIT_MARKER, WORKTREE_MARKER } from '../../../src/orchestrator/adapters/git/git.ts';
import { SETUP_MARKER } from '../../../src/orchestrator/adapters/slots/setup-command.ts';

const PLACE = {
  agentSocket: '/data/run/agent.sock',
  conversation: 'c1',
  turn: 't1',
  workspace: '/data/workspace',
  branch: 'machine',
  repo: '/data/repo.git',
  contract: '/data/run/contract/app.contract.json',
  failedDeploysPerTurn: 5,
};

test('what tells the command where it acts says so again, and is nothing that an orchestrator ends processes by', () => {
  const variables = toVariables(PLACE);
  assert.deepEqual(fromVariables(variables), { ok: true, place: PLACE });
  for (const marker of [GIT_MARKER, WORKTREE_MARKER, SETUP_MARKER, INSTANCE_ENV.instance]) assert.ok(!(marker in variables), marker);
});

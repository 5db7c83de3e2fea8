/** Prepares a workspace: its layout and the turn are the arguments. */
import { createWorkspace } from '../../../src/agent/workspace.ts';

const [paths = '', turn = ''] = process.argv.slice(2);
const author = { name: 'An agent', email: 'agent@example.invalid' };
const workspace = createWorkspace({
  paths: JSON.parse(paths),
  humanBranch: 'main',
  agentBranch: 'machine',
  author,
  refresh: async () => '',
});
const prepared = await workspace.prepare(JSON.parse(turn));
process.exitCode = prepared.ok ? 0 : 1;

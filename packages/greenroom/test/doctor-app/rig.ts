import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { commitFiles, initRepo } from '../../../../bench/harness/repo.ts';
import { type AppExamination, type AppQuestions, examineApp } from '../../src/app-doctor/examine.ts';
import { claimPort } from '../../src/orchestrator/adapters/instances/fresh-ports.ts';
import { createSecrets } from '../../src/orchestrator/adapters/secrets.ts';
import { parseContract } from '../../src/orchestrator/core/contract-parse.ts';
import { type Layout, layoutOf } from '../../src/orchestrator/layout.ts';

const APPS = join(import.meta.dirname, 'apps');

export interface Patient {
  layout: Layout;
  contract: Record<string, unknown>;
  questions(more?: Partial<AppQuestions>): AppQuestions;
  examine(more?: Partial<AppQuestions>): Promise<AppExamination>;
}

/** One of the small apps in a repository of its own, with a "database" that takes connections. */
export async function createPatient(t: TestContext, app: string, given: Record<string, unknown> = {}): Promise<Patient> {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'doctor-')));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const repo = join(folder, 'repo');
  initRepo(repo);
  const files = ['serve.mjs', `${app}.mjs`].map((file) => [file, readFileSync(join(APPS, file), 'utf8')]);
  commitFiles(repo, { ...Object.fromEntries(files), '.gitignore': '*.log\n' }, 'Begin');
  const database = createServer((socket) => socket.end().on('error', () => undefined));
  await new Promise<void>((resolve) => database.listen(0, '127.0.0.1', resolve));
  t.after(() => database.close());
  const { port: databasePort } = database.address() as { port: number };
  const [stable, fixed] = [await claimPort([]), await claimPort([])];
  t.after(() => stable.release());
  t.after(() => fixed.release());
  const layout = layoutOf(join(folder, 'data'));
  mkdirSync(layout.data);
  writeFileSync(layout.secrets, `DATABASE_URL=postgres://app:pass@127.0.0.1:${databasePort}/app\nSESSION_SECRET=of-the-test\n`, {
    mode: 0o600,
  });
  const contract = {
    start_command: `node ${app}.mjs`,
    port: stable.port,
    health_endpoint: '/healthz',
    drain_timeout_ms: 5_000,
    secrets_inject: ['SESSION_SECRET'],
    env: { FIXED_PORT: String(fixed.port) },
    ...given,
  };
  const parsed = parseContract(contract);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  const questions = (more: Partial<AppQuestions> = {}): AppQuestions => ({
    app: 'shop',
    layout,
    contract: parsed.contract,
    contractText: JSON.stringify(contract),
    repo,
    secrets: createSecrets({ layout, contract: parsed.contract, env: {} }),
    env: process.env,
    signal: new AbortController().signal,
    paths: [],
    without: [],
    progress: () => undefined,
    ...more,
  });
  return { layout, contract, questions, examine: (more) => examineApp(questions(more)) };
}

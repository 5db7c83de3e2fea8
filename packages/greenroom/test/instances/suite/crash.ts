import assert from 'node:assert/strict';
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { Instance } from '../../../src/orchestrator/ports.ts';
import { makeRig, type Rig, type RigOptions, until } from '../rig.ts';

/** A process that boots so many instances as an orchestrator does. */
export function startHost(t: TestContext, rig: Rig, count: number): ChildProcessByStdio<null, Readable, null> {
  const args = [fileURLToPath(import.meta.resolve('../host.ts')), rig.layout.data, JSON.stringify(rig.contract), String(count)];
  const host = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(() => host.kill('SIGKILL'));
  return host;
}

/** Instances whose orchestrator was killed when they listened. */
export async function afterCrash(t: TestContext, count: number, options: RigOptions): Promise<{ rig: Rig; booted: Instance[] }> {
  const rig = makeRig(t, options);
  const host = startHost(t, rig, count);
  const [line] = await once(createInterface(host.stdout), 'line');
  const booted: Instance[] = JSON.parse(String(line));
  assert.equal(booted.length, count);
  await until('the instances listen', async () => {
    const logs = booted.map(({ logFile }) => readFileSync(logFile, 'utf8'));
    return logs.every((text) => text.includes('listening'));
  });
  host.kill('SIGKILL');
  await once(host, 'exit');
  return { rig, booted };
}

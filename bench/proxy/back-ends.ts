import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePorts } from '../harness/ports.ts';
import { CASES, type Case } from './cases.ts';
import { startNginx, staticSite } from './nginx.ts';
import { untilAnswering } from './probe.ts';
import { type Program, programFile, type Run, startProgram } from './program.ts';

/** Stays for the whole run; every proxy has the same one behind it. */
export interface BackEnds {
  portFor(each: Case): number;
  stop(): Promise<void>;
}

const PROGRAMS = { post: 'upload-server.ts', echo: 'echo-server.ts' } as const;

/** Starts one back end for each kind of case: nginx with files, a server that reads bodies, a WebSocket server. Rejects with what it said when one does not start. */
export async function startBackEnds(run: Run, cores: readonly number[]): Promise<BackEnds> {
  const [get, post, echo] = (await freePorts(3)) as [number, number, number];
  const ports = { get, post, echo };
  const files = writeFiles(run.root);
  const node = (kind: 'post' | 'echo'): Program =>
    startProgram(run, [process.execPath, programFile(PROGRAMS[kind]), String(ports[kind])], { cores });
  const programs = {
    get: startNginx(run, { workers: Math.max(1, cores.length), cores, http: staticSite(get, files) }),
    post: node('post'),
    echo: node('echo'),
  };
  const stop = async (): Promise<void> => void (await Promise.all(Object.values(programs).map((program) => program.stop())));
  try {
    for (const kind of ['get', 'post', 'echo'] as const) {
      const first = CASES.find((each) => each.kind === kind);
      if (first) await untilAnswering(programs[kind], ports[kind], first);
    }
  } catch (error) {
    await stop();
    throw error;
  }
  return { portFor: ({ kind }) => ports[kind], stop };
}

function writeFiles(root: string): string {
  const folder = join(root, 'files');
  mkdirSync(folder);
  for (const { kind, bytes } of CASES) if (kind === 'get') writeFileSync(join(folder, String(bytes)), Buffer.alloc(bytes, 'x'));
  return folder;
}

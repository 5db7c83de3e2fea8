import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { ProxyStatus } from '@greenroom/sdk/proxy';
import { createEmbeddedRouter } from '../../../src/orchestrator/adapters/router/embedded.ts';
import type { Router } from '../../../src/orchestrator/ports.ts';
import { control, freePort, until } from '../../proxy/rig.ts';
import { startInstance } from './instance.ts';
import type { AppSetting, RouterRig } from './rig.ts';

export interface EmbeddedRig extends RouterRig {
  /** Of the running proxy. */
  pid(): Promise<number>;
}

/** A folder for an embedded proxy that the routers of the test share; the proxy is ended with the test. */
export async function startEmbeddedRig(t: TestContext, options: { answerLimitMs?: number } = {}): Promise<EmbeddedRig> {
  const folder = await mkdtemp(join(tmpdir(), 'greenroom-router-'));
  const routers: Router[] = [];
  const lines: string[] = [];
  const pid = async (): Promise<number> => (await control<ProxyStatus>(folder, 'GET', '/')).body.pid;
  const kill = async (): Promise<void> => void process.kill(await pid(), 'SIGKILL');
  t.after(async () => {
    for (const router of routers) router.close();
    // One that was started in vain, while another still had the lock, may be starting only now.
    await until(() => {
      const running = proxiesOf(folder);
      for (const each of running) process.kill(each, 'SIGKILL');
      return running.length === 0;
    });
    await rm(folder, { recursive: true, force: true });
  });
  return {
    folder,
    lines,
    pid,
    kill,
    routePort: await freePort(),
    router({ app, port, internalPort, chat, routes = [], trustedProxies = [] }: AppSetting) {
      const router = createEmbeddedRouter({
        proxyDir: folder,
        app,
        port,
        ...(internalPort ? { internalPort } : {}),
        ...(chat ? { chat } : {}),
        routes,
        trustedProxies,
        ...options,
        log: (line) => void lines.push(line),
      });
      routers.push(router);
      return router;
    },
    instance: (setting, name) => startInstance(t, { instance: name, internal: setting.internalPort !== undefined }),
    async lose() {
      await writeFile(join(folder, 'routes.json'), 'rubbish');
      await kill();
    },
    operators: async () => null,
  };
}

/** Processes that run, or are starting, as a proxy of the folder. A killed one has no command line any more. */
function proxiesOf(dir: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && commandOf(name).includes(`--dir\0${dir}\0`))
    .map(Number);
}

function commandOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return '';
  }
}

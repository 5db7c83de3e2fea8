import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, readdir, readFile, rm, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { createNginxRouter, type NginxRouterOptions } from '../../../src/orchestrator/adapters/router/nginx/router.ts';
import { layoutOf, socketsOf } from '../../../src/orchestrator/layout.ts';
import type { Router } from '../../../src/orchestrator/ports.ts';
import { isRunning, processTable, readStat } from '../../../src/proc.ts';
import { fetchOnce, freePort, until } from '../../proxy/rig.ts';
import { startInstance } from './instance.ts';
import { type AppSetting, type RouterRig, servedOf } from './rig.ts';

export interface NginxRig extends RouterRig {
  router(setting: AppSetting): Router;
  configDir: string;
  command: string[];
  /** Of the operator's own server, which answers `operator`. */
  operatorPort: number;
  nginxConf: string;
  /** What `router` makes one of. */
  options(setting: AppSetting): Omit<NginxRouterOptions, 'log'>;
  /** The app's main file. */
  fileOf(setting: AppSetting): string;
  errors(): Promise<string>;
  /** Pid of the master. */
  pid(): number;
  stop(): Promise<void>;
  start(): Promise<void>;
}

/** An nginx as an operator has it: one of their own servers, and the line that includes Greenroom's files. Workers run as another user when that is possible. */
export async function startNginxRig(t: TestContext, upstream: 'socket' | 'port'): Promise<NginxRig> {
  const folder = await mkdtemp(join(tmpdir(), 'greenroom-nginx-'));
  // As /var/lib is: the workers have to pass through.
  await chmod(folder, 0o755);
  const configDir = join(folder, 'greenroom.d');
  const nginxConf = join(folder, 'nginx.conf');
  const [operatorPort, routePort] = [await freePort(), await freePort()];
  const command = ['nginx', '-p', folder, '-c', nginxConf, '-e', join(folder, 'error.log')];
  await writeFile(nginxConf, operatorsConfig(folder, operatorPort, configDir));
  const routers: Router[] = [];
  const lines: string[] = [];
  let child: ChildProcess;

  const start = async (): Promise<void> => {
    child = spawn(command[0] ?? '', command.slice(1), { stdio: 'ignore' });
    await until(() =>
      fetchOnce(operatorPort, '/').then(
        () => true,
        () => false,
      ),
    );
  };
  const stop = async (): Promise<void> => {
    const { pid = 0 } = child;
    const family = [pid, ...[...processTable().values()].filter((it) => it.parent === pid).map((it) => it.pid)];
    const ended = once(child, 'exit');
    for (const each of family) kill(each);
    await ended;
    await until(() => family.every((each) => !isRunning(readStat(each))));
  };
  t.after(async () => {
    for (const router of routers) router.close();
    // What they have begun comes to its end before this does.
    await Promise.allSettled(routers.map((router) => router.current()));
    if (child.exitCode === null && child.signalCode === null) await stop();
    await rm(folder, { recursive: true, force: true });
  });
  await start();

  const layoutFor = (app: string) => layoutOf(join(folder, app));
  const options: NginxRig['options'] = (setting) => ({
    ...servedOf(setting),
    upstream,
    layout: layoutFor(setting.app),
    configDir,
    command,
  });
  return {
    folder,
    configDir,
    command,
    operatorPort,
    nginxConf,
    lines,
    routePort,
    pid: () => child.pid ?? 0,
    stop,
    start,
    options,
    fileOf: (setting) => join(configDir, `${options(setting).app}.conf`),
    errors: () => readFile(join(folder, 'error.log'), 'utf8'),
    router(setting) {
      const router = createNginxRouter({ ...options(setting), log: (line) => void lines.push(line) });
      routers.push(router);
      return router;
    },
    instance: (setting, name) =>
      startInstance(t, {
        instance: name,
        ...(upstream === 'socket' ? { sockets: socketsOf(layoutFor(setting.app), name) } : {}),
        internal: Boolean(setting.internalPort),
      }),
    async kill() {
      await stop();
      await start();
    },
    async lose() {
      for (const name of await readdir(configDir)) if (name.endsWith('.conf')) await unlink(join(configDir, name));
      process.kill(child.pid ?? 0, 'SIGHUP');
    },
    operators: async () => [await readFile(nginxConf, 'utf8'), (await fetchOnce(operatorPort, '/')).body],
  };
}

function operatorsConfig(folder: string, port: number, configDir: string): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${folder}/${name};`);
  return `# The operator's own.
daemon off;
worker_processes 2;
pid ${folder}/nginx.pid;
${process.getuid?.() === 0 ? 'user www-data;' : ''}
events { worker_connections 1024; }
http {
  access_log off;
  ${temporary.join('\n  ')}
  server {
    listen 127.0.0.1:${port};
    location / { return 200 operator; }
  }
  include ${configDir}/*.conf;
}
`;
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

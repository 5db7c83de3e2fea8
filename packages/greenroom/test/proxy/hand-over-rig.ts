import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { TestContext } from 'node:test';
import type { ProxyStatus, ProxyUpgradeBody, ProxyUpgraded } from '@greenroom/sdk/proxy';
import { isRunning, MAIN, type ProxyRig, startProxyRig, until } from './rig.ts';

export interface HandOverRig {
  proxy: ProxyRig;
  upgrade(body?: ProxyUpgradeBody): Promise<ProxyUpgraded>;
  statusOf(): Promise<ProxyStatus>;
}

/** The proxy that runs at the end of the test is another one than the rig's: it is ended as it would be, by its last app. */
export async function openRig(t: TestContext, workers: number): Promise<HandOverRig> {
  const ended: (() => Promise<void>)[] = [];
  t.after(async () => {
    for (const end of ended) await end();
  });
  const proxy = await startProxyRig(t, workers);
  const statusOf = async (): Promise<ProxyStatus> => (await proxy.control<ProxyStatus>('GET', '/')).body;
  ended.push(async () => {
    const { pid, apps } = await statusOf();
    for (const { app } of apps) await proxy.control('DELETE', `/apps/${app}`);
    await until(() => !isRunning(pid));
    if (proxy.child.exitCode === null && proxy.child.signalCode === null) await once(proxy.child, 'exit');
  });
  return {
    proxy,
    statusOf,
    async upgrade(body = {}) {
      const answer = await proxy.control<ProxyUpgraded>('POST', '/upgrade', { main: MAIN, ...body });
      assert.equal(answer.status, 200, JSON.stringify(answer.body));
      return answer.body;
    },
  };
}

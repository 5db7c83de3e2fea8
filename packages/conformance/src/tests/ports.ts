import assert from 'node:assert/strict';
import { isLoopback, listeningAddresses } from '../harness/processes.ts';
import type { ConformanceTest } from '../test.ts';

export const portTests: ConformanceTest[] = [
  {
    name: 'stable addresses lead to the live instance, each boot has ports of its own',
    covers: ['PORT-1', 'PORT-2', 'PORT-3', 'PORT-4', 'PORT-5', 'PORT-6'],
    async run({ world, must }) {
      await world.start();
      for (const version of ['v1', 'v2', 'v3']) {
        const { answer } = await world.release({ version });
        await must('PORT-1', async () => {
          assert.equal((await world.whoami()).version, version, `after "${answer['commit']}" was deployed`);
        });
        await must('PORT-3', async () => {
          assert.equal((await world.whoami()).listener, 'public');
        });
        await must('PORT-4', async () => {
          assert.equal((await world.whoami(world.internalPort)).listener, 'internal');
        });
      }
      const starts = world.events().filter(({ event }) => event === 'start');
      await must('PORT-2', () => {
        const ports = starts.flatMap((start) => [Number(start.port), Number(start.internal_port)]);
        assert.equal(ports.length, 6, 'three boots, two ports each');
        assert.ok(
          ports.every((port) => port > 0 && port !== world.port && port !== world.internalPort),
          `ports given: ${ports.join(', ')}`,
        );
        assert.equal(new Set(ports).size, ports.length, `ports given twice: ${ports.join(', ')}`);
      });
      await must('PORT-5', () => {
        const addresses = listeningAddresses(world.internalPort);
        assert.ok(addresses.length > 0, 'nothing listens on internal_port');
        assert.ok(addresses.every(isLoopback), `internal_port listens on ${addresses.join(', ')}`);
      });
      await must('PORT-6', () => {
        const asked = new Set(world.events().flatMap(({ event, listener }) => (event === 'health' ? [listener] : [])));
        assert.deepEqual([...asked], ['internal'], 'listener that was asked for its health');
      });
    },
  },
  {
    name: 'an app with one listener is asked for its health on PORT',
    covers: ['PORT-6', 'PORT-7'],
    contract: { internal_port: undefined },
    async run({ world, must }) {
      await world.start();
      await must('PORT-7', async () => {
        await world.release({ version: 'v1' });
        const start = world.events().find(({ event }) => event === 'start');
        assert.equal(start?.internal_port, '', 'INTERNAL_PORT of an app without internal_port');
      });
      await must('PORT-6', () => {
        assert.ok(
          world.events().some(({ event, listener }) => event === 'health' && listener === 'public'),
          'health was not asked on PORT',
        );
      });
    },
  },
];

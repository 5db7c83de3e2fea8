import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';

/**
 * Proves the import directions of imports.biome.json: each file below is linted with the repository's own configuration, once with imports it
 * may have and once with imports it may not. A zone that stops matching its files, or that lets everything through, fails here.
 */
interface Zone {
  file: string;
  allowed: string[];
  forbidden: string[];
}

const greenroom = 'packages/greenroom/src';
const orchestrator = `${greenroom}/orchestrator`;

const zones: Zone[] = [
  {
    file: `${orchestrator}/core/machine.ts`,
    allowed: ['./plan.ts', './gate/rules.ts', '@greenroom/sdk/wire'],
    forbidden: [
      '../ports.ts',
      '../adapters/clock.ts',
      '../../home.ts',
      './../ports.ts',
      'node:fs',
      'node:fs/promises',
      'zod',
      '@greenroom/sdk/client',
    ],
  },
  { file: `${orchestrator}/core/contract.ts`, allowed: ['zod', './result.ts'], forbidden: ['../layout.ts', 'node:path', 'hono'] },
  {
    file: `${orchestrator}/core/gate/rules.ts`,
    allowed: ['../result.ts', '../plan/step.ts', './size.ts'],
    forbidden: ['../../ports.ts', '../../adapters/clock.ts', 'node:fs', 'zod'],
  },
  {
    file: `${orchestrator}/ports.ts`,
    allowed: ['./core/result.ts', '@greenroom/sdk/wire'],
    forbidden: ['./adapters/clock.ts', './runner.ts', './layout.ts', 'node:fs', '../home.ts'],
  },
  { file: `${orchestrator}/layout.ts`, allowed: ['node:path', '@greenroom/sdk/wire'], forbidden: ['./ports.ts', 'node:fs', '../home.ts'] },
  {
    file: `${orchestrator}/adapters/clock.ts`,
    allowed: ['./durable.ts', '../ports.ts', '../core/result.ts', '../layout.ts', '../../home.ts', 'node:fs/promises'],
    forbidden: [
      '../runner.ts',
      '../api/server.ts',
      '../../cli/main.ts',
      '../../proxy/main.ts',
      '../../main.ts',
      'hono',
      '@greenroom/sdk/client',
    ],
  },
  {
    file: `${orchestrator}/adapters/slots/slots.ts`,
    allowed: ['../git/run.ts', '../durable.ts', '../../ports.ts', '../../core/result.ts', '../../../home.ts', '@greenroom/sdk/proxy'],
    forbidden: ['../../runner.ts', '../../api/server.ts', '../../../cli/main.ts', '../../../proxy/main.ts', '../../../registry/index.ts'],
  },
  {
    file: `${orchestrator}/adapters/router/caddy/admin.ts`,
    allowed: ['../embedded.ts', '../../durable.ts', '../../../ports.ts'],
    forbidden: ['../../../runner.ts', '../../../../proxy/main.ts'],
  },
  {
    file: `${orchestrator}/runner.ts`,
    allowed: ['./ports.ts', './core/machine.ts', 'node:crypto'],
    forbidden: ['./adapters/clock.ts', './api/server.ts', '../cli/main.ts', 'hono'],
  },
  {
    file: `${orchestrator}/runner/loop.ts`,
    allowed: ['../ports.ts', '../core/machine.ts', './queue.ts'],
    forbidden: ['../adapters/clock.ts', '../api/server.ts', '../../main.ts'],
  },
  {
    file: `${orchestrator}/api/server.ts`,
    allowed: ['../runner.ts', '../core/contract.ts', 'hono', 'zod', '@hono/node-server'],
    forbidden: ['../adapters/clock.ts', '../../cli/main.ts', '../../main.ts', '../../registry/index.ts'],
  },
  {
    file: `${greenroom}/cli/deploy.ts`,
    allowed: [
      './target.ts',
      '@greenroom/sdk/client',
      '../registry/index.ts',
      '../orchestrator/layout.ts',
      '../orchestrator/adapters/journal/verify.ts',
      '@stricli/core',
    ],
    forbidden: [
      '../orchestrator/runner.ts',
      '../orchestrator/ports.ts',
      '../orchestrator/adapters/clock.ts',
      '../proxy/main.ts',
      '../orchestrator/api/server.ts',
      'hono',
    ],
  },
  {
    file: `${greenroom}/cli/commands/deploy.ts`,
    allowed: [
      '../target.ts',
      '../../registry/index.ts',
      '../../orchestrator/adapters/instances/log-reader.ts',
      '../../orchestrator/adapters/router/nginx/examine.ts',
      '../../orchestrator/adapters/router/caddy/examine.ts',
    ],
    forbidden: ['../../orchestrator/runner.ts', '../../orchestrator/adapters/router/nginx/router.ts', '../../proxy/main.ts'],
  },
  {
    file: `${greenroom}/agent/tools.ts`,
    allowed: ['./tools/verbs.ts', '../plain.ts', '../proc.ts', '@greenroom/sdk/client', '@agentclientprotocol/sdk', 'node:crypto'],
    forbidden: ['../orchestrator/layout.ts', '../orchestrator/core/contract.ts', '../cli/context.ts', '../home.ts', '../main.ts'],
  },
  {
    file: `${greenroom}/agent/tools/http.ts`,
    allowed: ['./context.ts', '../transcript.ts', '../workspace/git.ts', '../../plain.ts', '@modelcontextprotocol/server', 'zod'],
    forbidden: ['../../orchestrator/layout.ts', '../../cli/terminal.ts', '../../registry/index.ts', '../../main.ts', '@stricli/core'],
  },
  {
    file: `${greenroom}/dashboard/fleet.ts`,
    allowed: ['./sampler.ts', '../proc.ts', '../changes.ts', '../ui-files.ts', '@greenroom/sdk/client', 'hono', 'zod'],
    forbidden: ['../registry/index.ts', '../orchestrator/layout.ts', '../cli/context.ts', '../agent/chat.ts', '../main.ts'],
  },
  {
    file: `${greenroom}/registry/index.ts`,
    allowed: ['../home.ts', '../proc.ts', '../orchestrator/layout.ts', '@greenroom/sdk/client'],
    forbidden: ['../orchestrator/runner.ts', '../cli/main.ts', '../orchestrator/ports.ts', '../orchestrator/core/contract.ts', 'zod'],
  },
  {
    file: `${greenroom}/init/index.ts`,
    allowed: ['./node.ts', '../orchestrator/core/contract.ts'],
    forbidden: ['../orchestrator/adapters/clock.ts', '../cli/main.ts', 'node-fetch'],
  },
  {
    file: `${greenroom}/proxy/main.ts`,
    allowed: ['./server.ts', '../port-owner.ts', 'node:http', '@greenroom/sdk/proxy'],
    forbidden: ['../home.ts', '../proc.ts', '../orchestrator/ports.ts', 'hono', 'zod'],
  },
  {
    file: `${greenroom}/proxy/splice/parse.ts`,
    allowed: ['../store.ts', 'node:net'],
    forbidden: ['../../home.ts', '../../orchestrator/ports.ts'],
  },
  {
    file: 'packages/conformance/src/main.ts',
    allowed: ['./suite/run.ts', '@greenroom/sdk/wire', 'node:http'],
    forbidden: ['@greenroom/sdk/client', '../../greenroom/src/home.ts', 'greenroom', 'hono'],
  },
  {
    file: 'packages/conformance/src/suite/run.ts',
    allowed: ['../main.ts'],
    forbidden: ['@greenroom/sdk/proxy', '../../../greenroom/src/home.ts', '../../../sdk/src/client.ts'],
  },
  {
    file: 'packages/sdk/src/client.ts',
    allowed: ['./wire.ts', './client/events.ts', 'node:http'],
    forbidden: ['zod', 'hono', '../../greenroom/src/home.ts', 'greenroom'],
  },
  { file: 'packages/sdk/src/wire.ts', allowed: [], forbidden: ['node:fs', './client.ts', 'zod'] },
];

let folder: string;
let reported: Map<string, Set<number>>;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'imports-'));
  for (const name of ['biome.json', 'imports.biome.json', '.gitignore']) await cp(join(repository(), name), join(folder, name));
  for (const zone of zones) {
    await mkdir(dirname(join(folder, zone.file)), { recursive: true });
    await writeFile(join(folder, zone.file), [...zone.allowed, ...zone.forbidden].map((name) => `import '${name}';\n`).join(''));
  }
  reported = await restrictedImports();
});
after(() => rm(folder, { recursive: true, force: true }));

for (const zone of zones) {
  test(zone.file, () => {
    const lines = [...(reported.get(zone.file) ?? [])].sort((a, b) => a - b);
    const found = lines.map((line) => [...zone.allowed, ...zone.forbidden][line - 1]);
    assert.deepEqual(found, zone.forbidden);
  });
}

/** Lines of each file on which Biome reports a restricted import. */
async function restrictedImports(): Promise<Map<string, Set<number>>> {
  const args = ['lint', '--only=style/noRestrictedImports', '--reporter=github', '--max-diagnostics=none', '.'];
  const output = await new Promise<string>((resolve, reject) => {
    execFile(
      join(repository(), 'node_modules', '.bin', 'biome'),
      args,
      { cwd: folder, maxBuffer: 16 * 1024 * 1024 },
      (error, stdout, stderr) => {
        // Exit status 1 is what findings look like; anything else is not an answer.
        if (error && error.code !== 1) reject(new Error(stderr, { cause: error }));
        else resolve(stdout);
      },
    );
  });
  const places = new Map<string, Set<number>>();
  for (const [, file, line] of output.matchAll(/noRestrictedImports,file=([^,]+),line=(\d+)/g)) {
    const name = String(file).replace(`${folder}/`, '');
    places.set(name, (places.get(name) ?? new Set()).add(Number(line)));
  }
  return places;
}

function repository(): string {
  return dirname(dirname(import.meta.dirname));
}

/**
 * `npm run pack:all [-- --verify]`: the three packages as they are published, in `dist/`. The repository runs its TypeScript as it is, but Node strips
 * no types below node_modules, so that a package holds JavaScript and declarations. `--verify` installs the tarballs into an empty folder and uses them.
 */
import { existsSync } from 'node:fs';
import { chmod, cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { npm, runOrThrow } from './lib/run.ts';
import { verifyPackages } from './lib/verify-packages.ts';

interface Manifest {
  version: string;
  bin?: Record<string, string>;
  exports?: Record<string, string>;
  files?: string[];
  [field: string]: unknown;
}

const root = resolve(import.meta.dirname, '..');
const output = join(root, 'dist');
/** In the order of their dependence. `extra` maps a path in the package to its source, when that is there. */
const PACKAGES = [
  { name: 'sdk', extra: {} },
  { name: 'greenroom', extra: { 'contract.schema.json': 'packages/greenroom/contract.schema.json' } },
  { name: 'conformance', extra: { fixture: 'packages/conformance/fixture', 'spec/orchestrator.md': 'docs/spec/orchestrator.md' } },
];

const stage = await mkdtemp(join(tmpdir(), 'gr-pack-'));
try {
  await rm(output, { recursive: true, force: true });
  await mkdir(output, { recursive: true });
  for (const one of PACKAGES) {
    const folder = join(stage, one.name);
    await emit(one.name, folder);
    if (one.name === 'greenroom') {
      await emitElement(folder);
      // Loaded into apps, by whatever Node they run on: plain JavaScript, which the compiler leaves alone.
      await cp(join(root, 'packages', 'greenroom', 'src', 'preload'), join(folder, 'dist', 'preload'), { recursive: true });
    }
    await describe(one.name, one.extra, folder);
    await npm(['pack', '--pack-destination', output], folder);
  }
  const tarballs = (await readdir(output)).map((name) => join(output, name));
  for (const tarball of tarballs) console.log(`packed dist/${basename(tarball)}`);
  if (process.argv.includes('--verify')) await verifyPackages(tarballs, version(await manifestOf('greenroom')));
} finally {
  await rm(stage, { recursive: true, force: true });
}

/** JavaScript and declarations of `src/`, with `.ts` in relative imports made `.js`. */
async function emit(name: string, folder: string): Promise<void> {
  const source = join(root, 'packages', name);
  await mkdir(folder, { recursive: true });
  const config = {
    extends: join(root, 'tsconfig.json'),
    compilerOptions: {
      noEmit: false,
      declaration: true,
      rootDir: join(source, 'src'),
      outDir: join(folder, 'dist'),
      typeRoots: [join(root, 'node_modules', '@types')],
      // The declarations made a moment ago; by its workspace link the SDK would be compiled a second time, into this package.
      ...(name === 'sdk' ? {} : { paths: { '@greenroom/sdk/*': [join(stage, 'sdk', 'dist', '*.d.ts')] } }),
    },
    include: [join(source, 'src', '**', '*.ts')],
  };
  const configFile = join(folder, 'tsconfig.json');
  await writeFile(configFile, JSON.stringify(config));
  await runOrThrow(join(root, 'node_modules', '.bin', 'tsc'), ['-p', configFile], root);
  await rm(configFile);
}

/** The modules of the chat element and of the dashboard as browsers load them, and their files that are not code. */
async function emitElement(folder: string): Promise<void> {
  const source = join(root, 'packages', 'greenroom', 'ui');
  const target = join(folder, 'dist', 'ui');
  const compilerOptions = {
    noEmit: false,
    rootDir: source,
    outDir: target,
    paths: { '@greenroom/sdk/*': [join(stage, 'sdk', 'dist', '*.d.ts')] },
  };
  const configFile = join(folder, 'tsconfig.json');
  await writeFile(
    configFile,
    JSON.stringify({ extends: join(source, 'tsconfig.json'), compilerOptions, include: [join(source, '**', '*.ts')] }),
  );
  await runOrThrow(join(root, 'node_modules', '.bin', 'tsc'), ['-p', configFile], root);
  await rm(configFile);
  for (const file of ['index.html', 'dashboard.html', join('assets', 'page.css'), join('assets', 'dashboard.css')])
    await cp(join(source, file), join(target, file));
}

/** package.json, README, licence and files that are not code. */
async function describe(name: string, extra: Record<string, string>, folder: string): Promise<void> {
  const manifest = await manifestOf(name);
  for (const [target, source] of Object.entries(extra)) await cp(join(root, source), join(folder, target), { recursive: true });
  await cp(join(root, 'LICENSE'), join(folder, 'LICENSE'));
  const readme = join(root, 'packages', name, 'README.md');
  if (existsSync(readme)) await cp(readme, join(folder, 'README.md'));
  const bin = manifest.bin && mapValues(manifest.bin, compiled);
  const exports =
    manifest.exports &&
    mapValues(manifest.exports, (path) => ({ types: compiled(path).replace(/\.js$/, '.d.ts'), default: compiled(path) }));
  const files = ['dist', ...new Set(Object.keys(extra).map((path) => path.split('/')[0]))];
  await writeFile(
    join(folder, 'package.json'),
    `${JSON.stringify({ ...manifest, ...(bin && { bin }), ...(exports && { exports }), files }, null, 2)}\n`,
  );
  for (const path of Object.values(bin ?? {})) await chmod(join(folder, path), 0o755);
}

/** `./src/cli/main.ts` as it is called in the package: `./dist/cli/main.js`. */
function compiled(path: string): string {
  return path.replace(/^\.\/src\//, './dist/').replace(/\.ts$/, '.js');
}

async function manifestOf(name: string): Promise<Manifest> {
  return JSON.parse(await readFile(join(root, 'packages', name, 'package.json'), 'utf8')) as Manifest;
}

function version(manifest: Manifest): string {
  return manifest.version;
}

function mapValues<From, To>(record: Record<string, From>, change: (value: From) => To): Record<string, To> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, change(value)]));
}

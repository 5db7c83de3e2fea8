/** Brings an app's files into nginx's configuration: tested before nginx reads them, taken back when it refuses them, confirmed by what it then runs. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { portOwner, UNSEEN_OWNER } from '../../../../port-owner.ts';
import { nameOf } from '../names.ts';
import { RouterError } from '../router-error.ts';
import type { Files, Rendered } from './config.ts';
import { type Change, changeOf, type Folder, openFolder, undoOf } from './files.ts';
import { allWorkers, ask, inForce, outOfForce, type Program } from './program.ts';

/** Of nginx's table of server names: takes every host that there can be. */
const BUCKET_SIZE = 512;

export interface Site {
  app: string;
  port: number;
  configDir: string;
  folder: Folder;
  program: Program;
  /** The app's files as they would lie in another folder. */
  renderIn(folder: string): Promise<Files>;
}

export interface InstallOptions {
  /** Leave the files for an nginx that does not run, which reads them when it starts: they were in force before. */
  keep?: boolean;
  /** Only addresses differ from what nginx has taken before. */
  known?: boolean;
}

/** Makes nginx run what was rendered. Null once it does; else why not, and then nginx and its files are as they were. Does nothing when it does already. */
export async function install(
  site: Site,
  rendered: Rendered,
  { keep = false, known = false }: InstallOptions = {},
): Promise<RouterError | null> {
  const { app, port, folder, program } = site;
  const { files, generation, checkHost } = rendered;
  return await folder.alone(async () => {
    const found = await folder.read(app);
    const change = changeOf(found, files);
    const answer = await ask(port, checkHost);
    if (change.size === 0 && typeof answer === 'object' && answer.generation === generation) return null;
    if (change.size > 0 && !known) {
      const refused = await tryAlone(site);
      if (refused) return refused;
    }
    const undo = undoOf(change, found);
    const before = allWorkers();
    await folder.remember(app, undo);
    await folder.apply(change);
    const refused = whyNotTaken(site, rendered, await program.test());
    if (refused) return await takeBack(site, undo, refused);
    const asked = await program.reload();
    if (!asked.ok) {
      const down = notRunning(asked.complaint);
      if (!keep) return await takeBack(site, undo, down);
      await folder.remember(app, null);
      return down;
    }
    if (!(await inForce(port, checkHost, generation, before))) {
      const failure = await whyNotInForce(site);
      const back = await takeBack(site, undo, failure);
      await program.reload();
      return back;
    }
    await folder.remember(app, null);
    return null;
  });
}

/** What an earlier run died with is finished: files that nginx takes stay, others are put back. */
export async function recover({ app, folder, program }: Site): Promise<void> {
  await folder.alone(async () => {
    const undo = await folder.recall(app);
    if (!undo) return;
    if (!(await program.test()).ok) await folder.apply(undo);
    await folder.remember(app, null);
  });
}

/** Takes the app out of nginx. Null once nothing of it is served any more. */
export async function remove({ app, port, folder, program }: Site, checkHost: string): Promise<RouterError | null> {
  return await folder.alone(async () => {
    await folder.apply(changeOf(await folder.read(app), new Map()));
    const asked = await program.reload();
    if (!asked.ok) return notRunning(asked.complaint);
    return (await outOfForce(port, checkHost))
      ? null
      : new RouterError('reload_failed', `nginx goes on to serve app "${nameOf(app)}": its error log says why.`);
  });
}

function notRunning(complaint: string): RouterError {
  return new RouterError(
    'proxy_not_running',
    `nginx does not take a reload (${complaint}). Start it, for example with "systemctl start nginx".`,
  );
}

async function takeBack({ app, folder }: Site, undo: Change, why: RouterError): Promise<RouterError> {
  await folder.apply(undo);
  await folder.remember(app, null);
  return why;
}

/** The app's files by themselves, away from the operator's: a mistake in them never comes near a running nginx. */
async function tryAlone({ app, program, renderIn }: Site): Promise<RouterError | null> {
  const place = await mkdtemp(join(tmpdir(), 'greenroom-nginx-'));
  try {
    const copy = openFolder(place);
    await copy.apply(await renderIn(place));
    const main = join(place, 'nginx.main');
    const paths = ['client_body', 'proxy'].map((name) => `${name}_temp_path "${place}/${name}";`).join(' ');
    await writeFile(
      main,
      `pid "${place}/pid"; error_log stderr; events {} http { access_log off; server_names_hash_bucket_size ${BUCKET_SIZE}; ${paths} include "${place}/${app}.conf"; }\n`,
    );
    const { ok, complaint } = await program.testFile(main);
    return ok ? null : refusal(app, complaint.replaceAll(place, '…'));
  } finally {
    await rm(place, { recursive: true, force: true });
  }
}

function whyNotTaken(
  { app, configDir }: Site,
  { files }: Rendered,
  tested: { ok: boolean; stdout: string; complaint: string },
): RouterError | null {
  if (!tested.ok) return refusal(app, tested.complaint);
  const [header = ''] = (files.get(`${app}.conf`) ?? '').split('\n', 1);
  if (tested.stdout.includes(header)) return null;
  return new RouterError(
    'include_missing',
    `nginx does not read ${configDir}: write "include ${configDir}/*.conf;" as the last line of the http block of your nginx.conf.`,
  );
}

function refusal(app: string, complaint: string): RouterError {
  const [, size] = /server_names_hash_bucket_size: (\d+)/.exec(complaint) ?? [];
  const advice = size
    ? `. A host of its routes is too long for that: write "server_names_hash_bucket_size ${BUCKET_SIZE};" into the http block of your nginx.conf.`
    : '';
  return new RouterError(
    'config_refused',
    `nginx refuses the configuration of app "${nameOf(app)}": ${complaint || 'it does not say why'}${advice}`,
  );
}

async function whyNotInForce({ app, port }: Site): Promise<RouterError> {
  const owner = await portOwner(port);
  if (!owner.startsWith('"nginx: ') && owner !== UNSEEN_OWNER)
    return new RouterError('port_in_use', `port ${port}, which app "${nameOf(app)}" wants, is taken by ${owner}`);
  return new RouterError(
    'reload_failed',
    `nginx went on with its old configuration although it was told of the new one for app "${nameOf(app)}": its error log says why.`,
  );
}

import type { AppFiles } from './app-files.ts';
import type { SourceLine } from './sources.ts';
import { readSources, readsVariable } from './sources.ts';
import type { Stack } from './types.ts';
import { emptyStack } from './types.ts';

const ADDRESS = '127.0.0.1';
const FRAMEWORKS = ['django', 'fastapi', 'flask', 'starlette', 'litestar', 'quart', 'falcon', 'bottle', 'pyramid'];
const ASYNC = ['fastapi', 'starlette', 'litestar', 'quart'];
/** Files where the app object usually is, most usual first. */
const USUAL = ['wsgi.py', 'asgi.py', 'app.py', 'main.py', 'server.py', 'run.py'];

/** Where the app object is: `module:name`, importable from the top of the app. */
interface AppObject {
  file: string;
  reference: string;
  /** Folder to import from, when it is not the top. */
  folder: string;
  isAsync: boolean;
}

export async function detectPython(files: AppFiles): Promise<Stack | undefined> {
  const manifests = ['requirements.txt', 'pyproject.toml', 'Pipfile', 'setup.py', 'manage.py'].filter((name) => files.has(name));
  const sources = await readSources(files, 'python');
  const runnable = runnableFile(sources);
  if (manifests.length === 0 && runnable === '') return undefined;
  const stack = emptyStack('python');
  const named = await Promise.all(['requirements.txt', 'pyproject.toml', 'Pipfile'].map((name) => files.lines(name)));
  const texts = named.map((lines) => lines.filter((line) => !line.startsWith('#')).join('\n'));
  const needs = (name: string): boolean => new RegExp(`(?:^|["'\\s,])${name}(?=[\\s"'<>=~!;,[]|$)`, 'im').test(texts.join('\n'));
  stack.framework = FRAMEWORKS.find(needs) ?? 'plain';
  setUp(stack, files, texts[1] ?? '');
  const app = appObject(files, sources, stack.framework);
  // A file that starts Flask's server on a port of its own would never be found; the flask command takes the app to PORT.
  const fixed = stack.framework === 'flask' && app?.folder === '' && !readsVariable(sources, 'PORT');
  start(stack, needs, app, fixed ? '' : runnable, files);
  stack.certain = stack.startCommand !== '' && (stack.framework !== 'plain' || manifests.length > 0);
  return stack;
}

function setUp(stack: Stack, files: AppFiles, pyproject: string): void {
  const use = (packageManager: string, setupCommand: string, ...inputs: string[]): void => {
    const setupInputs = [...inputs, '.python-version'].filter((name) => files.has(name));
    Object.assign(stack, { packageManager, setupCommand, setupInputs, outputs: ['.venv/'] });
  };
  if (files.has('uv.lock')) use('uv', 'uv sync --frozen', 'pyproject.toml', 'uv.lock');
  else if (files.has('poetry.lock') || /^\[tool\.poetry\]/m.test(pyproject)) {
    use(
      'poetry',
      'POETRY_VIRTUALENVS_IN_PROJECT=true poetry install --no-interaction --no-root',
      'pyproject.toml',
      'poetry.lock',
      'poetry.toml',
    );
  } else if (files.has('requirements.txt')) {
    use('pip', 'python3 -m venv .venv && .venv/bin/pip install -r requirements.txt', 'requirements.txt');
  } else if (/^\[project\]/m.test(pyproject)) use('pip', 'python3 -m venv .venv && .venv/bin/pip install -e .', 'pyproject.toml');
  else if (files.has('Pipfile')) {
    use('pipenv', 'PIPENV_VENV_IN_PROJECT=1 pipenv sync', 'Pipfile', 'Pipfile.lock');
  }
}

function start(stack: Stack, needs: (name: string) => boolean, app: AppObject | undefined, runnable: string, files: AppFiles): void {
  const bin = stack.setupCommand === '' ? '' : '.venv/bin/';
  const python = bin === '' ? 'python3' : '.venv/bin/python';
  const server = app === undefined ? '' : serverCommand(app, needs);
  const development =
    files.has('manage.py') && stack.framework === 'django' ? 'runserver' : stack.framework === 'flask' ? "Flask's own" : '';
  const advice = `Add ${app?.isAsync ? 'uvicorn' : 'gunicorn'} to its dependencies and run init again.`;
  if (server !== '') {
    stack.startCommand = `${bin}${server}`;
    stack.explanations.push(`start_command serves ${app?.reference}, found in ${app?.file}.`);
  } else if (development === 'runserver') {
    stack.startCommand = `${python} manage.py runserver --noreload ${ADDRESS}:$PORT`;
  } else if (runnable !== '') {
    stack.startCommand = `${python} ${runnable}`;
    stack.explanations.push(`start_command runs ${runnable}, which starts a server by itself.`);
  } else if (development !== '' && app !== undefined && app.folder === '') {
    stack.startCommand = `${bin}flask --app ${app.reference} run --host ${ADDRESS} --port $PORT`;
  }
  stack.portByCommand = stack.startCommand.includes('$PORT');
  if (stack.startCommand === '') {
    const missing =
      app === undefined
        ? 'no app object such as "app = Flask(__name__)" and no file that starts a server were found.'
        : `none of the servers known here is among its dependencies. ${advice}`;
    stack.unknowns.push({ field: 'start_command', text: `How the app starts: ${missing}` });
  } else if (server === '' && development !== '') {
    stack.unknowns.push({
      field: 'start_command',
      text: `Which server is meant for production: ${development} is for development. ${advice}`,
    });
  }
}

/** A production server among the app's dependencies that can serve it; empty when there is none. */
function serverCommand({ reference, file, folder, isAsync }: AppObject, needs: (name: string) => boolean): string {
  if (isAsync && needs('uvicorn')) return `uvicorn ${reference} --host ${ADDRESS} --port $PORT${folder && ` --app-dir ${folder}`}`;
  if (isAsync && needs('hypercorn') && folder === '') return `hypercorn ${reference} --bind ${ADDRESS}:$PORT`;
  if (isAsync && needs('fastapi\\[standard\\]')) return `fastapi run --host ${ADDRESS} --port $PORT ${file}`;
  if (!isAsync && needs('gunicorn')) return `gunicorn${folder && ` --chdir ${folder}`} --bind ${ADDRESS}:$PORT ${reference}`;
  if (!isAsync && needs('waitress') && folder === '') return `waitress-serve --listen=${ADDRESS}:$PORT ${reference}`;
  return '';
}

function appObject(files: AppFiles, sources: SourceLine[], framework: string): AppObject | undefined {
  if (framework === 'django') {
    const wsgi = files.files.find((path) => /(?:^|\/)wsgi\.py$/.test(path));
    if (wsgi !== undefined) return objectIn(wsgi, 'application', false);
  }
  const construction =
    /^(\w+)\s*(?::[^=]+)?=\s*(Flask|FastAPI|Starlette|Litestar|Quart|Bottle|falcon\.App|falcon\.asgi\.App|bottle\.Bottle)\(/;
  const candidates = sources.flatMap(({ file, text }) => {
    const made = construction.exec(text);
    if (made?.[1] !== undefined) return [objectIn(file, made[1], /FastAPI|Starlette|Litestar|Quart|asgi/.test(made[2] ?? ''))];
    const plain = /^def (application|app)\(\s*environ\s*,\s*start_response\s*\)/.exec(text)?.[1];
    if (plain !== undefined) return [objectIn(file, plain, false)];
    const asgi = /^async def (application|app)\(\s*scope\s*,\s*receive\s*,\s*send\s*\)/.exec(text)?.[1];
    if (asgi !== undefined) return [objectIn(file, asgi, true)];
    const factory = /^(app|application)\s*=\s*(?:\w+\.)?(?:create_app|make_app|get_wsgi_application)\(/.exec(text)?.[1];
    return factory === undefined ? [] : [objectIn(file, factory, ASYNC.includes(framework))];
  });
  const rank = ({ file }: AppObject): number => {
    const usual = USUAL.indexOf(file.split('/').at(-1) ?? '');
    return file.split('/').length * 10 + (usual < 0 ? 9 : usual);
  };
  return candidates.sort((one, other) => rank(one) - rank(other))[0];
}

function objectIn(file: string, name: string, isAsync: boolean): AppObject {
  const inSrc = file.startsWith('src/');
  const module = file
    .slice(inSrc ? 'src/'.length : 0, -'.py'.length)
    .replace(/\/__init__$/, '')
    .replaceAll('/', '.');
  return { file, reference: `${module}:${name}`, folder: inSrc ? 'src' : '', isAsync };
}

/** A file at the top that starts a server when it is run. */
function runnableFile(sources: SourceLine[]): string {
  const top = [...new Set(sources.map(({ file }) => file))].filter((file) => !file.includes('/'));
  const runs = top.filter((file) => {
    const text = sources
      .filter((line) => line.file === file)
      .map((line) => line.text)
      .join('\n');
    return /\b(?:make_server|serve_forever|uvicorn\.run|app\.run|waitress|web\.run_app|run_simple)\b/.test(text);
  });
  const usual = [...USUAL].reverse();
  return runs.sort((one, other) => usual.indexOf(other) - usual.indexOf(one))[0] ?? '';
}

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { detectApp, initialContract } from '../../src/init/index.ts';
import { parseContract } from '../../src/orchestrator/core/contract-parse.ts';
import { appFolder } from './folders.ts';

interface Case {
  files: Record<string, string | object>;
  kind: string;
  framework?: string;
  manager?: string;
  contract: Record<string, unknown>;
  /** Parts of sentences, one each, in order. */
  unknowns?: RegExp[];
}

const express = `const app = require('express')();
app.get('/healthz', (req, res) => res.send('ok'));
app.listen(process.env.PORT || 3000);
`;
const flask = `from flask import Flask
app = Flask(__name__)

@app.get("/health")
def health():
    return "ok"
`;

const apps: Record<string, Case> = {
  'express with npm': {
    files: {
      'package.json': { scripts: { start: 'node server.js' }, dependencies: { express: '5' } },
      'package-lock.json': {},
      'server.js': express,
      '.gitignore': 'node_modules\n',
    },
    kind: 'node',
    framework: 'express',
    manager: 'npm',
    contract: {
      start_command: 'node server.js',
      health_endpoint: '/healthz',
      setup_command: 'npm ci --prefer-offline --no-audit --no-fund',
      setup_inputs: ['package.json', 'package-lock.json'],
    },
  },
  'fastify with pnpm, scripts that call scripts, and a fixed port': {
    files: {
      'package.json': { scripts: { start: 'pnpm run serve', serve: 'PORT=8080 nodemon src/server.js' }, dependencies: { fastify: '5' } },
      'pnpm-lock.yaml': '',
      '.gitignore': '/node_modules/\n',
      'src/server.js':
        "import fastify from 'fastify';\nconst app = fastify();\napp.get('/up', () => 'ok');\nawait app.listen({ port: 8080 });\n",
    },
    kind: 'node',
    framework: 'fastify',
    manager: 'pnpm',
    contract: {
      start_command: 'node src/server.js',
      health_endpoint: '/up',
      setup_command: 'pnpm install --frozen-lockfile --prefer-offline',
      setup_inputs: ['package.json', 'pnpm-lock.yaml'],
    },
    unknowns: [/^src\/server\.js line 4 listens on 8080; Greenroom gives each boot its own PORT: use process\.env\.PORT\.$/],
  },
  'koa with classic yarn and a constant port': {
    files: {
      'package.json': { scripts: { start: 'node .' }, main: 'app.js', dependencies: { koa: '3' } },
      'yarn.lock': '# yarn lockfile v1\n',
      'app.js': "const PORT = 3000;\nnew (require('koa'))().listen(PORT);\n// app.listen(9999)\n",
    },
    kind: 'node',
    framework: 'koa',
    manager: 'yarn',
    contract: {
      start_command: 'node .',
      health_endpoint: '/',
      setup_command: 'yarn install --frozen-lockfile --non-interactive',
      setup_inputs: ['package.json', 'yarn.lock'],
    },
    unknowns: [/^app\.js line 1 listens on 3000/, /none such as \/healthz was found/, /node_modules\/ belongs to the code/],
  },
  'hono with bun': {
    files: {
      'package.json': { dependencies: { hono: '4' } },
      'bun.lock': '{}',
      'src/index.ts': "app.get('/ping', (c) => c.text('ok'));\nexport default { port: Number(Bun.env.PORT), fetch: app.fetch };\n",
      '.gitignore': 'node_modules/',
    },
    kind: 'node',
    framework: 'hono',
    manager: 'bun',
    contract: {
      start_command: 'bun src/index.ts',
      health_endpoint: '/ping',
      setup_command: 'bun install --frozen-lockfile',
      setup_inputs: ['package.json', 'bun.lock'],
    },
  },
  'next, which has to be built': {
    files: {
      'package.json': {
        scripts: { dev: 'next dev', build: 'next build', start: 'next start -p 3000' },
        dependencies: { next: '15' },
        packageManager: 'yarn@4.1.0',
      },
      'yarn.lock': '__metadata:\n',
      '.yarnrc.yml': 'nodeLinker: node-modules\n',
      'src/app/api/health/route.ts': 'export const GET = () => new Response("ok");\n',
      '.gitignore': 'node_modules\n.next\n',
    },
    kind: 'node',
    framework: 'next',
    manager: 'yarn',
    contract: {
      start_command: 'yarn run build && exec next start -p $PORT',
      health_endpoint: '/api/health',
      health_timeout_ms: 120_000,
      setup_command: 'yarn install --immutable',
      setup_inputs: ['package.json', 'yarn.lock', '.yarnrc.yml'],
    },
  },
  'plain Node without a manifest': {
    files: { 'server.mjs': "import { createServer } from 'node:http';\ncreateServer().listen(process.env['PORT'], '127.0.0.1');\n" },
    kind: 'node',
    contract: { start_command: 'node server.mjs', health_endpoint: '/' },
    unknowns: [/none such as \/healthz/],
  },
  'flask with pip and gunicorn': {
    files: { 'requirements.txt': 'Flask==3.0\ngunicorn>=22\n', 'app.py': flask, '.gitignore': '.venv/\n' },
    kind: 'python',
    framework: 'flask',
    manager: 'pip',
    contract: {
      start_command: '.venv/bin/gunicorn --bind 127.0.0.1:$PORT app:app',
      health_endpoint: '/health',
      setup_command: 'python3 -m venv .venv && .venv/bin/pip install -r requirements.txt',
      setup_inputs: ['requirements.txt'],
    },
  },
  'flask without a server': {
    files: {
      'requirements.txt': 'flask\n',
      'app.py': `${flask}\nif __name__ == "__main__":\n    app.run(port=5000)\n`,
      '.gitignore': '.venv\n',
    },
    kind: 'python',
    framework: 'flask',
    manager: 'pip',
    contract: {
      start_command: '.venv/bin/flask --app app:app run --host 127.0.0.1 --port $PORT',
      health_endpoint: '/health',
      setup_command: 'python3 -m venv .venv && .venv/bin/pip install -r requirements.txt',
      setup_inputs: ['requirements.txt'],
    },
    unknowns: [/Flask's own is for development/],
  },
  'fastapi with uv, in src': {
    files: {
      'pyproject.toml': '[project]\nname = "shop"\ndependencies = ["fastapi>=0.110", "uvicorn"]\n',
      'uv.lock': '',
      '.python-version': '3.12\n',
      'src/shop/main.py': 'from fastapi import FastAPI\napp: FastAPI = FastAPI()\n@app.get("/_health")\ndef health(): ...\n',
      '.gitignore': '*.pyc\n.venv\n',
    },
    kind: 'python',
    framework: 'fastapi',
    manager: 'uv',
    contract: {
      start_command: '.venv/bin/uvicorn shop.main:app --host 127.0.0.1 --port $PORT --app-dir src',
      health_endpoint: '/_health',
      setup_command: 'uv sync --frozen',
      setup_inputs: ['pyproject.toml', 'uv.lock', '.python-version'],
    },
  },
  'django with poetry and waitress': {
    files: {
      'pyproject.toml': '[tool.poetry]\nname = "shop"\n[tool.poetry.dependencies]\ndjango = "^5"\nwaitress = "*"\n',
      'poetry.lock': '',
      'manage.py': 'import sys\n',
      'shop/wsgi.py': 'application = get_wsgi_application()\n',
      'shop/urls.py': "urlpatterns = [path('healthz/', ok)]\n",
      '.gitignore': '.venv/\n',
    },
    kind: 'python',
    framework: 'django',
    manager: 'poetry',
    contract: {
      start_command: '.venv/bin/waitress-serve --listen=127.0.0.1:$PORT shop.wsgi:application',
      health_endpoint: '/healthz/',
      setup_command: 'POETRY_VIRTUALENVS_IN_PROJECT=true poetry install --no-interaction --no-root',
      setup_inputs: ['pyproject.toml', 'poetry.lock'],
    },
  },
  'plain WSGI without dependencies': {
    files: {
      'app.py':
        'import os\nfrom wsgiref.simple_server import make_server\ndef application(environ, start_response): ...\nmake_server("", int(os.environ.get("PORT", 8000)), application).serve_forever()\n',
    },
    kind: 'python',
    contract: { start_command: 'python3 app.py', health_endpoint: '/' },
    unknowns: [/none such as \/healthz/],
  },
  'rails with puma, and assets by yarn': {
    files: {
      Gemfile: 'gem "rails", "~> 7.1"\ngem "puma"\n',
      'Gemfile.lock': '',
      'config.ru': 'run Rails.application\n',
      'config/routes.rb': 'get "up" => "rails/health#show", as: :rails_health_check\n',
      'package.json': { dependencies: { esbuild: '1' } },
      'yarn.lock': '',
      '.gitignore': '/vendor/bundle\n/storage/*\n!/storage/.keep\nnode_modules\n',
    },
    kind: 'ruby',
    framework: 'rails',
    manager: 'bundler',
    contract: {
      start_command: 'bundle exec puma -p $PORT',
      health_endpoint: '/up',
      setup_command: 'bundle install',
      setup_inputs: ['Gemfile', 'Gemfile.lock'],
      env: { BUNDLE_PATH: 'vendor/bundle' },
    },
    unknowns: [/also needs its node packages.*yarn install/],
  },
  'rack without puma': {
    files: { Gemfile: 'gem "rackup"\n', 'config.ru': 'map("/health") { run ->(env) { [200, {}, []] } }\n', '.gitignore': 'vendor/\n' },
    kind: 'ruby',
    framework: 'rack',
    manager: 'bundler',
    contract: {
      start_command: 'bundle exec rackup -o 127.0.0.1 -p $PORT',
      health_endpoint: '/health',
      setup_command: 'bundle install',
      setup_inputs: ['Gemfile'],
      env: { BUNDLE_PATH: 'vendor/bundle' },
    },
  },
  'go at the top': {
    files: {
      'go.mod': 'module shop\n\nrequire github.com/gin-gonic/gin v1.10.0\n',
      'go.sum': '',
      'main.go': 'package main\n\nfunc main() {\n\thttp.HandleFunc("/healthz", ok)\n\thttp.ListenAndServe(":8080", nil)\n}\n',
      '.gitignore': '.greenroom/\n',
    },
    kind: 'go',
    framework: 'gin',
    manager: 'go',
    contract: {
      start_command: 'go build -o .greenroom/app . && exec .greenroom/app',
      health_endpoint: '/healthz',
      health_timeout_ms: 120_000,
      setup_command: 'go mod download',
      setup_inputs: ['go.mod', 'go.sum'],
    },
    unknowns: [/^main\.go line 5 listens on 8080; .* use os\.Getenv\("PORT"\)\.$/],
  },
  'go with several commands': {
    files: { 'go.mod': 'module shop\n', 'cmd/web/main.go': 'package main\n', 'cmd/job/main.go': 'package main\n' },
    kind: 'go',
    manager: 'go',
    contract: { start_command: '', health_endpoint: '/' },
    unknowns: [/several main packages \(\.\/cmd\/job, \.\/cmd\/web\)/, /none such as/],
  },
  'a bare Procfile': {
    files: { Procfile: 'worker: ./work\nweb: ./serve --port $PORT\n' },
    kind: 'procfile',
    contract: { start_command: './serve --port $PORT', health_endpoint: '/' },
    unknowns: [/none such as/],
  },
  'a Procfile beside Python': {
    files: {
      Procfile: 'web: gunicorn shop:make()\n',
      'requirements.txt': 'gunicorn\n',
      '.gitignore': '.venv',
      'shop.py': 'x = "/healthz"\n',
    },
    kind: 'python',
    manager: 'pip',
    contract: {
      start_command: '.venv/bin/gunicorn shop:make()',
      health_endpoint: '/healthz',
      setup_command: 'python3 -m venv .venv && .venv/bin/pip install -r requirements.txt',
      setup_inputs: ['requirements.txt'],
    },
  },
  'a monorepo': {
    files: {
      'package.json': { workspaces: ['packages/*'] },
      'packages/web/package.json': { scripts: { start: 'node server.js' } },
      'packages/lib/package.json': {},
    },
    kind: 'node',
    manager: 'npm',
    contract: { start_command: '', health_endpoint: '/' },
    unknowns: [
      /this monorepo.*: packages\/web\. Fill in start_command, for example "cd packages\/web && exec node server\.js"/,
      /none such as/,
    ],
  },
  'a folder with nothing known in it': {
    files: { 'README.md': '# Hello\n', 'web/package.json': {} },
    kind: 'unknown',
    contract: { start_command: '', health_endpoint: '/' },
    unknowns: [/^What kind of app this is: .* there are web\/package\.json\. Fill in start_command\.$/, /none such as/],
  },
};

for (const [name, { files, kind, framework, manager, contract: expected, unknowns = [] }] of Object.entries(apps)) {
  test(`init of ${name}`, async (context) => {
    const detection = await detectApp(appFolder(context, files));
    const { contract, unknowns: found, explanations } = initialContract(detection, { port: 4000 });
    assert.equal(detection.kind, kind);
    assert.equal(detection.framework, framework ?? (kind === 'unknown' ? '' : 'plain'));
    assert.equal(detection.packageManager, manager ?? '');
    assert.deepEqual(contract, { $schema: './app.contract.schema.json', port: 4000, ...expected });
    for (const [index, pattern] of unknowns.entries()) assert.match(found[index] ?? '', pattern);
    assert.equal(found.length, unknowns.length, found.join('\n'));
    for (const sentence of [...found, ...explanations]) assert.match(sentence, /^[\w."].*\.$/);
    const parsed = parseContract(contract);
    assert.equal(parsed.ok, expected['start_command'] !== '', JSON.stringify(parsed));
    if (parsed.ok) assert.deepEqual(parsed.notes, []);
  });
}

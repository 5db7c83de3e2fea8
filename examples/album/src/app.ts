import type { IncomingMessage, ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import type { Pool } from 'pg';
import { page } from './page.ts';
import { addPhoto, latestPhotos } from './photos.ts';
import { beginSession, nameOf } from './sessions.ts';
import type { Uploads } from './uploads.ts';

const SHOWN_PHOTOS = 50;
const MAX_NAME_LENGTH = 60;
const MAX_CAPTION_LENGTH = 200;
const MAX_FORM_BYTES = 4_096;
const MAX_PICTURE_BYTES = 5 * 2 ** 20;

export interface AppParts {
  db: Pool;
  uploads: Uploads;
  commit: string;
  slot: string;
  /** Path of the chat; empty when there is none. */
  chat: string;
}

type Handler = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

/** What visitors reach: the page, signing in, hanging up a picture, the pictures, and the list as JSON. */
export function createApp({ db, uploads, commit, slot, chat }: AppParts): Handler {
  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://album');
    const asked = `${request.method} ${pathname}`;
    if (asked === 'GET /') {
      const [photos, name] = await Promise.all([latestPhotos(db, SHOWN_PHOTOS), nameOf(db, request.headers.cookie)]);
      return send(response, 200, page({ photos, name, slot, chat }), 'text/html; charset=utf-8');
    }
    if (asked === 'GET /photos.json') {
      return send(response, 200, JSON.stringify({ photos: await latestPhotos(db, SHOWN_PHOTOS) }), 'application/json');
    }
    if (asked === 'POST /sign-in') return await signIn(request, response);
    if (asked === 'POST /photos') return await hangUp(request, response, searchParams.get('caption')?.trim() ?? '');
    if (request.method === 'GET' && pathname.startsWith('/uploads/')) return await show(response, pathname.slice('/uploads/'.length));
    send(response, 404, 'There is no such page.\n');
  }

  async function signIn(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (!(lengthOf(request) <= MAX_FORM_BYTES)) return refuseBody(response);
    const name = new URLSearchParams(await text(request)).get('name')?.trim() ?? '';
    if (name === '' || name.length > MAX_NAME_LENGTH)
      return send(response, 400, `Please give a name of at most ${MAX_NAME_LENGTH} characters.\n`);
    const secure = request.headers['x-forwarded-proto'] === 'https';
    response.setHeader('set-cookie', await beginSession(db, name, secure));
    response.setHeader('location', '/');
    send(response, 303, '');
  }

  /** The picture is the body: a form of another site cannot send one with this type. */
  async function hangUp(request: IncomingMessage, response: ServerResponse, caption: string): Promise<void> {
    if (!(lengthOf(request) <= MAX_PICTURE_BYTES)) return refuseBody(response);
    const author = await nameOf(db, request.headers.cookie);
    if (author === '') return send(response, 401, 'Please say who you are first.\n');
    if (caption === '' || caption.length > MAX_CAPTION_LENGTH)
      return send(response, 400, `Please write a caption of at most ${MAX_CAPTION_LENGTH} characters.\n`);
    const kept = await uploads.keep(request, request.headers['content-type'] ?? '');
    if ('problem' in kept) return send(response, 400, `${kept.problem}\n`);
    await addPhoto(db, { author, caption, file: kept.file });
    send(response, 201, 'It hangs.\n');
  }

  async function show(response: ServerResponse, file: string): Promise<void> {
    const found = uploads.read(file);
    if (!found) return send(response, 404, 'There is no such picture.\n');
    response.setHeader('content-type', found.type);
    response.setHeader('cache-control', 'public, max-age=31536000, immutable');
    await pipeline(found.picture, response);
  }

  return async (request, response) => {
    response.setHeader('x-app-commit', commit);
    response.setHeader('x-content-type-options', 'nosniff');
    try {
      await answer(request, response);
    } catch (error) {
      if (response.destroyed) return;
      console.error(`${request.method} ${request.url} failed:`, error);
      if (response.headersSent) response.destroy();
      else send(response, (error as NodeJS.ErrnoException).code === 'ENOENT' ? 404 : 500, 'That did not work.\n');
    }
  };
}

function send(response: ServerResponse, status: number, body: string, type = 'text/plain; charset=utf-8'): void {
  response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' }).end(body);
}

/** What was sent is not read, so the connection cannot be used again. */
function refuseBody(response: ServerResponse): void {
  response.setHeader('connection', 'close');
  send(response, 413, 'That is too large, or its length is not given.\n');
}

const lengthOf = ({ headers }: IncomingMessage): number => Number(headers['content-length'] ?? Number.NaN);

import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import type { Chat } from '@greenroom/sdk/app';
import type { Pool } from 'pg';
import { page } from './page.ts';
import { addPhoto, latestPhotos } from './photos.ts';
import { beginSession, sessionOf } from './sessions.ts';
import type { Uploads } from './uploads.ts';

const SHOWN_PHOTOS = 50;
const MAX_NAME_LENGTH = 60;
const MAX_CAPTION_LENGTH = 200;
const MAX_FORM_BYTES = 4_096;
const MAX_PICTURE_BYTES = 5 * 2 ** 20;

export interface AppParts {
  db: Pool;
  uploads: Uploads;
  chat: Chat<IncomingMessage>;
  /** Who signs in with it is an editor; empty when nobody can be one. */
  editorKey: string;
  commit: string;
  slot: string;
}

type Handler = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

/** What visitors reach: the page, signing in, hanging up a picture, the pictures, the list as JSON, and the chat for editors. */
export function createApp({ db, uploads, chat, editorKey, commit, slot }: AppParts): Handler {
  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://album');
    const asked = `${request.method} ${pathname}`;
    if (asked === 'GET /') {
      const [photos, session] = await Promise.all([latestPhotos(db, SHOWN_PHOTOS), sessionOf(db, request.headers.cookie)]);
      const parts = { photos, name: session?.name ?? '', slot, chat: session?.editor ? chat.path : '' };
      return send(response, 200, page(parts), 'text/html; charset=utf-8');
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
    const form = new URLSearchParams(await text(request));
    const name = form.get('name')?.trim() ?? '';
    if (name === '' || name.length > MAX_NAME_LENGTH)
      return send(response, 400, `Please give a name of at most ${MAX_NAME_LENGTH} characters.\n`);
    const key = form.get('key') ?? '';
    const editor = editorKey !== '' && same(key, editorKey);
    if (key !== '' && !editor) return send(response, 403, 'That is not the key. Visitors leave it empty.\n');
    const secure = request.headers['x-forwarded-proto'] === 'https';
    response.setHeader('set-cookie', await beginSession(db, { name, editor }, secure));
    response.setHeader('location', '/');
    send(response, 303, '');
  }

  /** The picture is the body: a form of another site cannot send one with this type. */
  async function hangUp(request: IncomingMessage, response: ServerResponse, caption: string): Promise<void> {
    if (!(lengthOf(request) <= MAX_PICTURE_BYTES)) return refuseBody(response);
    const session = await sessionOf(db, request.headers.cookie);
    if (!session) return send(response, 401, 'Please say who you are first.\n');
    if (caption === '' || caption.length > MAX_CAPTION_LENGTH)
      return send(response, 400, `Please write a caption of at most ${MAX_CAPTION_LENGTH} characters.\n`);
    const kept = await uploads.keep(request, request.headers['content-type'] ?? '');
    if ('problem' in kept) return send(response, 400, `${kept.problem}\n`);
    await addPhoto(db, { author: session.name, caption, file: kept.file });
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
    if (chat.handle(request, response)) return;
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

/** In the same time for any two texts. */
function same(one: string, other: string): boolean {
  const hash = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(hash(one), hash(other));
}

const lengthOf = ({ headers }: IncomingMessage): number => Number(headers['content-length'] ?? Number.NaN);

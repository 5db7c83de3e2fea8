/** What the clients do: fetch answers, send bodies, or talk over WebSockets. */
export interface Case {
  name: string;
  /** For people. */
  about: string;
  kind: 'get' | 'post' | 'echo';
  /** Of the answer's body, the request's, or one message. */
  bytes: number;
  connections: number;
  /** Each request on a connection of its own. */
  newConnections?: true;
}

const KB = 1024;
const MB = 1024 * KB;

/** The 10 MB ones have fewer clients: more would only wait longer, and what is half-way when the time is over is not counted. */
export const CASES: readonly Case[] = [
  { name: '1k', about: 'answers of 1 KB, 32 connections', kind: 'get', bytes: KB, connections: 32 },
  { name: '1k-512', about: 'answers of 1 KB, 512 connections', kind: 'get', bytes: KB, connections: 512 },
  { name: '64k', about: 'answers of 64 KB, 32 connections', kind: 'get', bytes: 64 * KB, connections: 32 },
  { name: '64k-512', about: 'answers of 64 KB, 512 connections', kind: 'get', bytes: 64 * KB, connections: 512 },
  { name: '10m', about: 'answers of 10 MB, 8 connections', kind: 'get', bytes: 10 * MB, connections: 8 },
  { name: 'upload-64k', about: 'uploads of 64 KB, 32 connections', kind: 'post', bytes: 64 * KB, connections: 32 },
  { name: 'upload-10m', about: 'uploads of 10 MB, 8 connections', kind: 'post', bytes: 10 * MB, connections: 8 },
  {
    name: 'new',
    about: 'answers of 1 KB, a new connection for each request, 32 at a time',
    kind: 'get',
    bytes: KB,
    connections: 32,
    newConnections: true,
  },
  { name: 'websocket', about: 'WebSocket echo of 64 bytes, 32 connections', kind: 'echo', bytes: 64, connections: 32 },
];

/** Left out of a quick run: they take long, or show little that the others do not. */
const NOT_QUICK = ['64k-512', 'upload-10m'];
export const QUICK_CASES: readonly Case[] = CASES.filter(({ name }) => !NOT_QUICK.includes(name));

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cutOff } from '../../src/app-doctor/dependencies.ts';

const PORT = 21_000;

test('what names a service leads nowhere, whatever its form', () => {
  const variables = {
    DATABASE_URL: 'postgres://app:pa%20ss@db.internal:5432/shop?sslmode=require',
    SOCKET_URL: 'postgresql://app@/shop?host=%2Frun%2Fpostgresql&application_name=shop',
    MONGO: 'mongodb://one:27017,two:27017/shop',
    CACHE: 'redis://cache',
    PGHOST: '/run/postgresql',
    DB_PORT: '5432',
  };
  assert.deepEqual(cutOff(variables, [], PORT), {
    DATABASE_URL: 'postgres://app:pa%20ss@127.0.0.1:21000/shop?sslmode=require',
    SOCKET_URL: 'postgresql://app@127.0.0.1:21000/shop?application_name=shop',
    MONGO: 'mongodb://127.0.0.1:21000/shop',
    CACHE: 'redis://127.0.0.1:21000',
    PGHOST: '127.0.0.1',
    DB_PORT: '21000',
  });
});

test('what is its own address, its own data or anything else is left, unless it is named', () => {
  const variables = { PUBLIC_URL: 'https://shop.example', FILE_URL: 'file:data/shop.db', LEVEL: 'info', SEARCH: 'search.internal' };
  assert.deepEqual(cutOff(variables, [], PORT), {});
  assert.deepEqual(cutOff(variables, ['PUBLIC_URL', 'SEARCH', 'UNKNOWN'], PORT), {
    PUBLIC_URL: 'https://127.0.0.1:21000',
    SEARCH: '127.0.0.1:21000',
  });
});

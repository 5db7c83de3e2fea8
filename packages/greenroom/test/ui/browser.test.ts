/** The chat element in a real browser. One file, because a browser takes longer to start than these tests to run. */

import { describe } from 'node:test';
import { setStage } from './stage.ts';
import { access } from './suites/access.ts';
import { actions } from './suites/actions.ts';
import { connection } from './suites/connection.ts';
import { conversations } from './suites/conversations.ts';
import { embedding } from './suites/embedding.ts';
import { hostile } from './suites/hostile.ts';
import { large } from './suites/large.ts';
import { service } from './suites/service.ts';
import { streaming } from './suites/streaming.ts';

const play = setStage();
// Two pages at a time: they mostly wait.
describe('in the browser', { concurrency: 2 }, () => {
  for (const suite of [streaming, connection, actions, conversations, hostile, embedding, access, service]) suite(play);
});
large(play);

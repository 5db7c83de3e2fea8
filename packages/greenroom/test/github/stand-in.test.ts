import assert from 'node:assert/strict';
import { test } from 'node:test';
import { matchOperation } from './stand-in/schema.ts';

const DEPLOYMENTS = '/repos/acme/shop/deployments';

test('the description finds wrong requests: routes, parameters, fields, types and values', () => {
  assert.equal(matchOperation('DELETE', DEPLOYMENTS), undefined);
  assert.equal(matchOperation('GET', '/repos/acme/shop/deploys'), undefined);
  const list = matchOperation('GET', DEPLOYMENTS);
  assert.deepEqual(list?.requestProblems(new URLSearchParams({ per_page: '5', sha: 'x' }), undefined), []);
  for (const query of [{ page_size: '5' }, { per_page: 'many' }])
    assert.equal(list?.requestProblems(new URLSearchParams(query), undefined).length, 1);

  const none = new URLSearchParams();
  const create = matchOperation('POST', DEPLOYMENTS);
  assert.deepEqual(create?.requestProblems(none, { ref: 'x', required_contexts: [], payload: { a: 1 } }), []);
  for (const body of [{}, { ref: 1 }, { ref: 'x', autoMerge: false }, { ref: 'x', required_contexts: 'all' }]) {
    assert.notDeepEqual(create?.requestProblems(none, body), [], JSON.stringify(body));
  }
  const status = matchOperation('POST', `${DEPLOYMENTS}/1/statuses`);
  assert.deepEqual(status?.requestProblems(none, { state: 'in_progress' }), []);
  assert.notDeepEqual(status?.requestProblems(none, { state: 'done' }), []);
});

test('the description finds wrong answers', () => {
  const list = matchOperation('GET', DEPLOYMENTS);
  assert.deepEqual(list?.responseProblems(200, []), []);
  assert.notDeepEqual(list?.responseProblems(200, [{ id: 1 }]), []);
  assert.notDeepEqual(list?.responseProblems(200, {}), []);
});

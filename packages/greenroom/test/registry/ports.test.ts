import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type PortClaims, sharedPorts } from '../../src/registry/port-conflicts.ts';

const claims = (name: string, more: Partial<PortClaims>): PortClaims => ({
  name,
  data: `/data/${name}`,
  api_port: 9100,
  route_ports: [],
  ...more,
});
const ports = (mine: Partial<PortClaims>, theirs: Partial<PortClaims>): number[] =>
  sharedPorts(claims('shop', { api_port: 9101, ...mine }), claims('blog', theirs)).map(({ port }) => port);

test('whatever two apps want a port for, they cannot share it, but for routes', () => {
  assert.deepEqual(ports({ port: 3000, internal_port: 3900 }, { port: 3001, internal_port: 3901 }), []);
  assert.deepEqual(ports({ api_port: 9100 }, {}), [9100]);
  assert.deepEqual(ports({ port: 3000 }, { port: 3000 }), [3000]);
  assert.deepEqual(ports({ port: 3900 }, { internal_port: 3900 }), [3900]);
  assert.deepEqual(ports({ internal_port: 9100 }, {}), [9100]);
  assert.deepEqual(ports({ port: 80 }, { route_ports: [443, 80] }), [80]);
  assert.deepEqual(ports({ route_ports: [9100] }, {}), [9100]);
  assert.deepEqual(ports({ route_ports: [80, 443] }, { route_ports: [80, 443] }), []);
  assert.deepEqual(ports({ api_port: 1, port: 2, internal_port: 3 }, { api_port: 3, port: 1, internal_port: 2 }), [1, 2, 3]);
});

test('both uses are told', () => {
  const [shared] = sharedPorts(claims('shop', { api_port: 1, port: 9100 }), claims('blog', {}));
  assert.deepEqual(shared, { port: 9100, use: '"port" in its contract', otherUse: 'its API, --port' });
});

import { startCaddyRig } from './suite/caddy-rig.ts';
import { testRouter } from './suite.ts';

testRouter({ name: 'caddy by socket', keepsStreams: true, tellsStreams: true, routes: true, mayReset: false }, (t) =>
  startCaddyRig(t, { upstream: 'socket' }),
);

// Every change of Caddy's configuration closes its WebSockets, and idle connections in the moment that a client may use them.
testRouter({ name: 'caddy by port', keepsStreams: false, tellsStreams: false, routes: true, mayReset: true }, (t) =>
  startCaddyRig(t, { upstream: 'port' }),
);

import { startCaddyRig } from './suite/caddy-rig.ts';
import { testRouter } from './suite.ts';

const both = { closesStreams: false, routes: true };

testRouter({ ...both, name: 'caddy, socket', keepsStreams: true, mayLose: [] }, (t) => startCaddyRig(t, { upstream: 'socket' }));

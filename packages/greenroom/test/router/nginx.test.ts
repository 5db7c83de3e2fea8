import { startNginxRig } from './suite/nginx-rig.ts';
import { testRouter } from './suite.ts';

testRouter({ name: 'nginx by socket', keepsStreams: true, tellsStreams: true, routes: true, mayReset: false }, (t) =>
  startNginxRig(t, 'socket'),
);

import { startNginxRig } from './suite/nginx-rig.ts';
import { testRouter } from './suite.ts';

testRouter({ name: 'nginx by socket', keepsStreams: true, closesStreams: true, routes: true, mayLose: [] }, (t) =>
  startNginxRig(t, 'socket'),
);

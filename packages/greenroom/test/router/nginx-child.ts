/** An orchestrator's router that switches between two targets until it is killed; says each switch that it knows of. */
import { createNginxRouter, type NginxRouterOptions } from '../../src/orchestrator/adapters/router/nginx/router.ts';
import type { RouteTarget } from '../../src/orchestrator/ports.ts';

const [options, targets] = JSON.parse(process.argv[2] ?? '') as [Omit<NginxRouterOptions, 'log'>, RouteTarget[]];
const router = createNginxRouter({ ...options, log: () => undefined });
await router.register();
for (;;) for (const target of targets) console.log((await router.switchTo(target)).ok ? target.instance : 'failed');

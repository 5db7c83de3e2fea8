/** Boots instances as an orchestrator does and waits to be killed: `node host.ts DATA CONTRACT COUNT`. Prints the instances as one line of JSON. */
import { contractSchema } from '../../src/orchestrator/core/contract.ts';
import { layoutOf } from '../../src/orchestrator/layout.ts';
import { COMMIT, newId, openInstances } from './rig.ts';

const [data = '', contract = '', count = ''] = process.argv.slice(2);
const instances = openInstances(layoutOf(data), contractSchema.parse(JSON.parse(contract)));
const booted = [];
for (let index = 0; index < Number(count); index++) {
  const result = await instances.boot({ instance: newId(), slot: 'a', commit: COMMIT });
  if (result.ok) booted.push(result.value);
}
console.log(JSON.stringify(booted));
setInterval(() => undefined, 1_000);

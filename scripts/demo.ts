import { parseArgs } from 'node:util';
import { runDemo } from './demo/run.ts';

const { values } = parseArgs({
  options: { once: { type: 'boolean', default: false }, help: { type: 'boolean', short: 'h', default: false } },
});

if (values.help) {
  console.log(`npm run demo [-- --once]

Puts a small web app under Greenroom, deploys a new version and a broken one while visitors use it, and rolls back. Takes about 20 seconds.
Everything is in a temporary folder and goes away with Ctrl-C.
  --once  end without waiting, with 0 when all went as it should and 1 when not`);
} else {
  process.exitCode = await runDemo({ once: values.once });
}

import { upgradeApp } from '../../packages/greenroom/src/cli/apps/upgrade-app.ts';
import { layoutOf } from '../../packages/greenroom/src/orchestrator/layout.ts';
import { listApps } from '../../packages/greenroom/src/registry/index.ts';
import type { StepName } from '../../packages/sdk/src/wire.ts';
import { atRest } from '../harness/at-rest.ts';
import { CLI } from '../harness/greenroom.ts';
import type { UpgradeRig } from './rig.ts';
import type { Watch } from './watch.ts';

/** When the upgrade comes: as the agent begins its turn, or as a deploy is at this step. */
export type Moment = 'turn' | Extract<StepName, 'gate' | 'boot' | 'promote' | 'retire'>;

export interface Round {
  moment: Moment;
  /** Whose deploy it is: the agent's, in a turn, or a person's. */
  by: 'agent' | 'person';
  /** Ends what is under way, as SIGUSR2 does, instead of waiting for it. */
  now: boolean;
}

export interface OrchestratorUpgrade extends Round {
  /** How long no orchestrator answered, milliseconds. */
  awayMs: number;
  /** How the deploy ended: `succeeded`, or the code of its failure. */
  deploy: string;
  /** How the agent's turn ended; empty for a person's deploy. */
  turn: string;
}

/** Each asked for in turn, so that each changes something. */
const COLOURS = ['blue', 'red', 'teal', 'violet', 'orange', 'pink'];

/** Puts another orchestrator in the place of the one that runs, at that moment, and waits until all that was under way is over. Throws when an attempt is lost. */
export async function upgradeAt(rig: UpgradeRig, watch: Watch, round: Round, index: number): Promise<OrchestratorUpgrade> {
  const { greenroom, chat } = rig;
  await atRest(greenroom);
  const known = new Set((await greenroom.client.deploys()).map(({ id }) => id));
  const turnRuns = Promise.withResolvers<void>();
  const atStep = watch.next(({ attempts }) =>
    attempts.some(({ id, steps }) => !known.has(id) && steps.some(({ step, status }) => step === round.moment && status === 'running')),
  );
  // Nobody waits for it where the turn is the moment.
  atStep.catch(() => undefined);
  const turn =
    round.by === 'person'
      ? greenroom.client.deploy({ commit: rig.commit() }).then(() => '')
      : chat
          .ask(`Make it ${COLOURS[index % COLOURS.length]}`, (event) => {
            if (event.kind === 'turn' && event.status === 'running') turnRuns.resolve();
          })
          .then(({ status, detail }) => [status, detail].filter(Boolean).join(': '));
  await (round.moment === 'turn' ? turnRuns.promise : atStep);
  const awayMs = await upgrade(rig, round.now);
  const ended = await turn;
  await atRest(greenroom);
  const made = (await greenroom.client.deploys()).filter(({ id }) => !known.has(id));
  const [attempt] = made;
  if (!attempt || made.length !== 1) throw new Error(`${made.length} attempts instead of one: ${JSON.stringify(made)}`);
  return { ...round, awayMs, deploy: attempt.code ?? attempt.status, turn: ended };
}

/** As `greenroom upgrade` does, from this process: a command of its own would take longer to start than most steps take. */
async function upgrade({ greenroom }: UpgradeRig, now: boolean): Promise<number> {
  const app = (await listApps(greenroom.home)).apps.find(({ data }) => data === greenroom.data);
  if (!app) throw new Error('the app is not registered');
  const { away_ms, was_running } = await upgradeApp({ app, layout: layoutOf(app.data) }, { now, command: [process.execPath, CLI] });
  if (!was_running) throw new Error('no orchestrator ran');
  return away_ms;
}

import { z } from 'zod';
import { describeFollowed } from './attempt.ts';
import { reason } from './deploy.ts';
import { followFor } from './follow.ts';
import { awaitUpgrade } from './present.ts';
import { defineVerb } from './verb.ts';

export const rollback = defineVerb({
  name: 'rollback',
  command: 'rollback',
  title: 'Go back to the previous version',
  description:
    'Makes the version before the live one live again, at once. Use it when the live version is broken, or when the person asks for it. It does not change your working copy or your branch.',
  input: z.object({ reason }),
  readOnly: false,
  async run(context, { reason: why }, call) {
    const { client, conversation, turn } = context;
    await awaitUpgrade(context, call);
    const body = { reason: why, trigger: 'agent', origin: { conversation, turn } } as const;
    const followed = await followFor(context, call, () => client.rollback(body, { async: true }));
    return await describeFollowed('rollback', followed, async () => 'Report to the person when it cannot be helped by a deploy.');
  },
});

import { isIsolated } from '../../../packages/greenroom/test/real-agents/isolated.ts';

if (isIsolated()) {
  const folder = '../../../packages/greenroom/test/real-agents';
  const [{ realAgents }, { tellStory }] = await Promise.all([import(`${folder}/agents.ts`), import(`${folder}/tell.ts`)]);
  tellStory(realAgents.claude);
}

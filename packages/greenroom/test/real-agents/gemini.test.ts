import { isIsolated } from './isolated.ts';

if (isIsolated()) {
  const [{ realAgents }, { tellStory }] = await Promise.all([import('./agents.ts'), import('./tell.ts')]);
  tellStory(realAgents.gemini);
}

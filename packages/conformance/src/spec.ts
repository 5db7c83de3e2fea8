import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** The first is the packed package's copy, the second the repository's. */
const PLACES = ['../spec/orchestrator.md', '../../../docs/spec/orchestrator.md'];
/** Requirements are list items that begin with their id: `- **START-1** …`. */
const REQUIREMENT = /^- \*\*([A-Z]+-\d+)\*\*\s+(.*)$/gm;

/** Path of the specification that came with the suite. */
export function shippedSpec(): string {
  const found = PLACES.map((place) => fileURLToPath(new URL(place, import.meta.url))).find(existsSync);
  if (!found) throw new Error('The specification (orchestrator.md) is not beside the suite: name it with --spec FILE.');
  return found;
}

/** Ids and first lines of all requirements, in the order of the text. */
export function readRequirements(file: string): Map<string, string> {
  const requirements = new Map<string, string>();
  for (const [, id = '', text = ''] of readFileSync(file, 'utf8').matchAll(REQUIREMENT)) {
    if (requirements.has(id)) throw new Error(`${file}: requirement ${id} stands there twice.`);
    requirements.set(id, text);
  }
  if (requirements.size === 0) throw new Error(`${file}: no requirements found (lines that begin with "- **START-1** ").`);
  return requirements;
}

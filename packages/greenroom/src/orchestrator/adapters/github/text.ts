/** GitHub refuses longer descriptions of deployments and statuses. */
export const DESCRIPTION_CHARACTERS = 140;

/** One line that GitHub accepts as a description; cut between characters, never inside of one. */
export function descriptionOf(text: string): string {
  const line = text.replace(/\s+/g, ' ').trim();
  if (line.length <= DESCRIPTION_CHARACTERS) return line;
  let cut = '';
  for (const character of line) {
    if (cut.length + character.length >= DESCRIPTION_CHARACTERS) break;
    cut += character;
  }
  return `${cut}…`;
}

/** The link to an attempt, as a field; no field when there is no place to link to. */
export function logLink<F extends string>(field: F, template: string, attempt: string): Partial<Record<F, string>> {
  if (template === '') return {};
  return { [field]: template.replaceAll('{id}', encodeURIComponent(attempt)) } as Record<F, string>;
}

/** Text of others inside of Markdown: in a code span nothing is a link, a mention or a closing keyword. */
export function codeSpan(text: string): string {
  const line = text.replace(/\s+/g, ' ').replaceAll('`', "'").replaceAll('|', '/').trim();
  return line === '' ? '' : `\`${line}\``;
}

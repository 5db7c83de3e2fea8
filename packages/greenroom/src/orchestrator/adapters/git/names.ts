/** Whether a text may be the name of a branch or tag: git's own rules (`git check-ref-format --branch`), and nothing that looks like an option. */
export function isRefName(name: string): boolean {
  if (name === '' || name === '@' || name === 'HEAD' || name.startsWith('-') || name.endsWith('.') || name.length > 255) return false;
  if (name.includes('..') || name.includes('@{') || name.includes('//')) return false;
  if (hasForbiddenCharacter(name)) return false;
  return name.split('/').every((part) => part !== '' && !part.startsWith('.') && !part.endsWith('.lock'));
}

/** Whether a text may be a commit id, full or abbreviated (at least 4 digits). */
export function isHexId(text: string): boolean {
  return /^[0-9a-f]{4,64}$/i.test(text);
}

export function isFullId(text: string): boolean {
  return /^([0-9a-f]{40}|[0-9a-f]{64})$/i.test(text);
}

/** Quotes a word for the shell through which git starts the far end of a local transport. */
export function shellQuote(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}

function hasForbiddenCharacter(name: string): boolean {
  for (const character of name) {
    const code = character.codePointAt(0) ?? 0;
    if (code <= 0x20 || code === 0x7f || '~^:?*[\\'.includes(character)) return true;
  }
  return false;
}

/** Puts each byte of a part that is not UTF-8 where no UTF-8 text can be: into the lone surrogates. */
const LONE_SURROGATES = 0xdc00;

/**
 * The text of a path whose bytes are given as Latin-1. Two paths are never the same text: a decoder's replacement characters would let one link of a tree hide
 * another. Part by part, so that a folder has one name however the files in it are called.
 */
export function nameOf(latin1: string): string {
  return latin1.split('/').map(partOf).join('/');
}

function partOf(latin1: string): string {
  const text = Buffer.from(latin1, 'latin1').toString('utf8');
  if (Buffer.from(text, 'utf8').toString('latin1') === latin1) return text;
  return latin1.replace(/[\x80-\xff]/g, (byte) => String.fromCharCode(LONE_SURROGATES + byte.charCodeAt(0)));
}

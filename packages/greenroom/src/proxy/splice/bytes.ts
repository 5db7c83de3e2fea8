/** Bytes by what RFC 9110 and 9112 allow them to be part of, for loops that look at each byte once. */

export const CR = 0x0d;
export const LF = 0x0a;
export const SP = 0x20;
export const HT = 0x09;
export const DOT = 0x2e;
export const COLON = 0x3a;
export const COMMA = 0x2c;
export const HASH = 0x23;
export const SLASH = 0x2f;
export const OPEN_BRACKET = 0x5b;
export const CLOSE_BRACKET = 0x5d;
export const QUOTE = 0x22;
export const BACKSLASH = 0x5c;
export const EQUALS = 0x3d;
export const SEMICOLON = 0x3b;
export const UNDERSCORE = 0x5f;

/** `tchar`: header names, methods. */
export const TOKEN = tableOf("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ");
/** What a header's value may hold: visible characters, space, tab, and bytes above ASCII. */
export const FIELD = tableFrom((byte) => byte === HT || (byte >= SP && byte !== 0x7f));
/** What a request target may hold: visible ASCII but `#`. */
export const TARGET = tableFrom((byte) => byte > SP && byte < 0x7f && byte !== HASH);
/** `reg-name` and IPv4. */
export const HOST = tableOf("!$&'()*+,;=%-._~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ");
/** Value of a hexadecimal digit, or 255. */
export const HEX = Uint8Array.from({ length: 256 }, (_, byte) => {
  const digit = Number.parseInt(String.fromCharCode(byte), 16);
  return Number.isNaN(digit) ? 255 : digit;
});

/** The bytes as text, one character each. */
export function text(bytes: Buffer, start: number, end: number): string {
  return bytes.toString('latin1', start, end);
}

/** The bytes of a name in lower case. */
export function lower(name: string): Uint8Array {
  return Uint8Array.from(Buffer.from(name.toLowerCase(), 'latin1'));
}

/** Whether the token bytes from `start` are the name, whatever their case. `name` is in lower case and as long as the bytes. */
export function isName(bytes: Uint8Array, start: number, name: Uint8Array): boolean {
  // In tokens, the bit makes no other byte equal to a lower-case letter or a hyphen.
  for (let i = 0; i < name.length; i += 1) if (((bytes[start + i] as number) | 0x20) !== name[i]) return false;
  return true;
}

function tableOf(characters: string): Uint8Array {
  const bytes = new Set(Buffer.from(characters, 'latin1'));
  return tableFrom((byte) => bytes.has(byte));
}

function tableFrom(allowed: (byte: number) => boolean): Uint8Array {
  return Uint8Array.from({ length: 256 }, (_, byte) => (allowed(byte) ? 1 : 0));
}

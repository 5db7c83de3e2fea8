/**
 * Shorter values are not hidden: they are words and numbers like "true" or "5432", and hiding each of their occurrences would make text unreadable
 * and hide nothing.
 */
export const SHORTEST_SECRET = 5;

/** Widths at which base64 is broken into lines by common programs. */
const BASE64_WIDTHS = [64, 76];

/** The value as programs print it: as it is, line by line, and in the encodings that are common in logs, URLs and answers. Longest first. */
export function formsOf(value: string): string[] {
  // A key of several lines appears line by line in a log.
  const pieces = [value, value.trim(), ...value.split(/\r?\n/).map((line) => line.trim())];
  const forms = new Set(pieces.filter((piece) => piece.length >= SHORTEST_SECRET).flatMap(encodings));
  return [...forms].filter((form) => form.length >= SHORTEST_SECRET).sort((one, other) => other.length - one.length);
}

function encodings(piece: string): string[] {
  const bytes = Buffer.from(piece, 'utf8');
  const json = JSON.stringify(piece).slice(1, -1);
  const hex = bytes.toString('hex');
  return [
    piece,
    json,
    // JSON within JSON, as a logger writes a body; and as encoders write it that keep to ASCII, or escape the slash.
    JSON.stringify(json).slice(1, -1),
    ascii(json),
    json.replaceAll('/', '\\/'),
    ...urlForms(piece),
    ...html(piece),
    ...shell(piece),
    hex,
    hex.toUpperCase(),
    hex.replace(/..(?!$)/g, '$& '),
    [...bytes].join(','),
    [...bytes].join(', '),
    ...base64Forms(bytes),
  ];
}

function urlForms(piece: string): string[] {
  const component = encodeURIComponent(piece.toWellFormed());
  const strict = component.replace(/[!'()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`);
  const form = new URLSearchParams([['', piece]]).toString().slice(1);
  const forms = [component, strict, strict.replaceAll('%20', '+'), form, encodeURI(piece.toWellFormed())];
  return forms.flatMap((each) => [each, each.replace(/%[0-9A-F]{2}/g, (escaped) => escaped.toLowerCase())]);
}

function html(piece: string): string[] {
  const named = piece.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
  const quoted = named.replaceAll('"', '&quot;');
  return [named, quoted, quoted.replaceAll("'", '&#39;'), quoted.replaceAll("'", '&#x27;')];
}

function shell(piece: string): string[] {
  return [
    piece.replaceAll("'", "'\\''"),
    piece.replaceAll("'", "\\'"),
    piece.replace(/["$`\\]/g, '\\$&'),
    piece.replace(/[^\w@%+=:,./-]/g, '\\$&'),
  ];
}

/** Base64 of a text that the value is part of: what is the same whatever stands before and after it, for each of the three ways to fall. */
function base64Forms(bytes: Buffer): string[] {
  const cores = [0, 1, 2].map((offset) => {
    const text = Buffer.concat([Buffer.alloc(offset), bytes]).toString('base64');
    return text.slice(Math.ceil((offset * 8) / 6), Math.floor(((offset + bytes.length) * 8) / 6));
  });
  const whole = bytes.toString('base64');
  const wrapped = BASE64_WIDTHS.filter((width) => whole.length > width).flatMap(
    (width) => whole.match(new RegExp(`.{${SHORTEST_SECRET},${width}}`, 'g')) ?? [],
  );
  const forms = [...cores, whole, ...wrapped];
  return [...forms, ...forms.map((form) => form.replaceAll('+', '-').replaceAll('/', '_'))];
}

function ascii(json: string): string {
  return json.replace(/[^\x20-\x7e]/g, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

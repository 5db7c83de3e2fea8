import type { Form } from '../../app-doctor/traffic.ts';

/** What "greenroom doctor --app" is told beside the app. */
export interface AppDoctorFlags {
  readonly path?: readonly string[];
  readonly signIn?: Form;
  readonly without?: readonly string[];
}

/** A public path, for a flag. */
export function urlPath(input: string): string {
  if (/^\/[\x21-\x7e]*$/.test(input)) return input;
  throw new SyntaxError('it must begin with "/" and hold neither spaces nor characters beyond ASCII');
}

/** `PATH name=value&name=value`, for a flag. */
export function form(input: string): Form {
  const space = input.indexOf(' ');
  if (space < 0) throw new SyntaxError('it must be a path, a space and a form: "/login name=ann&password=secret"');
  return { path: urlPath(input.slice(0, space)), body: input.slice(space + 1) };
}

/** The name of an environment variable, for a flag. */
export function variableName(input: string): string {
  if (/^[A-Za-z_][A-Za-z0-9_]*$/.test(input)) return input;
  throw new SyntaxError('it must be the name of an environment variable');
}

/** What every git of Greenroom's is started with, so that nothing which a repository's files or configuration name is executed. */

/** As `-c name=value`: settings that make hostile configuration and content inert. */
export const INERT_SETTINGS: readonly string[] = [
  'core.hooksPath=/dev/null',
  'core.fsmonitor=false',
  'core.pager=cat',
  'core.attributesFile=/dev/null',
  'core.fsync=committed,reference',
  'core.fsyncMethod=batch',
  'diff.external=',
  'protocol.ext.allow=never',
  'submodule.recurse=false',
  'gc.auto=0',
  'maintenance.auto=false',
  'commit.gpgSign=false',
  'advice.detachedHead=false',
];

/** The whole environment; `protocols` is the value of GIT_ALLOW_PROTOCOL. */
export function inertEnvironment(protocols = 'none'): Record<string, string> {
  return {
    PATH: process.env['PATH'] ?? '/usr/local/bin:/usr/bin:/bin',
    // A folder that cannot exist: no file of any user is read as configuration.
    HOME: '/dev/null',
    LC_ALL: 'C',
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_ATTR_NOSYSTEM: '1',
    GIT_NO_REPLACE_OBJECTS: '1',
    GIT_GRAFT_FILE: '/dev/null',
    GIT_TERMINAL_PROMPT: '0',
    GIT_OPTIONAL_LOCKS: '0',
    GIT_LITERAL_PATHSPECS: '1',
    GIT_ALLOW_PROTOCOL: protocols,
  };
}

/** Splits output of `-z` commands. */
export function nulFields(bytes: Buffer): string[] {
  const fields = bytes.toString('utf8').split('\0');
  if (fields.at(-1) === '') fields.pop();
  return fields;
}

/** The line of standard error that says why, without git's prefix. */
export function firstLine(stderr: string): string {
  const lines = stderr.split('\n').filter((line) => line.trim() !== '');
  const telling = lines.find((line) => /^(fatal|error):/.test(line)) ?? lines[0] ?? '';
  return telling.replace(/^(fatal|error): /, '');
}

/** Which release this process is, as Greenroom told it. */
export interface Release {
  version: string;
  commit: string;
  slot: string;
}

export function releaseOf(env: NodeJS.ProcessEnv, version: string): Release {
  return { version, commit: env['GREENROOM_COMMIT'] ?? '', slot: env['GREENROOM_SLOT'] ?? '' };
}

/** The secrets could not be read. The message is a sentence for the operator, without any value. */
export class SecretsError extends Error {
  override name = 'SecretsError';
  /** Somebody else can read or change them: nothing may be begun before that is mended. */
  readonly unsafe: boolean;

  constructor(message: string, { unsafe = false, cause }: { unsafe?: boolean; cause?: unknown } = {}) {
    super(message, cause === undefined ? undefined : { cause });
    this.unsafe = unsafe;
  }
}

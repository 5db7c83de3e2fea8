/** A stable port that cannot be had, or a proxy that cannot be started. The message is a sentence for people. */
export class RouterError extends Error {
  override name = 'RouterError';
  readonly code: string;
  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

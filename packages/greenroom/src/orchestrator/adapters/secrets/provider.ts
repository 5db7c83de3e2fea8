/** A place that knows secrets. Another one is written by implementing this, or from outside with the provider `command`. */
export interface SecretProvider {
  /** For people, at the begin of a sentence: `Vault at https://vault.example:8200`. */
  name: string;
  /**
   * What it knows; it may answer more than the names asked for. Throws `SecretsError` (a sentence that names it and says what to do, never a value), or
   * anything once `signal` is aborted: that is the time limit. Leaves nothing running.
   */
  read(names: readonly string[], signal: AbortSignal): Promise<Readonly<NodeJS.Dict<string>>>;
}

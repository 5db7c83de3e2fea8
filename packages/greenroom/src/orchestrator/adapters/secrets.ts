import type { SecretProviderSettings } from '../core/contract-secrets.ts';
import type { Layout } from '../layout.ts';
import type { Secrets } from '../ports.ts';
import { SecretsError } from './secrets/error.ts';
import { envFileProvider, environmentProvider, systemdProvider } from './secrets/local.ts';
import { commandProvider, decryptedFile } from './secrets/programs.ts';
import type { SecretProvider } from './secrets/provider.ts';
import { vaultProvider } from './secrets/vault.ts';

export { SecretsError } from './secrets/error.ts';

interface SecretsContract {
  secrets: { providers: readonly SecretProviderSettings[]; timeout_ms: number };
}

export interface SecretsOptions {
  layout: Pick<Layout, 'secrets'>;
  contract: SecretsContract;
  /** The orchestrator's own environment. */
  env?: NodeJS.ProcessEnv;
}

/**
 * Secrets from the contract's providers, in their order, only the names asked for; a provider is asked for what those before it did not know, and
 * not at all when nothing is left. An empty value counts as known: it may be meant. One that fails, or takes too long, fails the whole.
 */
export function createSecrets({ layout, contract, env = process.env }: SecretsOptions): Secrets {
  const { timeout_ms: timeoutMs, providers } = contract.secrets;
  const opened = providers.map((settings) => openProvider(settings, layout, env));
  return {
    async read(names) {
      const values: Record<string, string> = {};
      let missing = [...names];
      for (const provider of opened) {
        if (missing.length === 0) break;
        const found = await within(timeoutMs, provider, missing);
        for (const name of missing) if (Object.hasOwn(found, name)) values[name] = found[name] ?? '';
        missing = missing.filter((name) => !Object.hasOwn(values, name));
      }
      return { values, missing };
    },
  };
}

/** What to do about a name that no provider knows, as a sentence. */
export function remedyFor({ secrets }: SecretsContract, layout: Pick<Layout, 'secrets'>): string {
  const file = secrets.providers.find((it) => it.provider === 'env_file');
  const place = file
    ? `Write them to ${file.path ?? layout.secrets} (mode 0600) as NAME=value`
    : `Add them to ${secrets.providers[0]?.provider}`;
  const environment = secrets.providers.some((it) => it.provider === 'environment') ? ', or set them in this environment' : '';
  return `${place}${environment}.`;
}

function openProvider(settings: SecretProviderSettings, layout: Pick<Layout, 'secrets'>, env: NodeJS.ProcessEnv): SecretProvider {
  switch (settings.provider) {
    case 'env_file':
      return envFileProvider(settings.path ?? layout.secrets, { required: settings.path !== undefined });
    case 'environment':
      return environmentProvider(env);
    case 'systemd':
      return systemdProvider(env);
    case 'command':
      return commandProvider(settings.command, env);
    case 'sops':
      return decryptedFile(`SOPS (${settings.file})`, ['sops', '--decrypt', '--output-type', 'json', settings.file], env);
    case 'age':
      return decryptedFile(`age (${settings.file})`, ['age', '--decrypt', '--identity', settings.identity, settings.file], env);
    case 'vault':
      return vaultProvider(settings);
    default: {
      const exhaustive: never = settings;
      throw new Error(`unknown provider ${JSON.stringify(exhaustive)}`);
    }
  }
}

async function within(timeoutMs: number, provider: SecretProvider, names: readonly string[]): Promise<Readonly<NodeJS.Dict<string>>> {
  const signal = AbortSignal.timeout(timeoutMs);
  try {
    return await provider.read(names, signal);
  } catch (error) {
    if (error instanceof SecretsError) throw error;
    if (signal.aborted) throw new SecretsError(`${provider.name} did not answer within ${timeoutMs} ms (secrets.timeout_ms).`);
    throw error;
  }
}

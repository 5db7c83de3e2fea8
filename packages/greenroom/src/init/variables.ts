import type { AppFiles } from './app-files.ts';
import type { Unknown } from './types.ts';

const EXAMPLES = ['.env.example', '.env.sample', '.env.template', '.env.dist', '.env'];
const SECRET_NAME =
  /SECRET|TOKEN|KEY|PASS|CREDENTIAL|DSN|AUTH|PRIVATE|SALT|(?:DATABASE|DB|REDIS|MONGO\w*|AMQP|POSTGRES\w*|MYSQL)_UR[IL]|WEBHOOK/;
const PLACEHOLDER = /^(?:your|change|replace|xxx|<|\.\.\.|todo)/i;
/** Set by Greenroom for each instance, or by the machine. */
const NOT_THE_OPERATORS = /^(?:PORT|INTERNAL_PORT|HOST|HOSTNAME|PATH|HOME|GREENROOM\w*)$/;

/**
 * Variables that the app wants, from its example of an environment file: names that look like secrets for `secrets_inject`, others with their
 * example value for `env`. Of a real `.env` file only the names are looked at.
 */
export async function findVariables(
  files: AppFiles,
): Promise<{ secrets: string[]; env: Record<string, string>; unknowns: Unknown[]; explanations: string[] }> {
  const file = EXAMPLES.find((name) => files.has(name));
  const env: Record<string, string> = {};
  const secrets: string[] = [];
  if (file === undefined) return { secrets, env, unknowns: [], explanations: [] };
  for (const [name, value] of variablesOf(await files.lines(file))) {
    if (NOT_THE_OPERATORS.test(name) || secrets.includes(name)) continue;
    if (file === '.env' || value === '' || SECRET_NAME.test(name) || PLACEHOLDER.test(value)) secrets.push(name);
    else env[name] = value;
  }
  const explanations: string[] = [];
  const unknowns: Unknown[] = [];
  if (Object.keys(env).length > 0)
    explanations.push(`env: values of ${file} (${Object.keys(env).join(', ')}); check that they are those of production.`);
  if (secrets.length > 0) {
    explanations.push(`secrets_inject: names in ${file}.`);
    const values = secrets.length === 1 ? `The value of ${secrets[0]}` : `The values of ${secrets.join(', ')}`;
    unknowns.push({
      field: 'secrets_inject',
      text: `${values}: write NAME=value lines to secrets.env (mode 0600) in the app's data folder; a .env file of the app is not in its releases.`,
    });
  }
  return { secrets: secrets.filter((name) => !Object.hasOwn(env, name)), env, unknowns, explanations };
}

function variablesOf(lines: string[]): [string, string][] {
  return lines.flatMap((line): [string, string][] => {
    const match = /^\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*?)\s*$/.exec(line);
    if (match?.[1] === undefined) return [];
    const value = /^(["'])(.*)\1$/.exec(match[2] ?? '')?.[2] ?? (match[2] ?? '').replace(/\s+#.*$/, '');
    return [[match[1], value]];
  });
}

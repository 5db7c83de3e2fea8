import type { ContractProblem } from './contract-problems.ts';
import { problemAt } from './contract-problems.ts';
import { routerProblems } from './contract-router-rules.ts';
import { runnerProblems } from './contract-runner-rules.ts';

type Fields = Record<string, unknown>;

const DEFAULT_BRANCHES = { human_branch: 'main', agent_branch: 'machine' };
const FRAMING_HEADERS = ['connection', 'content-length', 'transfer-encoding', 'upgrade'];

/** Rules between fields. Looks only at values of the right type: the others are refused already. */
export function crossFieldProblems(contract: Fields): ContractProblem[] {
  return [
    ...portProblems(contract),
    ...routerProblems(contract),
    ...runnerProblems(contract),
    ...branchProblems(contract),
    ...sharedPathProblems(contract),
    ...secretProblems(contract),
    ...headerProblems(contract),
    ...patternProblems(contract),
    ...alertTargetProblems(contract),
    ...agentProblems(contract),
  ];
}

function portProblems({ port, internal_port, internal_socket }: Fields): ContractProblem[] {
  if (internal_port !== undefined && internal_socket !== undefined)
    return [
      problemAt(['internal_socket'], internal_socket, 'left out beside internal_port', 'It takes the place of internal_port: keep one.'),
    ];
  if (typeof port !== 'number' || port !== internal_port) return [];
  const hint = 'Leave internal_port out when the app has one listener.';
  return [problemAt(['internal_port'], internal_port, 'another port than port', hint)];
}

function branchProblems(contract: Fields): ContractProblem[] {
  const { human_branch: human, agent_branch: agent } = { ...DEFAULT_BRANCHES, ...contract };
  if (typeof human !== 'string' || human !== agent) return [];
  const field = Object.hasOwn(contract, 'agent_branch') ? 'agent_branch' : 'human_branch';
  const other = field === 'agent_branch' ? 'human_branch' : 'agent_branch';
  return [problemAt([field], human, `another branch than ${other}, which is ${JSON.stringify(human)}`)];
}

function agentProblems({ agent }: Fields): ContractProblem[] {
  if (!isObject(agent) || agent['workspace'] !== 'inactive-slot') return [];
  const hint =
    'The slot that is not live is another folder after each deploy, which no agent survives, and it holds the release to roll back to. Leave it out: the agent then has a clone of its own (docs/adr/0014).';
  return [problemAt(['agent', 'workspace'], 'inactive-slot', '"own"', hint)];
}

function sharedPathProblems({ shared_paths }: Fields): ContractProblem[] {
  const problems: ContractProblem[] = [];
  const earlier: string[] = [];
  for (const [index, path] of texts(shared_paths)) {
    const segments = path.replace(/\/$/, '').split('/');
    const inside = earlier.find((other) => nested(other, segments.join('/')));
    if (segments.some((segment) => segment.toLowerCase() === '.git')) {
      problems.push(problemAt(['shared_paths', index], path, "a path outside .git, which is Greenroom's"));
    } else if (inside !== undefined) {
      problems.push(problemAt(['shared_paths', index], path, `a path that is not ${JSON.stringify(inside)}, inside it or around it`));
    }
    earlier.push(segments.join('/'));
  }
  return problems;
}

function nested(one: string, other: string): boolean {
  return one === other || one.startsWith(`${other}/`) || other.startsWith(`${one}/`);
}

function secretProblems({ secrets_inject, env }: Fields): ContractProblem[] {
  const problems: ContractProblem[] = [];
  const seen = new Set<string>();
  for (const [index, name] of texts(secrets_inject)) {
    if (seen.has(name)) problems.push(problemAt(['secrets_inject', index], name, 'each name once'));
    else if (isObject(env) && Object.hasOwn(env, name)) {
      problems.push(problemAt(['secrets_inject', index], name, 'a name that is not in env', 'Take it out of one of the two.'));
    }
    seen.add(name);
  }
  return problems;
}

function headerProblems({ health_test_payload: payload }: Fields): ContractProblem[] {
  const headers = isObject(payload) ? payload['headers'] : undefined;
  if (!isObject(headers)) return [];
  const framing = Object.keys(headers).filter((name) => FRAMING_HEADERS.includes(name.toLowerCase()));
  return framing.map((name) =>
    problemAt(['health_test_payload', 'headers'], name, 'headers that do not frame the request: Greenroom sets those'),
  );
}

function alertTargetProblems({ alert_targets: targets }: Fields): ContractProblem[] {
  if (!Array.isArray(targets)) return [];
  return targets.flatMap((target, index) => (isObject(target) ? alertTargetProblem(target, ['alert_targets', index]) : []));
}

function alertTargetProblem(target: Fields, path: PropertyKey[]): ContractProblem[] {
  const { type, url, url_env, to, token_env } = target;
  const email = type === 'email';
  const at = (field: string, allowed: string, hint?: string): ContractProblem[] => [
    problemAt([...path, field], target[field], allowed, hint),
  ];
  if (url !== undefined && url_env !== undefined) return at('url_env', 'left out beside url');
  if (url === undefined && url_env === undefined && !email) return at('url', 'a URL, or the name of a variable that holds it in url_env');
  if (email && to === undefined) return at('to', 'an e-mail address, or a list of them');
  if (token_env !== undefined && type !== 'ntfy' && type !== 'webhook') return at('token_env', 'used for "ntfy" and "webhook" only');
  if (typeof url !== 'string' || !URL.canParse(url)) return [];
  const { protocol, username, password } = new URL(url);
  if (email !== protocol.startsWith('smtp'))
    return at('url', email ? 'an smtp:// or smtps:// URL for e-mail' : 'an http:// or https:// URL for this type');
  if (username || password)
    return at('url', 'a URL without user and password', 'Put it into secrets.env and name the variable in url_env.');
  return [];
}

function patternProblems({ secret_patterns: patterns }: Fields): ContractProblem[] {
  if (!Array.isArray(patterns)) return [];
  return patterns.flatMap((each, index) => {
    const pattern = isObject(each) ? each['pattern'] : undefined;
    if (typeof pattern !== 'string') return [];
    const wrong = whyNotPattern(pattern);
    return wrong === ''
      ? []
      : [problemAt(['secret_patterns', index, 'pattern'], pattern, 'a regular expression that finds a secret', wrong)];
  });
}

/** Empty when the pattern can be used. */
function whyNotPattern(pattern: string): string {
  try {
    return new RegExp(pattern, 'gmu').test('') ? 'It matches even an empty text, so it would refuse everything.' : '';
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return `${error.message}.`;
  }
}

function texts(list: unknown): [number, string][] {
  if (!Array.isArray(list)) return [];
  return list.flatMap((value, index): [number, string][] => (typeof value === 'string' ? [[index, value]] : []));
}

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

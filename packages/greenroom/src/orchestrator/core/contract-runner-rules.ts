import { type ContractProblem, problemAt } from './contract-problems.ts';
import { isReadByPrograms } from './contract-runner.ts';

/** Looks only at values of the right type: the others are refused already. */
export function runnerProblems({ runner, secrets_inject, setup_command }: Record<string, unknown>): ContractProblem[] {
  if (typeof runner !== 'object' || runner === null) return [];
  const { kind, image, build }: { kind?: unknown; image?: unknown; build?: unknown } = runner;
  if (kind !== 'container') {
    const unused = Object.entries({ image, build }).filter(([, value]) => value !== undefined);
    const hint = 'Add "kind": "container", or leave it out.';
    return unused.map(([name, value]) => problemAt(['runner', name], value, 'nothing, as long as "kind" is not "container"', hint));
  }
  const problems: ContractProblem[] = [];
  if (image === undefined && build === undefined)
    problems.push(problemAt(['runner'], runner, 'an object with "image" or "build", when "kind" is "container"'));
  if (image !== undefined && build !== undefined)
    problems.push(problemAt(['runner', 'build'], build, 'nothing beside "image"', 'Keep one of the two.'));
  if (build !== undefined && setup_command !== undefined) {
    const hint = 'Install the dependencies by a RUN line of the Containerfile.';
    problems.push(problemAt(['setup_command'], setup_command, 'nothing beside "runner.build"', hint));
  }
  const names = Array.isArray(secrets_inject) ? secrets_inject : [];
  for (const [index, name] of names.entries()) {
    if (typeof name !== 'string' || !isReadByPrograms(name)) continue;
    const hint = 'Podman and Docker act on a variable of this name themselves: give the secret another one.';
    problems.push(problemAt(['secrets_inject', index], name, 'a name that means nothing to the container program', hint));
  }
  return problems;
}

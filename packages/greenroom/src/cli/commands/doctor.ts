import { buildCommand } from '@stricli/core';
import type { Form } from '../../app-doctor/traffic.ts';
import { action, type Cli, EXIT, type Exit } from '../context.ts';
import { type AppDoctorFlags, form, urlPath, variableName } from '../doctor/app-flags.ts';
import { count, showFindings } from '../doctor/show.ts';
import { type AppFlags, appFlags, description } from '../flags.ts';
import { findTarget } from '../target.ts';
import { json } from '../terminal.ts';

interface DoctorFlags extends AppFlags, AppDoctorFlags {
  readonly boot: boolean;
}

export const doctor = buildCommand<DoctorFlags, [], Cli>({
  func: action(async (cli: Cli, { app, ...flags }: DoctorFlags) => {
    const named = { ...flags, ...(app === undefined || app === '' ? {} : { app }) };
    return app === '' || flags.boot || asksApp(flags) ? await doctorApp(cli, named) : await doctorMachine(cli, named);
  }),
  parameters: {
    flags: {
      boot: {
        kind: 'boolean',
        default: false,
        withNegated: false,
        brief: 'Boot the app twice and look for what breaks in a swap; so does --app without a NAME',
      },
      path: {
        kind: 'parsed',
        parse: urlPath,
        variadic: true,
        optional: true,
        brief: 'A path that both instances are asked, instead of that of the deep check and "/"; a slow one shows most',
        placeholder: 'PATH',
      },
      signIn: {
        kind: 'parsed',
        parse: form,
        optional: true,
        brief: 'A form that begins a session, posted to one instance: "PATH name=value&name=value"',
        placeholder: 'FORM',
      },
      without: {
        kind: 'parsed',
        parse: variableName,
        variadic: true,
        optional: true,
        brief: 'A variable to lead nowhere, beside those that name a database',
        placeholder: 'VAR',
      },
      ...appFlags,
      app: { ...appFlags.app, inferEmpty: true },
    },
  },
  docs: {
    brief: 'Check the machine and the app, and say what to do about each problem',
    fullDescription: description(
      [
        'Changes nothing. Exits with 1 when something must be repaired before a deploy can work.',
        'With --boot, or --app without a NAME, boots the live commit twice beside what is live, and tells what breaks when one instance takes the place of another; the exit code is 1 when something does. Both work on the data of the app, as every instance does.',
      ].join('\n'),
      [
        ['greenroom doctor', 'the app of this folder'],
        ['greenroom doctor --json', 'for scripts and bug reports'],
        ['greenroom doctor --app', 'boots the app of this folder twice'],
        ['greenroom doctor --app shop --boot --path /report', 'boots the app "shop" twice, and asks a slow path'],
      ],
    ),
  },
});

function asksApp({ path, signIn, without }: { path?: readonly string[]; signIn?: Form; without?: readonly string[] }): boolean {
  return path !== undefined || signIn !== undefined || without !== undefined;
}

async function doctorMachine(cli: Cli, flags: AppFlags): Promise<Exit> {
  const { examine } = await import('../doctor/examine.ts');
  const findings = await examine(cli, flags);
  const { fail } = count(findings);
  if (flags.json) cli.say(json({ ok: fail === 0, findings }, 2));
  else showFindings(cli, findings, 'All is well.');
  return fail === 0 ? EXIT.ok : EXIT.failed;
}

async function doctorApp(cli: Cli, flags: AppFlags & AppDoctorFlags): Promise<Exit> {
  const target = await findTarget(cli, flags);
  const { tryApp } = await import('../doctor/app.ts');
  const examined = await tryApp(cli, target, flags, flags.json);
  if (!examined) return EXIT.interrupted;
  const { commit, findings } = examined;
  const { fail } = count(findings);
  if (flags.json) cli.say(json({ ok: fail === 0, app: target.app.name, commit, findings }, 2));
  else {
    cli.say(`"${target.app.name}" at ${commit.slice(0, 7)}, booted beside what is live, on the data of the app.`);
    showFindings(cli, findings, 'Nothing breaks when one instance takes the place of another.');
  }
  return fail === 0 ? EXIT.ok : EXIT.failed;
}

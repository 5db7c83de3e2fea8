import { mayBecomeOthers } from '../../confine/capabilities.ts';
import { openConfinement } from '../../confine/confinement.ts';
import { examinePlaces } from '../../isolation/examine.ts';
import { ownersOf, whatUsersMeet } from '../../isolation/hold.ts';
import { nameOf, placesOf } from '../../isolation/places.ts';
import { reachesSockets } from '../../orchestrator/core/contract-router.ts';
import type { Finding, Patient } from './examine.ts';

const check = 'isolation';

/** Whether the users of an isolated app are there, and the walls between them stand. Changes nothing. */
export async function checkIsolation({ app, layout, contract }: Pick<Patient, 'app' | 'layout' | 'contract'>): Promise<Finding[]> {
  if (!contract.run_as && !contract.agent?.run_as && !contract.setup_run_as)
    return [
      { check, level: 'ok', says: `none: app, setup and agent run as the orchestrator's user ("greenroom isolate" gives them their own)` },
    ];
  const remedy = `greenroom isolate --app ${app.name}`;
  if (!mayBecomeOthers())
    return [{ check, level: 'warn', says: 'only root can look at what belongs to other users', remedy: 'Run this as root.' }];
  const confinement = await openConfinement(contract, {});
  if ('sentences' in confinement) return confinement.sentences.map((says): Finding => ({ check, level: 'fail', says, remedy }));
  if (!confinement.users) return [];
  const { users } = confinement;
  const isolated = { app: app.name, layout, users, contractFile: app.contract, foreignProxy: reachesSockets(contract) };
  const owners = await ownersOf(isolated);
  if (typeof owners === 'string') return [{ check, level: 'fail', says: owners, remedy }];
  const wrong = await examinePlaces(placesOf(layout, owners, isolated));
  const met = wrong.length === 0 ? await whatUsersMeet(isolated) : [];
  const findings = [
    ...wrong.map(({ place, says }): Finding => ({ check, level: 'fail', says: `${nameOf(place, layout)} ${says}`, remedy })),
    ...met.map((says): Finding => ({ check, level: 'fail', says, remedy: 'Do what it says, then run this again.' })),
  ];
  if (findings.length > 0) return findings;
  const agent = users.agent ? `, agent ${users.agent.name}` : '';
  return [{ check, level: 'ok', says: `app ${users.app.name}, setup ${users.setup.name}${agent}` }, ...openPort(contract)];
}

/** Nothing tells who calls by a port: the walls have a hole there. */
function openPort({ api_access }: Patient['contract']): Finding[] {
  if (api_access !== 'all') return [];
  const says = "every user of the machine, the agent's too, may deploy over the API's port, and counts as a person there";
  return [{ check, level: 'warn', says, remedy: 'Set "api_access" in the contract to "read" or "off".' }];
}

import { constants } from 'node:fs';
import { access, statfs } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { MAX_SOCKET_PATH_BYTES } from '@greenroom/sdk/wire';
import { proxyDirectory } from '../../home.ts';
import { layoutOf } from '../../orchestrator/layout.ts';
import { exists } from '../../registry/index.ts';
import type { Finding, Patient } from './examine.ts';

/** Free space below which a checkout is likely to fail. */
const LEAST_FREE_MB = 200;

export async function checkDataDirectory(data: string, home: string): Promise<Finding[]> {
  const findings: Finding[] = [];
  const place = await existing(data);
  const writable = await access(place, constants.W_OK | constants.X_OK).then(
    () => true,
    () => false,
  );
  findings.push(
    writable
      ? { check: 'data', level: 'ok', says: place === data ? `${data} is writable` : `${data} can be made` }
      : {
          check: 'data',
          level: 'fail',
          says: `${place} is not writable for this user`,
          remedy: `Run Greenroom as its owner, or: chown "$USER" '${place}'`,
        },
  );
  for (const socket of [layoutOf(data).operatorSocket, join(proxyDirectory(home), 'proxy.sock')]) {
    const bytes = Buffer.byteLength(socket);
    if (bytes <= MAX_SOCKET_PATH_BYTES) continue;
    const says = `the path of the socket ${socket} has ${bytes} bytes, the system allows ${MAX_SOCKET_PATH_BYTES}`;
    findings.push({ check: 'data', level: 'fail', says, remedy: 'Use a shorter --data directory or GREENROOM_HOME.' });
  }
  return findings;
}

export async function checkDisk({ app, contract }: Patient): Promise<Finding[]> {
  const check = 'disk';
  const space = await statfs(await existing(app.data));
  const freeMb = Math.floor((space.bavail * space.bsize) / 2 ** 20);
  const usedPercent = Math.round(100 * (1 - space.bavail / space.blocks));
  const says = `${usedPercent} % used, ${freeMb} MB free`;
  const remedy = `Free space on the disk of ${app.data}.`;
  if (freeMb < LEAST_FREE_MB) return [{ check, level: 'fail', says, remedy }];
  if (usedPercent >= contract.disk_threshold_percent) {
    return [{ check, level: 'warn', says: `${says}; the contract's limit is ${contract.disk_threshold_percent} %`, remedy }];
  }
  return [{ check, level: 'ok', says }];
}

/** The path itself, or the closest folder above it that exists. */
async function existing(path: string): Promise<string> {
  return (await exists(path)) || dirname(path) === path ? path : await existing(dirname(path));
}

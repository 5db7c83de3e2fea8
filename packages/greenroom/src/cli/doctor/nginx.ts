import { proxyName } from '../../home.ts';
import { examineNginx } from '../../orchestrator/adapters/router/nginx/examine.ts';
import { nginxSettings } from '../../orchestrator/core/contract-router.ts';
import type { Finding, Patient } from './examine.ts';

/** nginx takes its configuration, reads Greenroom's folder, serves the app while it runs, and reaches its sockets. */
export async function checkNginx({ app, contract, layout, running }: Patient): Promise<Finding[]> {
  const settings = nginxSettings(contract.router);
  const { configDir, command } = settings;
  const found = await examineNginx({ ...settings, app: proxyName(app.name, layout.data), port: contract.port, layout });
  if (found.complaint)
    return [problem(`nginx does not take its configuration: ${found.complaint}`, `Run: ${[...command, '-t'].join(' ')}`)];
  const findings: Finding[] = [];
  const { unwritable } = found;
  // As root the start makes it.
  if (unwritable !== '' && !(unwritable === 'ENOENT' && process.getuid?.() === 0)) {
    const says = unwritable === 'ENOENT' ? `the folder ${configDir} is not there` : `${configDir} cannot be written (${unwritable})`;
    findings.push(problem(says, `Make it for the user that runs Greenroom: mkdir -p ${configDir}, then chown it.`));
  }
  if (!found.reads) {
    const line = `Write "include ${configDir}/*.conf;" as the last line of the http block of nginx.conf, and reload nginx.`;
    findings.push(problem(`nginx does not read ${configDir}`, line));
  }
  if (running && !found.serves)
    findings.push(
      problem(
        `nginx does not serve "${app.name}" on port ${contract.port}`,
        'Start nginx, or look at its error log: systemctl status nginx',
      ),
    );
  if (running && contract.router.upstream === 'socket' && found.unreachable)
    findings.push(problem('nginx cannot reach the app', `${found.unreachable}.`));
  if (findings.length > 0) return findings;
  return [{ check: 'proxy', level: 'ok', says: `nginx reads ${configDir}${running ? ` and serves "${app.name}"` : ''}` }];
}

function problem(says: string, remedy: string): Finding {
  return { check: 'proxy', level: 'fail', says, remedy };
}

import { Agent } from 'node:http';
import { type Answer, exchange } from './http.ts';

const BODY = Buffer.alloc(20_000, 'greenroom ').toString();

export interface LoadReport {
  requests: number;
  /** What each failed request saw; empty is the goal. */
  failures: string[];
  /** Versions in the order they were first seen. */
  versions: string[];
}

/** Sends requests without a pause and without retries until stopped: GET and POST, each over kept-alive and over new connections. */
export function startLoad(port: number): { stop(): Promise<LoadReport> } {
  const report: LoadReport = { requests: 0, failures: [], versions: [] };
  const agent = new Agent({ keepAlive: true, maxSockets: 2 });
  let running = true;

  const once = async (name: string, send: () => Promise<Answer>, judge: (answer: Answer) => string): Promise<void> => {
    report.requests += 1;
    try {
      const problem = judge(await send());
      if (problem) report.failures.push(`${name}: ${problem}`);
    } catch (error) {
      report.failures.push(`${name}: ${error instanceof Error ? error.message : String(error)}`);
    }
  };
  const version = (answer: Answer): string => {
    if (answer.status !== 200) return `status ${answer.status}`;
    if (!report.versions.includes(answer.body)) report.versions.push(answer.body);
    return '';
  };
  const echo = (answer: Answer): string => {
    if (answer.status !== 200) return `status ${answer.status}`;
    return answer.body === BODY ? '' : `${answer.body.length} of ${BODY.length} bytes came back`;
  };
  const worker = async (): Promise<void> => {
    while (running) {
      await once('GET, kept-alive connection', () => exchange({ port, agent }), version);
      await once('POST, kept-alive connection', () => exchange({ port, agent, method: 'POST', path: '/echo', body: BODY }), echo);
      await once('GET, new connection', () => exchange({ port }), version);
      await once('POST, new connection', () => exchange({ port, method: 'POST', path: '/echo', body: BODY }), echo);
    }
  };
  const workers = [worker(), worker()];
  return {
    async stop() {
      running = false;
      await Promise.all(workers);
      agent.destroy();
      return report;
    },
  };
}

/** For assertions: how many failed, and how. */
export function lossOf(report: LoadReport): string {
  if (report.failures.length === 0) return '';
  return `${report.failures.length} of ${report.requests} requests failed: ${[...new Set(report.failures)].slice(0, 3).join('; ')}`;
}

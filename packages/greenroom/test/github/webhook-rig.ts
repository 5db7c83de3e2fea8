import { request } from 'node:http';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { sign } from '@octokit/webhooks-methods';
import { openDeliveries } from '../../src/orchestrator/adapters/deliveries.ts';
import type { MergedEvent, PushEvent } from '../../src/orchestrator/api/webhook/event.ts';
import { listenWebhook, type WebhookListener, type WebhookOptions } from '../../src/orchestrator/api/webhook.ts';
import { temporaryFolder } from './rig.ts';

export const SECRET = "it's a secret to everybody";

export interface Answered {
  status: number;
  body: { ok?: boolean; error?: string; ignored?: string; duplicate?: boolean };
  headers: Record<string, unknown>;
}

export interface WebhookRig {
  port: number;
  pushes: PushEvent[];
  merges: MergedEvent[];
  logged: string[];
  /** Signs as GitHub does, unless the headers say otherwise. */
  deliver(event: string, payload: object, headers?: Record<string, string>): Promise<Answered>;
  send(headers: Record<string, string>, body: Buffer | string): Promise<Answered>;
  /** Waits until everything that was answered is dealt with, then listens anew with the same memory on disk. */
  restart(): Promise<void>;
}

/** The recorded deliveries are about this repository and its branch master. */
export async function webhookRig(t: TestContext, options: Partial<WebhookOptions> = {}): Promise<WebhookRig> {
  const file = join(temporaryFolder(t), 'deliveries');
  const pushes: PushEvent[] = [];
  const merges: MergedEvent[] = [];
  const logged: string[] = [];
  let deliveries = 0;
  let listener: WebhookListener = await listen();
  t.after(() => listener.close());
  const rig: WebhookRig = {
    port: listener.port,
    ...{ pushes, merges, logged },
    async deliver(event, payload, headers = {}) {
      const body = JSON.stringify(payload);
      deliveries += 1;
      return rig.send(
        {
          'content-type': 'application/json',
          'x-github-event': event,
          'x-github-delivery': `11111111-0000-0000-0000-${String(deliveries).padStart(12, '0')}`,
          'x-hub-signature-256': await sign(SECRET, body),
          ...headers,
        },
        body,
      );
    },
    send: (headers, body) => post(options.listen && 'socket' in options.listen ? options.listen.socket : rig.port, headers, body),
    async restart() {
      await listener.close();
      listener = await listen();
      rig.port = listener.port;
    },
  };
  return rig;

  async function listen(): Promise<WebhookListener> {
    return listenWebhook({
      secret: SECRET,
      repository: 'codertocat/hello-world',
      humanBranch: 'master',
      listen: { port: 0 },
      deliveries: await openDeliveries(file),
      onPush: (push) => void pushes.push(push),
      onMerged: (merged) => void merges.push(merged),
      log: (message) => void logged.push(message),
      ...options,
    });
  }
}

export function post(
  where: number | string,
  headers: Record<string, string>,
  body: Buffer | string,
  path = '/webhook',
  method = 'POST',
): Promise<Answered> {
  return new Promise((resolve, reject) => {
    const sent = request(
      { ...(typeof where === 'string' ? { socketPath: where } : { host: '127.0.0.1', port: where }), path, method, headers, agent: false },
      (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk: string) => {
          text += chunk;
        });
        response.on('end', () =>
          resolve({ status: response.statusCode ?? 0, body: JSON.parse(text) as Answered['body'], headers: response.headers }),
        );
      },
    );
    sent.on('error', reject);
    sent.end(body);
  });
}

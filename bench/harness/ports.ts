import { canListen, freePort, freePorts } from '../../packages/conformance/src/harness/ports.ts';

export { freePort, freePorts };

/** The wanted port when it is free on all interfaces, else another one. */
export async function portNear(wanted: number): Promise<number> {
  return (await canListen(wanted)) ? wanted : freePort();
}

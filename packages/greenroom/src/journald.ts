import { fstatSync } from 'node:fs';

/** Priorities of syslog, which journald reads at the beginning of a line. */
const PRIORITY = { error: 3, warn: 4, info: 6 } as const;

/** Whether what is written to this file descriptor goes to journald, which keeps the time itself: found out as sd-daemon(3) says, by the variable `JOURNAL_STREAM`. */
export function writesToJournald(fd: 1 | 2, { JOURNAL_STREAM: stream }: NodeJS.ProcessEnv = process.env): boolean {
  if (!stream) return false;
  try {
    const { dev, ino } = fstatSync(fd, { bigint: true });
    return stream === `${dev}:${ino}`;
  } catch (error) {
    // A descriptor that was closed.
    if ((error as NodeJS.ErrnoException).code === 'EBADF') return false;
    throw error;
  }
}

/** The message with its priority; each line of it, so that none can be taken for a message of another priority. */
export function journaldLine(message: string, level: keyof typeof PRIORITY = 'info'): string {
  return `${message.replace(/^/gm, `<${PRIORITY[level]}>`)}\n`;
}

import { userInfo } from 'node:os';

/** Whose word it is when somebody decides here. In a container the user may have no name. */
export function ownName(): string {
  try {
    return userInfo().username;
  } catch (error) {
    if (error instanceof Error && 'syscall' in error) return `user ${process.getuid?.() ?? ''}`.trim();
    throw error;
  }
}

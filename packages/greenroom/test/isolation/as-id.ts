/** Does something at once with the rights of a user and group by their numbers, and comes back. For root only; what `work` waits for is done as root. */
export function asId<T>(id: number, work: () => T): T {
  const groups = process.getgroups?.() ?? [];
  process.setgroups?.([]);
  process.setegid?.(id);
  process.seteuid?.(id);
  try {
    return work();
  } finally {
    process.seteuid?.(0);
    process.setegid?.(0);
    process.setgroups?.(groups);
  }
}

/** All interfaces, IPv6 and IPv4 in one; IPv4 alone on a machine without IPv6. */
export async function listenEverywhere<T>(listen: (host: string) => Promise<T>): Promise<T> {
  try {
    return await listen('::');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'EAFNOSUPPORT' && code !== 'EADDRNOTAVAIL') throw error;
    return listen('0.0.0.0');
  }
}

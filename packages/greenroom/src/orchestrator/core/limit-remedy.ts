/** What to do about a limit that something ran into; `field` is its place in the contract. */
export const limitRemedy = (field: string): string => `Find out what needs so much, or raise ${field} in the contract.`;

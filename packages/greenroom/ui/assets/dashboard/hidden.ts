/** A browser has six connections for all tabs of a site, and a page of an app takes two: a tab in the background gives them back soon. */
export const HIDDEN_MS = 5_000;

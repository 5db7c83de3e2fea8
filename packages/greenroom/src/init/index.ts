/** `init` as a library: looks at an app's folder and proposes a contract. Asks nothing, runs nothing of the app, writes nothing. */
export { detectApp } from './detect.ts';
export { initialContract } from './initial-contract.ts';

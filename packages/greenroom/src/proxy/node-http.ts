/** `import 'node:http'` would load undici too (12 MB, 28 ms on a restart); the built-in module alone does not. */
export const http = process.getBuiltinModule('node:http');

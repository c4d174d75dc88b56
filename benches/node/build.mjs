import { build } from 'esbuild'

const FUNCTIONS = [
  'threads-create',
  'threads-list',
  'threads-get',
  'messages-send',
  'messages-list',
  'files-create',
  'files-status',
  'files-serve',
  'files-process',
  'chat-stream',
  'ws-ticket',
  'ws-connect',
  'ws-message',
  'ws-disconnect',
]

await build({
  entryPoints: FUNCTIONS.map((name) => `${name}.mjs`),
  outdir: 'dist',
  outExtension: { '.js': '.mjs' },
  bundle: true,
  // Has a library of its own, and is loaded from beside it.
  external: ['sharp'],
  minify: true,
  platform: 'node',
  target: 'node20',
  format: 'esm',
  // The SDK's ES modules, which can be shaken; by default it would be its CommonJS.
  mainFields: ['module', 'main'],
  // What is CommonJS all the same requires Node's own modules.
  banner: { js: "import { createRequire } from 'node:module';const require = createRequire(import.meta.url);" },
})

import { build } from 'esbuild'

await build({
  entryPoints: ['threads-get', 'messages-list', 'messages-send', 'ws-message'].map((route) => `${route}.mjs`),
  outdir: 'dist',
  outExtension: { '.js': '.mjs' },
  bundle: true,
  minify: true,
  platform: 'node',
  target: 'node20',
  format: 'esm',
  // The SDK's ES modules, which can be shaken; by default it would be its CommonJS.
  mainFields: ['module', 'main'],
  // What is CommonJS all the same requires Node's own modules.
  banner: { js: "import { createRequire } from 'node:module';const require = createRequire(import.meta.url);" },
})

// Bundles every function in functions/ into dist/.
import { build } from 'esbuild'

await build({
  entryPoints: ['functions/*.mjs'],
  outdir: 'dist',
  outExtension: { '.js': '.mjs' },
  bundle: true,
  // sharp has a native library and is loaded from node_modules.
  external: ['sharp'],
  minify: true,
  platform: 'node',
  target: 'node20',
  format: 'esm',
  // Takes the SDK's ES modules, which allow tree shaking. The default would be its CommonJS modules.
  mainFields: ['module', 'main'],
  // Dependencies that exist only as CommonJS need `require` for Node's own modules.
  banner: { js: "import { createRequire } from 'node:module';const require = createRequire(import.meta.url);" },
})

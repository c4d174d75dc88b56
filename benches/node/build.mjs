// Bundles every function in functions/ into dist/.
import { build } from 'esbuild'

await build({
  entryPoints: ['functions/*.mjs'],
  outdir: 'dist',
  outExtension: { '.js': '.mjs' },
  bundle: true,
  // sharp has a native library, which cannot be bundled and is loaded from node_modules.
  external: ['sharp'],
  minify: true,
  platform: 'node',
  target: 'node20',
  format: 'esm',
  // Takes the ES modules of the AWS SDK, which allow tree shaking, instead of its CommonJS modules (the default).
  mainFields: ['module', 'main'],
  // Some bundled dependencies exist only as CommonJS and need `require` to load Node's own modules.
  banner: { js: "import { createRequire } from 'node:module';const require = createRequire(import.meta.url);" },
})

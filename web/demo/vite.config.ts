import { defineConfig } from "vite";

export default defineConfig({
  base: "./", // wherever it is put, config.json is beside it
  server: {
    port: 5173,
    strictPort: true, // the local cloud allows this origin
    proxy: { "/config.json": "http://127.0.0.1:4580" }, // where `make up` serves the page
  },
});

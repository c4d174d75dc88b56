import { defineConfig } from "vite";
import { serviceWorker } from "./build/service-worker.ts";

export default defineConfig({
  base: "./", // relative URLs, so that the page works in any folder
  plugins: [serviceWorker()],
  build: {
    rolldownOptions: {
      // The code that the first paint needs is one file. Without this group, each module that it shares with a dialog
      // would be a file of its own.
      output: { codeSplitting: { groups: [{ name: "page", tags: ["$initial"] }] } },
    },
  },
  server: {
    port: 5173,
    strictPort: true, // the local cloud accepts requests from pages on this port
    cors: false, // by default, pages of other ports may read all files, and config.json has the demo users' passwords
    proxy: { "/config.json": "http://127.0.0.1:4580" }, // `make up` serves the page and its config.json here
  },
});

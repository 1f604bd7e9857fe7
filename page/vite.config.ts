import { defineConfig } from "vite";

// The page is served at / by `lookalike serve`; during development `npm run dev` asks a server on its usual port.
export default defineConfig({
  base: "./",
  build: { outDir: "../src/lookalike/show/page", emptyOutDir: true, target: "es2022", assetsInlineLimit: 0, modulePreload: { polyfill: false } },
  server: { proxy: { "/api": { target: "http://127.0.0.1:8765", headers: { origin: "http://127.0.0.1:8765" } } } },
});

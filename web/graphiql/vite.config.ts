import { defineConfig } from "vite";

export default defineConfig({
  base: "/graphiql/",
  // The server puts a fresh nonce here in every answer (app/graphiql.py).
  html: { cspNonce: "CSP_NONCE" },
  build: {
    outDir: "../../app/static/graphiql",
    emptyOutDir: true,
    // The policy allows fonts from the server only, so no file may become a data: address.
    assetsInlineLimit: 0,
    license: { fileName: "THIRD-PARTY-LICENSES.md" },
    modulePreload: { polyfill: false },
    sourcemap: false,
    target: "es2022",
    // Libraries mark files for React's server rendering, which a static page has none of.
    rolldownOptions: {
      input: ["index.html", "callback.html"],
      checks: { moduleLevelDirective: false },
    },
    chunkSizeWarningLimit: 4096,
  },
  worker: { format: "es" },
});

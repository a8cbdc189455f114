/** Example operations, one a file; the files' names give the order of the tabs. */

const files = import.meta.glob<string>("../examples/*.graphql", {
  eager: true,
  import: "default",
  query: "?raw",
});

export const EXAMPLES: readonly string[] = Object.keys(files)
  .sort()
  .map((name) => files[name] ?? "");

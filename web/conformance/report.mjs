/** The summary: a line for each check, and what failed below it. */

/** Thrown by a check that counts: `count` is shown beside the outcome. */
export class CountedError extends Error {
  constructor(count, message) {
    super(message);
    this.count = count;
    // Where it was thrown says nothing; the lines of the message do.
    this.stack = message;
  }
}

/** Prints the table and the failures; gives whether everything passed. */
export function printReport(results) {
  const rows = [['tool', 'what was checked', 'outcome', 'count']];
  for (const { tool, what, ok, count } of results) {
    rows.push([tool, what, ok ? 'passed' : 'FAILED', count]);
  }
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  rows.splice(1, 0, widths.map((width) => '-'.repeat(width)));
  for (const row of rows) {
    console.log(row.map((cell, column) => cell.padEnd(widths[column])).join('  ').trimEnd());
  }
  const failed = results.filter(({ ok }) => !ok);
  console.log(`\n${results.length - failed.length} of ${results.length} passed`);
  for (const { tool, what, details } of failed) {
    console.log(`\n${tool}: ${what}\n${details.replace(/^/gm, '  ')}`);
  }
  return failed.length === 0;
}

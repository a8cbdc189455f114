/** What the server itself logged meanwhile: comes last. */
import { CountedError } from '../report.mjs';

export const tool = 'log';

export function version() {
  return 'of the server';
}

export const checks = [
  {
    what: 'no line of the levels error and critical',
    async run(bank) {
      const lines = bank.log.filter((line) => /"level": ?"(error|critical)"|Traceback/.test(line));
      if (lines.length > 0) {
        throw new CountedError(`${lines.length} lines`, lines.slice(0, 5).join('\n'));
      }
      return `${bank.log.length} lines`;
    },
  },
];

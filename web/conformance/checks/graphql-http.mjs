/** The server audits of graphql-http: "GraphQL over HTTP", MUSTs, SHOULDs and MAYs. */
import { auditServer } from 'graphql-http';

import { CountedError } from '../report.mjs';

export const tool = 'graphql-http';

const AUDITS = 61;

export const checks = [
  {
    what: 'server audits',
    async run(bank) {
      const results = await auditServer({ url: bank.http, fetchFn: bank.fetch });
      const others = results.filter(({ status }) => status !== 'ok');
      const count = `${results.length - others.length} of ${results.length}`;
      if (others.length > 0) {
        const lines = others.map(
          ({ id, name, status, reason }) => `${status} ${id} ${name}: ${reason}`,
        );
        throw new CountedError(count, lines.join('\n'));
      }
      // A release with fewer audits would otherwise pass unseen.
      if (results.length < AUDITS) {
        throw new CountedError(count, `expected at least ${AUDITS} audits`);
      }
      return count;
    },
  },
];

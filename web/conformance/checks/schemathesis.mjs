/** Hundreds of operations that schemathesis makes up from the schema that the server tells. */
import { readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { HERE } from '../paths.mjs';
import { CountedError } from '../report.mjs';
import { execute } from '../tools.mjs';

export const tool = 'schemathesis';

const FOLDER = join(HERE, 'schemathesis');
const FAILURES_SHOWN = 20_000;

export function version() {
  const lock = readFileSync(join(FOLDER, 'requirements.lock'), 'utf8');
  return /^schemathesis==(\S+)/m.exec(lock)[1];
}

export const checks = [
  {
    what: 'no 5xx, no error without a code of the closed list',
    seconds: 600,
    async run(bank) {
      const folder = await mkdtemp(join(tmpdir(), 'bank360-schemathesis-'));
      try {
        const config = join(folder, 'schemathesis.toml');
        await writeFile(config, await configuration(bank));
        const given = ['--no-color', '--config-file', config, 'run', bank.http];
        const wrote = await execute(join(FOLDER, '.venv/bin/schemathesis'), given, {
          // Of what it keeps between runs nothing is wanted; it finds its hooks all the same.
          cwd: folder,
          env: { ...process.env, BANK360_TOKEN: bank.token, PYTHONPATH: FOLDER },
        }).catch(({ stack }) => {
          throw new CountedError(generated(stack), stack.slice(0, FAILURES_SHOWN));
        });
        return generated(wrote);
      } finally {
        await rm(folder, { recursive: true, force: true });
      }
    },
  },
];

function generated(output) {
  return `${/(\d+) generated/.exec(output)?.[1] ?? 'no'} operations`;
}

/** Fills in ids of this bank, for schemathesis substitutes no variables in dictionaries. */
async function configuration(bank) {
  const template = await readFile(join(FOLDER, 'schemathesis.template.toml'), 'utf8');
  return Object.entries(await found(bank)).reduce(
    (text, [name, value]) => text.replaceAll(`\${${name}}`, value),
    template,
  );
}

async function found(bank) {
  const { customers, branches, products, segments } = await bank.run(`{
    customers(first: 100) {
      nodes { id accounts { id number } loans { id } tickets(first: 1) { nodes { id } } }
    }
    branches { id } products { id } segments { id }
  }`);
  const customer = customers.nodes.find(
    ({ accounts, loans, tickets }) => accounts.length && loans.length && tickets.nodes.length,
  );
  return {
    CUSTOMER: customer.id,
    ACCOUNT: customer.accounts[0].id,
    ACCOUNT_NUMBER: customer.accounts[0].number,
    LOAN: customer.loans[0].id,
    TICKET: customer.tickets.nodes[0].id,
    BRANCH: branches[0].id,
    PRODUCT: products[0].id,
    SEGMENT: segments[0].id,
  };
}

/** The typed Python client of web/clients: generated, checked with mypy, and run. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';

import { ROOT } from '../paths.mjs';
import { execute } from '../tools.mjs';

export const tool = 'ariadne-codegen';

const CLIENT = join(ROOT, 'web/clients/python');
const BIN = join(CLIENT, '.venv/bin');

export function version() {
  const lock = readFileSync(join(CLIENT, 'requirements.lock'), 'utf8');
  return /^ariadne-codegen==(\S+)/m.exec(lock)[1];
}

export const checks = [
  {
    what: 'client from schema.graphql',
    async run() {
      await rm(join(CLIENT, 'bank360_client'), { recursive: true, force: true });
      await execute(join(BIN, 'ariadne-codegen'), [], { cwd: CLIENT });
    },
  },
  {
    what: 'mypy --strict',
    seconds: 120,
    async run() {
      await execute(join(BIN, 'mypy'), [], { cwd: CLIENT });
    },
  },
  {
    what: 'the example program',
    async run(bank) {
      const wrote = await execute(join(BIN, 'python'), ['show_customer.py', 'N00000001'], {
        cwd: CLIENT,
        env: { ...process.env, BANK360_GRAPHQL: bank.http, BANK360_TOKEN: bank.token },
      });
      assert.match(wrote, /^N00000001 \S.*\n\S+ -?\d+\.\d\d [A-Z]{3}\n/);
    },
  },
];

/** The typed TypeScript client of web/clients: generated, compiled, and run. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';

import { ROOT } from '../paths.mjs';
import { execute } from '../tools.mjs';

export const tool = 'graphql-codegen';

const CLIENT = join(ROOT, 'web/clients/typescript');
const MODULES = join(CLIENT, 'node_modules');

export function version() {
  const file = join(MODULES, '@graphql-codegen/cli/package.json');
  return JSON.parse(readFileSync(file, 'utf8')).version;
}

export const checks = [
  {
    what: 'client preset from schema.graphql',
    seconds: 120,
    async run() {
      await rm(join(CLIENT, 'src/generated'), { recursive: true, force: true });
      await execute(join(MODULES, '.bin/graphql-codegen'), [], { cwd: CLIENT });
    },
  },
  {
    what: 'tsc --noEmit --strict',
    async run() {
      await execute(join(MODULES, '.bin/tsc'), ['--noEmit', '--strict'], { cwd: CLIENT });
    },
  },
  {
    what: 'the example program',
    async run(bank) {
      await execute(join(MODULES, '.bin/tsc'), [], { cwd: CLIENT });
      const wrote = await execute(process.execPath, ['dist/main.js', 'N00000001'], {
        cwd: CLIENT,
        env: { ...process.env, BANK360_GRAPHQL: bank.http, BANK360_TOKEN: bank.token },
      });
      assert.match(wrote, /^N00000001 \S.*\n\S+ -?\d+\.\d\d [A-Z]{3}\n/);
    },
  },
];

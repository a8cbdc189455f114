/** The rule sets schema-recommended and schema-relay over schema.graphql. */
import assert from 'node:assert/strict';
import { join } from 'node:path';

import { ESLint } from 'eslint';

import { HERE, ROOT } from '../paths.mjs';
import { CountedError } from '../report.mjs';

export const tool = 'graphql-eslint';
const name = '@graphql-eslint/eslint-plugin';
export { name as package };

export const checks = [
  {
    what: 'schema-recommended and schema-relay on schema.graphql',
    async run() {
      const config = join(HERE, 'eslint.config.mjs');
      const eslint = new ESLint({ cwd: ROOT, overrideConfigFile: config });
      const rules = (await eslint.calculateConfigForFile('schema.graphql')).rules;
      const [{ messages }] = await eslint.lintFiles(['schema.graphql']);
      const shown = messages.map(
        ({ line, ruleId, message }) => `schema.graphql:${line} ${ruleId} ${message}`,
      );
      if (shown.length > 0) {
        throw new CountedError(`${shown.length} reported`, shown.join('\n'));
      }
      const names = Object.keys(rules);
      assert(names.length > 0);
      return `${names.length} rules`;
    },
  },
];

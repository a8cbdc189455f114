/**
 * Runs every tool against a bank of its own and prints what came of it.
 *
 * `node run.mjs [TOOL…]`: all tools, or those named. Exit status: 0 all passed, 1 something failed,
 * 2 a tool that there is not.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { Bank } from './bank.mjs';
import * as apollo from './checks/apollo.mjs';
import * as ariadne from './checks/ariadne-codegen.mjs';
import * as codegen from './checks/graphql-codegen.mjs';
import * as eslint from './checks/graphql-eslint.mjs';
import * as http from './checks/graphql-http.mjs';
import * as sse from './checks/graphql-sse.mjs';
import * as ws from './checks/graphql-ws.mjs';
import * as log from './checks/log.mjs';
import * as relay from './checks/relay.mjs';
import * as schemathesis from './checks/schemathesis.mjs';
import * as urql from './checks/urql.mjs';
import { HERE } from './paths.mjs';
import { printReport } from './report.mjs';
import { endPrograms } from './tools.mjs';

const CLIENTS = [http, ws, sse, apollo, urql, relay, codegen, ariadne];
const MODULES = [...CLIENTS, eslint, schemathesis, log];
const CHECK_SECONDS_MAX = 60;

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => MODULES.every(({ tool }) => tool !== name));
if (unknown.length > 0) {
  const names = MODULES.map(({ tool }) => tool).join(', ');
  console.error(`no tool is named ${unknown.join(', ')}; there are ${names}`);
  process.exit(2);
}

const bank = new Bank();
for (const [signal, status] of [['SIGINT', 130], ['SIGTERM', 143], ['SIGHUP', 129]]) {
  process.once(signal, async () => {
    endPrograms();
    await bank.stop();
    process.exit(status);
  });
}

const modules = MODULES.filter(({ tool }) => wanted.length === 0 || wanted.includes(tool));
try {
  console.error('starting a bank');
  await bank.start();
  const results = await check(modules);
  process.exitCode = printReport(results) ? 0 : 1;
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
} finally {
  await bank.stop();
}

async function check(modules) {
  const results = [];
  for (const { tool, package: name, version, checks } of modules) {
    const label = `${tool} ${version?.() ?? installed(name ?? tool)}`;
    console.error(label);
    for (const one of checks) {
      results.push({ tool: label, what: one.what, ...(await outcome(one)) });
    }
  }
  return results;
}

/** Runs one check; it fails by throwing, and may return a count. */
async function outcome({ run, seconds = CHECK_SECONDS_MAX }) {
  let timer;
  const late = new Promise((_, reject) => {
    const message = `not finished within ${seconds} s`;
    timer = setTimeout(() => reject(new Error(message)), seconds * 1000);
  });
  try {
    return { ok: true, count: String((await Promise.race([run(bank), late])) ?? '') };
  } catch (error) {
    return { ok: false, count: error.count ?? '', details: error.stack ?? String(error) };
  } finally {
    clearTimeout(timer);
    endPrograms();
  }
}

function installed(name) {
  const file = join(HERE, 'node_modules', name, 'package.json');
  return JSON.parse(readFileSync(file, 'utf8')).version;
}

/** A small invented bank of its own for one run: started, asked for a token, and stopped. */
import { spawn } from 'node:child_process';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { ROOT } from './paths.mjs';
import { execute } from './tools.mjs';

const CUSTOMERS = 200;
const ROLE = 'RELATIONSHIP_MANAGER';
const START_SECONDS_MAX = 300;
const STOP_SECONDS_MAX = 60;
const COMMAND = process.env.BANK360 ?? join(ROOT, '.venv/bin/bank360');

/** A bank that serves on a free port of loopback; `http` and `ws` are its endpoint's addresses. */
export class Bank {
  /** What the server wrote, line by line. */
  log = [];
  #folder;
  #server;
  #ended;
  #stopped;

  /** Starts the bank, and signs in; throws with what the server wrote when it does not serve. */
  async start() {
    this.#folder = await mkdtemp(join(tmpdir(), 'bank360-conformance-'));
    // For root, PostgreSQL runs as another user, who must be able to reach the folder.
    await chmod(this.#folder, 0o755);
    const data = join(this.#folder, 'bank');
    const env = environment();
    const given = ['demo', '--port', '0', '--customers', String(CUSTOMERS), '--data-dir', data];
    this.#server = spawn(COMMAND, given, { env, stdio: ['ignore', 'pipe', 'pipe'] });
    this.#ended = new Promise((resolve) => this.#server.once('close', resolve));
    collect(this.#server, this.log);
    const url = await this.#serving();
    const token = await execute(COMMAND, ['token', '--role', ROLE, '--data-dir', data], { env });
    this.http = `${url}/graphql`;
    this.ws = this.http.replace('http', 'ws');
    this.token = token.trim();
    this.authorization = `Bearer ${this.token}`;
    this.headers = { authorization: this.authorization };
  }

  /** Ends the server by SIGTERM and removes its data; again and again is once. */
  stop() {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  /** `fetch` with the token, for the clients that take one of their own. */
  fetch = (url, options = {}) => {
    const headers = new Headers(options.headers);
    headers.set('authorization', this.authorization);
    return fetch(url, { ...options, headers });
  };

  /** Sends one operation without any client; throws where it has errors. */
  async run(query, variables) {
    const response = await this.fetch(this.http, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ query, variables }),
    });
    const { data, errors } = await response.json();
    if (errors) {
      throw new Error(`${query} was answered with ${JSON.stringify(errors)}`);
    }
    return data;
  }

  async #stop() {
    if (this.#server) {
      this.#server.kill('SIGTERM');
      const timer = setTimeout(() => this.#server.kill('SIGKILL'), STOP_SECONDS_MAX * 1000);
      await this.#ended;
      clearTimeout(timer);
    }
    if (this.#folder) {
      await rm(this.#folder, { recursive: true, force: true });
    }
  }

  /** Waits until the server answers; gives its address. */
  async #serving() {
    let status;
    this.#server.once('error', ({ message }) => {
      status = `${COMMAND}: ${message}`;
    });
    this.#ended.then((code) => {
      status ??= `${COMMAND} ended with status ${code}`;
    });
    const deadline = Date.now() + START_SECONDS_MAX * 1000;
    while (Date.now() < deadline && status === undefined) {
      const url = this.log.map((line) => /^bank360 +(http\S+)$/.exec(line)?.[1]).find(Boolean);
      if (url && (await answers(`${url}/healthz`))) {
        return url;
      }
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    const reason = status ?? `the bank did not serve within ${START_SECONDS_MAX} s`;
    throw new Error([reason, ...this.log.slice(-20)].join('\n'));
  }
}

/** Leaves out what would lead to another bank than the one of this run, or change its limits. */
function environment() {
  const names = Object.keys(process.env).filter(
    (name) => !/^(BANK360_|DATABASE_URL$|REDIS_URL$)/.test(name),
  );
  return Object.fromEntries(names.map((name) => [name, process.env[name]]));
}

function collect(server, lines) {
  for (const stream of [server.stdout, server.stderr]) {
    let rest = '';
    stream.setEncoding('utf8');
    stream.on('data', (text) => {
      const parts = (rest + text).split('\n');
      rest = parts.pop();
      lines.push(...parts);
    });
  }
}

async function answers(url) {
  try {
    return (await fetch(url)).ok;
  } catch {
    return false;
  }
}

/** Programs of the command line. */
import { execFile } from 'node:child_process';

const running = new Set();

/** Runs a program; gives what it wrote, and throws that when its exit status is not 0. */
export function execute(file, given, options = {}) {
  return new Promise((resolve, reject) => {
    const done = (error, stdout, stderr) => {
      running.delete(child);
      if (error) {
        const wrote = new Error(`${[file, ...given].join(' ')}: ${error.code ?? error.signal}`);
        wrote.stack = [wrote.message, stdout, stderr].filter(Boolean).join('\n').trimEnd();
        reject(wrote);
      } else {
        resolve(stdout);
      }
    };
    const child = execFile(file, given, { maxBuffer: 1 << 26, ...options }, done);
    running.add(child);
  });
}

/** Ends the programs that still run: their check is over. */
export function endPrograms() {
  for (const child of running) {
    child.kill('SIGTERM');
  }
}
